//! The worker program whose panics abort. A plain `cargo test` compiles nothing so, so it is built here, beside the test
//! programs, by the same Cargo and into the same target folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const NAME: &str = "panic-abort-worker";

fn folder() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).expect("test programs lie in a folder below the programs").to_owned()
}

/// Its path, where whoever has started this process has built it.
pub(crate) fn built() -> PathBuf {
    folder().join(NAME)
}

/// Builds it; once. Cargo knows whether anything is to be done.
pub(crate) fn build() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let folder = folder();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
        cargo.args(["build", "--quiet", "--package", "mpexec-testkit", "--features", "panic-abort", "--bin", NAME]);
        cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        cargo.env("CARGO_TARGET_DIR", folder.parent().expect("a profile's folder lies in the target folder"));
        // Only what is compiled for the worker itself is compiled anew: what Cargo runs meanwhile always unwinds.
        cargo.env("CARGO_PROFILE_DEV_PANIC", "abort").env("CARGO_PROFILE_RELEASE_PANIC", "abort");
        cargo.args(folder.ends_with("release").then_some("--release"));
        assert!(cargo.status().unwrap().success(), "the worker program does not build");
    });
}
