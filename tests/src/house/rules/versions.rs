//! Versions and lints stand in the workspace's manifest and in no other.

use crate::house::manifest::dependencies;
use crate::house::tree::Crate;
use crate::house::{Tree, Violation};

use super::Rule;

/// Dependencies take their version from the workspace's table.
pub const VERSIONS: Rule = Rule {
    why: "All versions stand in the table `[workspace.dependencies]` of the root manifest, so that two crates never differ \
          and one place shows what we build on. Write `name.workspace = true`.",
    find: versions,
};

/// Every crate obeys the workspace's lints.
pub const LINTS: Rule = Rule {
    why: "The lints of the workspace hold for every crate. Add `[lints]` with `workspace = true`.",
    find: lints,
};

/// The members: a crate with a workspace table of its own (as fuzzing needs) is not one, and cannot take part.
fn members(tree: &Tree) -> impl Iterator<Item = &Crate> {
    tree.crates.iter().filter(|krate| {
        let file = tree.file(&krate.manifest_path());
        !file.is_some_and(|file| file.text.lines().any(|line| line.trim() == "[workspace]"))
    })
}

fn versions(tree: &Tree) -> Vec<Violation> {
    members(tree)
        .flat_map(|krate| dependencies(&krate.manifest).into_iter().map(move |d| (krate, d)))
        .filter(|(_, d)| d.has_version || !d.from_workspace)
        .map(|(krate, d)| {
            let what = format!("`{}` does not take its version from the workspace", d.name);
            Violation::new(krate.manifest_path(), d.line, what)
        })
        .collect()
}

fn lints(tree: &Tree) -> Vec<Violation> {
    let obeys = |krate: &Crate| {
        let mut entries = krate.manifest.iter();
        entries.any(|e| e.value == "true" && (e.table == "lints" && e.key == "workspace" || e.key == "lints.workspace"))
    };
    let without = members(tree).filter(|krate| !obeys(krate));
    without.map(|krate| Violation::new(krate.manifest_path(), 1, "without the workspace's lints")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::broken;
    use super::*;

    #[test]
    fn a_version_outside_of_the_table_is_found() {
        let text = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = \"1\"\n[dev-dependencies]\n\
                    c = { workspace = true }\nd = { path = \"../d\" }";
        assert_eq!(broken(VERSIONS, &[("x/Cargo.toml", text)]), ["x/Cargo.toml:5", "x/Cargo.toml:8"]);
    }

    #[test]
    fn the_table_itself_and_other_workspaces_may_name_versions() {
        let root = ("Cargo.toml", "[workspace.dependencies]\na = \"1\"");
        let fuzz = ("fuzz/Cargo.toml", "[package]\nname = \"fuzz\"\n[workspace]\n[dependencies]\na = \"1\"");
        assert_eq!(broken(VERSIONS, &[root, fuzz]), [""; 0]);
        assert_eq!(broken(LINTS, &[root, fuzz]), [""; 0]);
    }

    #[test]
    fn a_crate_without_the_lints_is_found() {
        let good = ("x/Cargo.toml", "[package]\nname = \"x\"\n[lints]\nworkspace = true");
        assert_eq!(broken(LINTS, &[good, ("y/Cargo.toml", "[package]\nname = \"y\"")]), ["y/Cargo.toml:1"]);
    }
}
