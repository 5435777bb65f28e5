//! Which crate may import which: the house is built from below, and no crate reaches up or sideways.

use crate::house::manifest::{DependencyKind, dependencies};
use crate::house::modules::Modules;
use crate::house::tree::Crate;
use crate::house::{Tree, Violation};

use super::Rule;

/// Crates import only what lies below them.
pub const DIRECTION: Rule = Rule {
    why: "Crates import only what lies below them, so that each can be read, tested and replaced by itself. \
          A crate that is not in the table needs a place in it first (tests/src/house/rules/crates.rs).",
    find: violations,
};

/// What is shipped needs no async runtime.
pub const RUNTIMES: Rule = Rule {
    why: "A handle is a future of any runtime, so the library brings none along: tokio and futures are for tests and \
          examples (`[dev-dependencies]`).",
    find: runtimes,
};

/// For each crate that is shipped, those of ours that it may import. All others under `crates` are strangers.
const BELOW: &[(&str, &[&str])] = &[
    ("mpexec", &["mpexec-core", "mpexec-data", "mpexec-frame", "mpexec-runs"]),
    ("mpexec-runs", &["mpexec-core", "mpexec-wire"]),
    ("mpexec-frame", &["mpexec-core", "mpexec-data", "mpexec-runs"]),
    ("mpexec-core", &["mpexec-wire", "mpexec-ring", "mpexec-macros"]),
    ("mpexec-data", &[]),
    ("mpexec-macros", &[]),
    ("mpexec-ring", &[]),
    ("mpexec-wire", &[]),
];

/// Only tests may import it, so it stands above everything and nothing stands above it.
const TESTKIT: &str = "mpexec-testkit";

fn violations(tree: &Tree) -> Vec<Violation> {
    let leaning = tree.crates.iter().flat_map(|krate| {
        let named = dependencies(&krate.manifest).into_iter();
        let named = named.filter(|d| d.kind != DependencyKind::Dev && d.name == TESTKIT);
        named.map(|d| {
            let what = format!("`{TESTKIT}` is for tests: name it under `[dev-dependencies]`");
            Violation::new(krate.manifest_path(), d.line, what)
        })
    });
    let shipped = tree.crates.iter().filter(|c| c.folder.starts_with("crates/") && c.name != TESTKIT);
    shipped
        .flat_map(|krate| match BELOW.iter().find(|(name, _)| *name == krate.name) {
            Some((_, below)) => imports_outside(krate, below, tree),
            None => {
                let what = format!("the crate `{}` is not in the table of directions", krate.name);
                vec![Violation::new(krate.manifest_path(), 1, what)]
            }
        })
        .chain(leaning)
        .collect()
}

fn runtimes(tree: &Tree) -> Vec<Violation> {
    let manifests =
        tree.crates.iter().flat_map(|krate| dependencies(&krate.manifest).into_iter().map(move |d| (krate, d)));
    manifests
        .filter(|(_, d)| d.kind != DependencyKind::Dev && ["tokio", "futures"].contains(&d.name.as_str()))
        .map(|(krate, d)| {
            Violation::new(krate.manifest_path(), d.line, format!("`{}` depends on `{}`", krate.name, d.name))
        })
        .collect()
}

fn imports_outside(krate: &Crate, below: &[&str], tree: &Tree) -> Vec<Violation> {
    let told = |name: &str| {
        let list = if below.is_empty() { "none of ours".to_owned() } else { below.join(", ") };
        format!("`{}` imports `{name}`; it may import {list}", krate.name)
    };
    let declared = dependencies(&krate.manifest)
        .into_iter()
        .filter(|d| d.kind != DependencyKind::Dev && d.name.starts_with("mpexec") && !below.contains(&d.name.as_str()))
        .map(|d| Violation::new(krate.manifest_path(), d.line, told(&d.name)));
    let graphs = Modules::of_crate(krate, tree);
    let named = graphs.into_iter().flat_map(|graph| graph.outside).filter_map(|outside| {
        let name = outside.name.replace('_', "-");
        (!below.contains(&name.as_str())).then(|| Violation::new(outside.path, outside.line, told(&name)))
    });
    declared.chain(named).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::broken;
    use super::*;

    #[test]
    fn a_crate_that_imports_upwards_is_found_in_manifest_and_source() {
        let ring = (
            "crates/mpexec-ring/Cargo.toml",
            "[package]\nname = \"mpexec-ring\"\n[dependencies]\nmpexec-core.workspace = true",
        );
        let source = ("crates/mpexec-ring/src/lib.rs", "//! x\nfn f() { mpexec_core::g() }");
        let expected = ["crates/mpexec-ring/Cargo.toml:4", "crates/mpexec-ring/src/lib.rs:2"];
        assert_eq!(broken(DIRECTION, &[ring, source]), expected);
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_is_found() {
        let stranger = ("crates/mpexec-new/Cargo.toml", "[package]\nname = \"mpexec-new\"");
        assert_eq!(broken(DIRECTION, &[stranger]), ["crates/mpexec-new/Cargo.toml:1"]);
    }

    #[test]
    fn a_runtime_is_for_tests_alone() {
        let manifest = "[package]\nname = \"mpexec-core\"\n[dev-dependencies]\ntokio.workspace = true\n\
                        [dependencies]\ntokio.workspace = true";
        let core = ("crates/mpexec-core/Cargo.toml", manifest);
        assert_eq!(broken(RUNTIMES, &[core]), ["crates/mpexec-core/Cargo.toml:6"]);
    }

    #[test]
    fn the_testkit_is_for_tests_alone() {
        let manifest = "[package]\nname = \"xtask\"\n[dependencies]\nmpexec-testkit.workspace = true";
        assert_eq!(broken(DIRECTION, &[("xtask/Cargo.toml", manifest)]), ["xtask/Cargo.toml:4"]);
    }

    #[test]
    fn imports_downwards_and_those_of_tests_are_free() {
        let manifest = "[package]\nname = \"mpexec-core\"\n[dependencies]\nmpexec-ring.workspace = true\n\
                        [dev-dependencies]\nmpexec-testkit.workspace = true";
        let core = ("crates/mpexec-core/Cargo.toml", manifest);
        let source = ("crates/mpexec-core/src/lib.rs", "use mpexec_ring::Ring; #[cfg(test)] use mpexec_testkit::x;");
        let tests = (
            "tests/Cargo.toml",
            "[package]\nname = \"mpexec-tests\"\n[dev-dependencies]\nmpexec-testkit.workspace = true",
        );
        assert_eq!(broken(DIRECTION, &[core, source, tests]), [""; 0]);
    }
}
