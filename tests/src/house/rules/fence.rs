//! The fence around `unsafe`: the few files that may hold it, and the note that each use must carry.

use std::iter;

use crate::house::lexer::{Kind, Token};
use crate::house::tree::File;
use crate::house::{Tree, Violation};

use super::Rule;

/// `unsafe` stands only in the files of the list.
pub const FENCE: Rule = Rule {
    why: "`unsafe` stands only where shared memory, the operating system or vector instructions ask for it, so that a \
          review of soundness is a review of these few files. Call one of their safe functions, or add one there. \
          If a file really belongs to them, add it with its reason (tests/src/house/rules/fence.rs).",
    find: outside,
};

/// Each `unsafe` says why it is sound.
pub const NOTES: Rule = Rule {
    why: "Each `unsafe` has a note that a reviewer can check: `// SAFETY:` in the eight lines above, or a `# Safety` \
          section in the documentation of an unsafe function or trait.",
    find: without_note,
};

/// The files inside the fence, by the beginning of their path, and why each is.
const INSIDE: &[(&str, &str)] = &[
    ("crates/mpexec-ring/", "memory that two processes write"),
    ("crates/mpexec-core/src/link/shm", "the link over that memory"),
    ("crates/mpexec-core/src/os/", "raw calls of the operating system"),
    ("crates/mpexec-core/src/task/entry.rs", "turns a function into a task and back"),
    ("crates/mpexec-core/tests/programs/refusing.rs", "has the kernel refuse system calls, or delay them"),
    ("crates/mpexec-core/tests/death/forensics.rs", "code that is wrong, to be told where"),
    ("crates/mpexec-core/tests/death/forks.rs", "forks, as a program does that knows nothing of the library"),
    ("crates/mpexec-core/tests/death/mischief.rs", "does what a careless C library does"),
    ("crates/mpexec-testkit/src/ended.rs", "asks the kernel how a process ended that was reaped"),
    ("crates/mpexec-testkit/src/thread.rs", "ends a thread as no library does"),
    ("crates/mpexec-core/examples/crash_isolation.rs", "shows that a broken binding to C takes nobody along"),
    ("crates/mpexec/src/signals/order.rs", "writes down in a signal handler which signal was the first"),
    ("crates/mpexec/src/early.rs", "runs before main, to see what the standard library hides"),
    ("crates/mpexec-data/src/map.rs", "maps files"),
    ("crates/mpexec-data/src/kernel", "vector instructions"),
    ("crates/mpexec-wire/tests/memory.rs", "an allocator that counts, which nobody ships"),
    ("chaos/src/heap.rs", "another one"),
];

/// How many lines above an `unsafe` its note may begin.
const REACH: usize = 8;

fn outside(tree: &Tree) -> Vec<Violation> {
    let files = tree.rust().filter(|file| !INSIDE.iter().any(|(start, _)| file.path.starts_with(start)));
    files
        .flat_map(|file| uses(file).map(move |(_, token)| (file, token.line)))
        .map(|(file, line)| Violation::new(&file.path, line, "`unsafe` outside of the fence"))
        .collect()
}

fn without_note(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .flat_map(|file| uses(file).map(move |(at, token)| (file, at, token.line)))
        .filter(|&(file, at, line)| !(has_note_near(file, line) || is_documented(&file.tokens[..at])))
        .map(|(file, _, line)| Violation::new(&file.path, line, "`unsafe` without a note on safety"))
        .collect()
}

/// Every `unsafe` that does something: to name the type `unsafe fn(..)` of a pointer is harmless, calling one is not.
fn uses(file: &File) -> impl Iterator<Item = (usize, &Token)> {
    let found = file.tokens.iter().enumerate().filter(|(_, t)| t.is("unsafe"));
    found.filter(|&(at, _)| {
        let mut after = file.tokens[at + 1..].iter().filter(|t| t.kind != Kind::Comment).peekable();
        if after.peek().is_some_and(|t| t.is("extern")) {
            after.next();
            after.next_if(|t| t.kind == Kind::Literal);
        }
        !(after.next().is_some_and(|t| t.is("fn")) && after.next().is_some_and(|t| t.is("(")))
    })
}

fn has_note_near(file: &File, line: usize) -> bool {
    let near = line.saturating_sub(REACH)..=line;
    let mut comments = file.tokens.iter().filter(|t| t.kind == Kind::Comment);
    comments.any(|t| {
        let notes = t.text.lines().enumerate().filter(|(_, text)| text.contains("SAFETY:"));
        notes.map(|(below, _)| t.line + below).any(|at| near.contains(&at))
    })
}

/// Whether the doc comment right above (attributes and visibility between) has a section on safety, however long it is.
fn is_documented(before: &[Token]) -> bool {
    let mut rest = before;
    iter::from_fn(|| {
        let (last, head) = rest.split_last()?;
        rest = head;
        if last.is("]") {
            let hash = head.iter().rposition(|t| t.is("#"))?;
            rest = &head[..hash];
        }
        let goes_on =
            last.kind == Kind::Comment || ["]", "pub", "const", "async", ")", "(", "crate"].iter().any(|w| last.is(w));
        goes_on.then_some(last)
    })
    .any(|t| t.kind == Kind::Comment && t.text.contains("# Safety"))
}

#[cfg(test)]
mod tests {
    use super::super::samples::broken;
    use super::*;

    const NOTED: &str = "fn f() {\n// SAFETY: checked above.\nunsafe { g() }\n}";

    #[test]
    fn unsafe_outside_of_the_fence_is_found_even_with_a_note() {
        assert_eq!(broken(FENCE, &[("crates/mpexec-core/src/pool.rs", NOTED)]), ["crates/mpexec-core/src/pool.rs:3"]);
        assert_eq!(broken(FENCE, &[("crates/mpexec-data/tests/map.rs", NOTED)]), ["crates/mpexec-data/tests/map.rs:3"]);
    }

    #[test]
    fn the_files_of_the_list_are_inside() {
        let inside = [
            "crates/mpexec-core/src/link/shm/ring.rs",
            "crates/mpexec-core/src/link/shm.rs",
            "crates/mpexec-data/src/kernel/avx2.rs",
        ];
        assert_eq!(broken(FENCE, &inside.map(|path| (path, NOTED))), [""; 0]);
    }

    #[test]
    fn comments_strings_and_types_of_pointers_are_no_use() {
        let text = "#![deny(unsafe_code)]\n// unsafe\nconst S: &str = \"unsafe\";\ntype F = unsafe fn(u8); type G = unsafe extern \"C\" fn ();";
        assert_eq!(broken(FENCE, &[("a.rs", text)]), [""; 0]);
        assert_eq!(broken(FENCE, &[("a.rs", "unsafe extern \"C\" fn f() {}")]), ["a.rs:1"]);
    }

    #[test]
    fn a_note_must_stand_within_eight_lines() {
        let far = |lines: usize| format!("// SAFETY: x.\n{}unsafe {{ g() }}", "\n".repeat(lines - 1));
        assert_eq!(broken(NOTES, &[("a.rs", &far(8))]), [""; 0]);
        assert_eq!(broken(NOTES, &[("a.rs", &far(9))]), ["a.rs:10"]);
        assert_eq!(broken(NOTES, &[("a.rs", "fn f() { unsafe { g() } }")]), ["a.rs:1"]);
        assert_eq!(broken(NOTES, &[("a.rs", "/* one\nSAFETY: x.\n*/\nunsafe impl Send for T {}")]), [""; 0]);
    }

    #[test]
    fn a_section_on_safety_serves_its_own_function_only() {
        let text = format!("/// # Safety\n{}#[inline]\npub(crate) const unsafe fn f() {{}}", "/// More.\n".repeat(12));
        assert_eq!(broken(NOTES, &[("a.rs", &text)]), [""; 0]);
        let two = format!("{text}\n{}unsafe fn g() {{}}", "\n".repeat(9));
        assert_eq!(broken(NOTES, &[("a.rs", &two)]).len(), 1);
    }
}
