//! Nothing in the project knows the machine on which it was written: no folder of it, no registry of it.

use crate::house::{Tree, Violation};

use super::Rule;

/// No file names a folder of one machine.
pub const FOLDERS: Rule = Rule {
    why: "The project must build and run wherever it is put: no file names a folder of the machine it was written on. \
          Use a path from the project's root, or ask the system (`std::env::temp_dir`).",
    find: folders,
};

/// No file names a registry other than the one that Cargo uses by itself.
pub const REGISTRIES: Rule = Rule {
    why: "Dependencies come from the registry that Cargo uses by itself. Where a machine has another one in its place, that \
          stands in the machine's own settings and never in the project.",
    find: registries,
};

/// Put together here, so that this file does not break its own rule.
const OF_ONE_MACHINE: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/fa", "rm/")];

/// The one source that the lock file may name.
const INDEX: &str = concat!("registry+", "https://github.com/rust-lang/crates.io-index");

/// What gives away another registry, of crates or of Python packages, in whatever file it stands.
const OTHER_REGISTRY: &[&str] = &[
    concat!("spa", "rse+"),
    concat!("[sou", "rce."),
    concat!("[regis", "tries"),
    concat!("replace", "-with"),
    concat!("CARGO_SOU", "RCE_"),
    concat!("CARGO_REGIS", "TRIES_"),
    concat!("index", "-url"),
    concat!("PIP_IN", "DEX"),
];

fn lines_with(tree: &Tree, words: &[&str]) -> Vec<Violation> {
    let lines =
        tree.files.iter().flat_map(|file| file.text.lines().enumerate().map(move |(at, line)| (file, at, line)));
    lines
        .filter_map(|(file, at, line)| {
            let word = words.iter().find(|word| line.contains(**word))?;
            Some(Violation::new(&file.path, at + 1, format!("`{word}`")))
        })
        .collect()
}

fn folders(tree: &Tree) -> Vec<Violation> {
    lines_with(tree, OF_ONE_MACHINE)
}

fn registries(tree: &Tree) -> Vec<Violation> {
    let mut all = lines_with(tree, OTHER_REGISTRY);
    for file in tree.files.iter().filter(|file| file.path.ends_with("Cargo.lock")) {
        for (at, line) in file.text.lines().enumerate() {
            let source = line.strip_prefix("source = ").map(|source| source.trim_matches('"'));
            all.extend(
                source.filter(|source| *source != INDEX).map(|source| Violation::new(&file.path, at + 1, source)),
            );
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::samples::broken;
    use super::*;

    #[test]
    fn a_folder_of_one_machine_is_found_in_any_file() {
        let line = format!("one\ncd {}main", OF_ONE_MACHINE[0]);
        assert_eq!(broken(FOLDERS, &[("README.md", &line), ("a.rs", "// a/tmp/b")]), ["README.md:2"]);
    }

    #[test]
    fn a_lock_file_that_names_another_source_is_found() {
        let good = format!("[[package]]\nsource = \"{INDEX}\"\n");
        assert_eq!(broken(REGISTRIES, &[("Cargo.lock", &good)]), [""; 0]);
        let bad = format!("{good}source = \"git+https://example.org/x\"");
        assert_eq!(broken(REGISTRIES, &[("Cargo.lock", &bad)]), ["Cargo.lock:3"]);
    }

    #[test]
    fn settings_for_another_registry_are_found() {
        for word in OTHER_REGISTRY {
            let text = format!("# x\n{word}");
            assert_eq!(broken(REGISTRIES, &[(".cargo/config.toml", &text)]), [".cargo/config.toml:2"], "{word}");
        }
    }
}
