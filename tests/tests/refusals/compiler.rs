//! The compiler, run on a text that uses the library as it was built for these tests.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

/// How each program begins.
pub(crate) const HEAD: &str = "#![allow(unused)] use mpexec_core::{Pool, task}; use serde::{Deserialize, Serialize};";

/// What a program may use.
const LIBRARIES: [&str; 3] = ["mpexec_core", "serde", "bytemuck"];

/// The files of all libraries, by name. Cargo knows them: in its folder there may be many of one name. They are built with all programs, as
/// `cargo xtask test` does: for one crate alone they would have other features, and be built anew.
static BUILT: LazyLock<HashMap<String, PathBuf>> = LazyLock::new(|| {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--workspace", "--exclude", "mpexec-bench", "--bins", "--message-format", "json"]);
    let output = build.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let found = messages.filter_map(|line| {
        let message: serde_json::Value = serde_json::from_slice(line).ok()?;
        let name = message["target"]["name"].as_str()?.replace('-', "_");
        let files = message["filenames"].as_array()?.iter().filter_map(|file| file.as_str());
        Some((name, files.map(PathBuf::from).find(|file| file.extension().is_some_and(|it| it == "rlib"))?))
    });
    found.collect()
});

/// Compiles a program as far as machine code; what the compiler said when it refused, its white space made even.
pub(crate) fn compile(program: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("program.rs");
    std::fs::write(&source, program).unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--edition", "2024", "--emit", "obj", "--color", "never"])
        .arg("--out-dir")
        .arg(folder.path())
        .arg(&source);
    for name in LIBRARIES {
        let file = &BUILT[name];
        rustc.arg("--extern").arg(format!("{name}={}", file.display()));
        // What they use themselves lies beside them, or in the folder of dependencies.
        let beside = file.parent().unwrap();
        for folder in [beside.to_owned(), beside.join("deps")] {
            rustc.arg("-L").arg(format!("dependency={}", folder.display()));
        }
    }
    let output = rustc.output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.split_whitespace().collect::<Vec<_>>().join(" "))
}
