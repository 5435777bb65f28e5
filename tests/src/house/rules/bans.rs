//! Names that may not stand in code, each ban with its reason.

use crate::house::lexer::{Kind, Token};
use crate::house::manifest::dependencies;
use crate::house::paths;
use crate::house::tree::File;
use crate::house::{Tree, Violation};

use super::Rule;

/// Only the codec names bincode.
pub const BINCODE: Rule = Rule {
    why: "bincode is no longer maintained: only crates/mpexec-wire/src/codec.rs may name it, so that replacing it is the \
          change of one file. Use the functions of mpexec-wire.",
    find: outside_of_codec,
};

/// Nothing runs between fork and exec.
pub const PRE_EXEC: Rule = Rule {
    why: "`pre_exec` forces a fork in place of a spawn: 98 ms a child from a parent of 2 GiB, against 1 ms. What must happen \
          in the child happens at the top of `init()`.",
    find: |tree| names(tree, "pre_exec"),
};

/// Tests wait for an event, never for a time.
pub const SLEEP: Rule = Rule {
    why: "A test that sleeps is slow on a fast machine and wrong on a slow one. Wait for an event, a state or an exit.",
    find: sleep,
};

/// Nothing is left to be written later.
pub const UNFINISHED: Rule = Rule {
    why: "Code that panics because nobody wrote it yet is not code. Write it, or leave the door out.",
    find: unfinished,
};

const CODEC_CRATE: &str = "crates/mpexec-wire";
const CODEC: &str = "crates/mpexec-wire/src/codec.rs";

fn found(file: &File, token: &Token) -> Violation {
    Violation::new(&file.path, token.line, format!("`{}`", token.text))
}

fn names(tree: &Tree, word: &str) -> Vec<Violation> {
    let tokens = tree.rust().flat_map(|file| file.tokens.iter().map(move |token| (file, token)));
    tokens.filter(|(_, token)| token.is(word)).map(|(file, token)| found(file, token)).collect()
}

/// A crate cannot name what it does not depend on; the manifests are checked too, so that nobody is tempted.
fn outside_of_codec(tree: &Tree) -> Vec<Violation> {
    let mut all = names(tree, "bincode");
    all.retain(|violation| violation.path != CODEC);
    for krate in tree.crates.iter().filter(|krate| krate.folder != CODEC_CRATE) {
        let dependency = dependencies(&krate.manifest).into_iter().find(|d| d.name == "bincode");
        all.extend(dependency.map(|d| Violation::new(krate.manifest_path(), d.line, "a dependency on bincode")));
    }
    all
}

fn is_sleep(names: &[String]) -> bool {
    names.ends_with(&["thread".to_owned(), "sleep".to_owned()])
        || names.ends_with(&["time".to_owned(), "sleep".to_owned()])
}

/// In a folder of tests all code counts, elsewhere that under `#[cfg(test)]`.
fn sleep(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .flat_map(|file| {
            let named = paths::named(&file.tokens);
            let program = if file.is_in_tests() { named.paths } else { Vec::new() };
            let mut paths: Vec<_> = program.into_iter().chain(named.test_paths).collect();
            paths.retain(|path| is_sleep(&path.names));
            paths.into_iter().map(|path| Violation::new(&file.path, path.line, "sleeps"))
        })
        .collect()
}

fn unfinished(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .flat_map(|file| {
            let code: Vec<_> = file.tokens.iter().filter(|t| t.kind != Kind::Comment).collect();
            let calls: Vec<_> = code.windows(2).filter(|pair| pair[1].is("!")).map(|pair| pair[0]).collect();
            calls.into_iter().filter(|t| t.is("todo") || t.is("unimplemented")).map(move |t| found(file, t))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::broken;
    use super::*;

    #[test]
    fn only_the_codec_may_name_bincode() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nbincode.workspace = true";
        let files = [
            (CODEC, "use bincode::serde;"),
            ("crates/mpexec-wire/Cargo.toml", manifest),
            ("crates/mpexec-wire/src/frame.rs", "//! Not bincode.\nuse bincode::config;"),
            ("crates/x/Cargo.toml", manifest),
        ];
        assert_eq!(broken(BINCODE, &files), ["crates/mpexec-wire/src/frame.rs:2", "crates/x/Cargo.toml:4"]);
    }

    #[test]
    fn a_call_of_pre_exec_is_found_and_a_remark_about_it_is_not() {
        assert_eq!(broken(PRE_EXEC, &[("a.rs", "// no pre_exec\nfn f() { c\n.pre_exec(g) }")]), ["a.rs:3"]);
    }

    #[test]
    fn every_way_to_sleep_in_a_test_is_found() {
        let ways = [
            "fn f() { std::thread::sleep(d) }",
            "use std::thread::{self, sleep};",
            "use std::thread; fn f() { thread::sleep(d) }",
            "fn f() { tokio::time::sleep(d) }",
        ];
        for way in ways {
            assert_eq!(broken(SLEEP, &[("a/tests/b.rs", way)]), ["a/tests/b.rs:1"], "{way}");
            assert_eq!(broken(SLEEP, &[("a/src/b.rs", way)]), [""; 0], "{way}");
            let inner = format!("#[cfg(test)] mod tests {{ {way} }}");
            assert_eq!(broken(SLEEP, &[("a/src/b.rs", &inner)]), ["a/src/b.rs:1"], "{way}");
        }
    }

    #[test]
    fn code_that_is_still_to_be_written_is_found() {
        let text = "fn todo() {}\nfn f() { todo!() }\nfn g() { unimplemented!(\"x\") }";
        assert_eq!(broken(UNFINISHED, &[("a.rs", text)]), ["a.rs:2", "a.rs:3"]);
    }
}
