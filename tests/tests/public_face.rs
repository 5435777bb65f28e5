//! The public face of the library held against its use: nothing is public that no example and no test shows.
//!
//! What is public stands in `public-api.txt`, which `cargo xtask test --only public-api` holds against the compiler. So that an old file
//! is seen without that too, the names that `lib.rs` gives out are looked for in it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use mpexec_tests::house::Tree;
use mpexec_tests::house::lexer::{Kind, Token, tokens};

static PROJECT: LazyLock<Tree> = LazyLock::new(|| {
    Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).expect("the project's sources can be read")
});

const FACE: &str = "crates/mpexec-core/public-api.txt";

/// Needed by those above them and used through them: the compiler infers them, nobody writes them.
const INFERRED: &[&str] = &[
    "Arg",
    "Args",
    "Callable",
    "FunctionId",
    "Input",
    "Item",
    "Kept",
    "Owned",
    "Param",
    "ResultOf",
    "Slice",
    "TaskFn",
    "TaskOutput",
    "TaskResult",
    "TextParam",
    "Told",
    "ToldListed",
    "TriedError",
    "TryCallable",
];

/// An old name, kept for whoever wrote it, and not shown in the documentation.
const OLD: &[&str] = &["WorkerStderr"];

/// The text of one file.
fn text(path: &str) -> &'static str {
    let file = PROJECT.files.iter().find(|file| file.path == path);
    &file.unwrap_or_else(|| panic!("{path} is there")).text
}

/// The name of what a line of the face is about, as path: `Pool::apply`, `TaskError::Crashed::pid`, `wait_any`.
fn path_of(line: &str) -> Option<String> {
    let line = line.strip_prefix("#[non_exhaustive] ").unwrap_or(line).strip_prefix("pub ")?;
    // A module has no use of its own, and the types that belong to a trait's implementation are used through it.
    if line.starts_with("mod ") || line.starts_with("type ") {
        return None;
    }
    let start = line.find("mpexec_core::")?;
    // `pub type &[T]::Place` and the like belong to others' types.
    let before = &line[..start];
    if !before.split_whitespace().all(|word| word.chars().all(|c| c.is_ascii_lowercase())) {
        return None;
    }
    let mut depth = 0;
    let mut path = String::new();
    for c in line[start + "mpexec_core::".len()..].chars() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            c if depth > 0 => _ = c,
            c if c.is_alphanumeric() || c == '_' || c == ':' => path.push(c),
            _ => break,
        }
    }
    Some(path.trim_end_matches(':').to_owned())
}

/// All names of the face but those that nobody writes.
fn names() -> BTreeSet<String> {
    let inferred = |path: &String| INFERRED.contains(&path.split("::").next().unwrap_or_default());
    text(FACE).lines().filter_map(path_of).filter(|path| !path.is_empty() && !inferred(path)).collect()
}

/// The code between fences in documentation, and what stands behind `# ` in it.
fn shown(text: &str) -> String {
    let mut inside = false;
    let lines = text.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).unwrap_or(line).trim_start();
        let fence = line.starts_with("```");
        inside ^= fence;
        (inside && !fence).then(|| line.strip_prefix("# ").unwrap_or(line))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Only the lines of documentation.
fn documentation(text: &str) -> String {
    let is_doc = |line: &&str| line.trim_start().starts_with("///") || line.trim_start().starts_with("//!");
    text.lines().filter(is_doc).collect::<Vec<_>>().join("\n")
}

/// Every name that stands in the code of an example, a test, or the documentation. Those of methods with a mark, as they
/// are called: a word that happens to be the name of a variable as well shows no method.
fn used() -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for file in &PROJECT.files {
        let apart = file.path.contains("/examples/") || file.is_in_tests() || file.path.starts_with("tests/");
        if file.is_rust() && apart {
            collect(&file.tokens, &mut used);
        } else if file.path.starts_with("crates/mpexec-core/src/") {
            let code = if file.is_rust() { shown(&documentation(&file.text)) } else { shown(&file.text) };
            collect(&tokens(&code), &mut used);
        }
    }
    used
}

fn collect(tokens: &[Token], used: &mut BTreeSet<String>) {
    let mut before = "";
    for token in tokens.iter().filter(|token| token.kind != Kind::Comment) {
        if token.kind == Kind::Ident {
            used.insert(token.text.clone());
            if before == "." || before == "::" {
                used.insert(format!(".{}", token.text));
            }
        }
        before = &token.text;
    }
}

/// Whether what stands behind the path is used.
fn is_used(path: &str, used: &BTreeSet<String>) -> bool {
    let (owner, name) = path.rsplit_once("::").unwrap_or(("", path));
    // A method, or a field of a struct, is written with a point; what belongs to a variant is not.
    let with_point = !owner.is_empty() && !owner.contains("::") && name.starts_with(char::is_lowercase);
    if with_point { used.contains(&format!(".{name}")) } else { used.contains(name) }
}

/// Whether somebody gets one without naming it: from a function that is used, or as a field.
fn is_given_out(name: &str, used: &BTreeSet<String>) -> bool {
    let face = text(FACE).lines().filter(|line| line.starts_with("pub "));
    let mut from = face.filter(|line| {
        let given = line.split_once(" -> ").or_else(|| line.split_once(": ")).map_or("", |(_, given)| given);
        let given = given.split(" where ").next().unwrap_or_default();
        given.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
    });
    from.any(|line| path_of(line).is_some_and(|path| !path.starts_with(&format!("{name}::")) && is_used(&path, used)))
}

#[test]
fn nothing_is_public_that_no_example_and_no_test_shows() {
    let used = used();
    let unused = names().into_iter().filter(|path| !is_used(path, &used) && !is_given_out(path, &used));
    let unused: Vec<_> = unused.collect();
    assert!(unused.is_empty(), "no example, test or example in the documentation uses {unused:#?}");
}

#[test]
fn the_names_that_the_library_gives_out_stand_in_the_file() {
    let names = names();
    let used_on = |name: &str| text(FACE).contains(&format!("pub use mpexec_core::{name}\n"));
    let known = |name: &str| names.contains(name) || INFERRED.contains(&name) || OLD.contains(&name) || used_on(name);
    let source = text("crates/mpexec-core/src/lib.rs");
    let given: Vec<&str> = source
        .split("\npub use ")
        .skip(1)
        .filter_map(|rest| rest.split(';').next())
        .flat_map(|list| list.rsplit_once("::").map_or(list, |(_, names)| names).split([',', '{', '}']))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    assert!(given.len() > 50, "{given:?}");
    let missing: Vec<_> = given.into_iter().filter(|name| !known(name)).collect();
    assert!(missing.is_empty(), "renew {FACE} (cargo xtask test --only public-api tells how): {missing:?}");
}

#[test]
fn a_line_of_the_face_gives_the_name_that_it_is_about() {
    for (line, path) in [
        (
            "pub fn mpexec_core::Pool::apply<C, M, A>(&self, C) -> u8 where C: mpexec_core::Callable<M>",
            Some("Pool::apply"),
        ),
        ("pub fn mpexec_core::CallBuilder<'p>::label(self) -> u8", Some("CallBuilder::label")),
        ("#[non_exhaustive] pub enum mpexec_core::TaskError", Some("TaskError")),
        ("pub mpexec_core::TaskError::Crashed::pid: u32", Some("TaskError::Crashed::pid")),
        ("pub const fn mpexec_core::init()", Some("init")),
        ("pub macro mpexec_core::init_in_tests!", Some("init_in_tests")),
        ("pub type &[T]::In<'a> = &'a mpexec_core::X", None),
        ("pub mod mpexec_core::coming_from_python", None),
        ("impl core::clone::Clone for mpexec_core::Exit", None),
    ] {
        assert_eq!(path_of(line).as_deref(), path, "{line}");
    }
}
