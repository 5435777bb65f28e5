//! The examples of the library as programs to be started.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use super::program::{Call, changed, program, programs, root};

/// Where their sources are.
fn sources() -> PathBuf {
    root().join("crates/mpexec-core/examples")
}

/// All that there are, in alphabetical order.
pub(crate) fn names() -> Vec<String> {
    let entries = sources().read_dir().expect("the library has examples");
    let stem = |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.path().file_stem()?.to_str().map(str::to_owned);
    let mut names: Vec<String> = entries.filter_map(stem).collect();
    names.sort();
    names
}

/// An example, ready to be run. `cargo test` of the whole project has built it; else it is built here.
pub(crate) fn example(name: &str) -> Call {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = programs().join("examples");
        let stale = |name: &String| {
            let [source, built] = [sources().join(format!("{name}.rs")), folder.join(name)].map(|path| changed(&path));
            built.is_none() || built < source
        };
        if names().iter().any(stale) {
            build(&folder);
        }
        folder
    });
    program(FOLDER.join(name))
}

fn build(folder: &Path) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    cargo.args(["build", "--quiet", "--package", "mpexec-core", "--examples"]).current_dir(root());
    let profile = folder.parent().expect("examples lie in a profile's folder");
    cargo.env("CARGO_TARGET_DIR", profile.parent().expect("a profile's folder lies in the target folder"));
    cargo.args(profile.ends_with("release").then_some("--release"));
    assert!(cargo.status().expect("cargo can be started").success(), "the examples do not build");
}
