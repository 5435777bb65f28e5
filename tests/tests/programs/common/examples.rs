//! The examples of the libraries as programs to be started.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use super::program::{Call, changed, program, programs, root};

/// Who has some.
const PACKAGES: [&str; 4] = ["mpexec-core", "mpexec-data", "mpexec-frame", "mpexec-runs"];

/// Their sources.
fn sources() -> Vec<PathBuf> {
    let mut sources = Vec::new();
    for package in PACKAGES {
        let entries = root().join("crates").join(package).join("examples").read_dir().expect("it has examples");
        sources.extend(entries.map(|entry| entry.expect("the folder can be read").path()));
    }
    // What makes an example's data is none itself.
    sources.retain(|path| path.extension().is_none_or(|kind| kind == "rs"));
    sources
}

fn stem(source: &Path) -> String {
    source.file_stem().expect("it has a name").to_str().expect("our names are plain").to_owned()
}

/// All that there are, in alphabetical order.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = sources().iter().map(|source| stem(source)).collect();
    names.sort();
    names
}

/// An example, ready to be run. `cargo test` of the whole project has built it; else it is built here.
pub(crate) fn example(name: &str) -> Call {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = programs().join("examples");
        let stale = |source: &PathBuf| {
            let built = changed(&folder.join(stem(source)));
            built.is_none() || built < changed(source)
        };
        if sources().iter().any(stale) {
            build(&folder);
        }
        folder
    });
    program(FOLDER.join(name))
}

fn build(folder: &Path) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    cargo.args(["build", "--quiet", "--examples"]).current_dir(root());
    PACKAGES.iter().for_each(|package| _ = cargo.args(["--package", package]));
    let profile = folder.parent().expect("examples lie in a profile's folder");
    cargo.env("CARGO_TARGET_DIR", profile.parent().expect("a profile's folder lies in the target folder"));
    cargo.args(profile.ends_with("release").then_some("--release"));
    assert!(cargo.status().expect("cargo can be started").success(), "the examples do not build");
}
