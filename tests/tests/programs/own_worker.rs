//! The worker program that users copy, and the page beside it: its commands are run and print what it shows.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::program::{program, programs};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/own-worker")
}

/// Copies it, as a user would, lets it lead to the library, and builds it with the versions of the workspace.
fn build() -> PathBuf {
    let copy = programs().join("own-worker");
    std::fs::create_dir_all(copy.join("src")).expect("a folder beside the built programs");
    std::fs::copy(folder().join("src/main.rs"), copy.join("src/main.rs")).expect("a folder beside the built programs");
    std::fs::copy(folder().join("../../Cargo.lock"), copy.join("Cargo.lock"))
        .expect("a folder beside the built programs");
    let manifest = std::fs::read_to_string(folder().join("Cargo.toml")).expect("a folder beside the built programs");
    let library = folder().join("../../crates/mpexec-core").canonicalize().expect("a folder beside the built programs");
    let manifest = manifest.replace("../../crates/mpexec-core", library.to_str().expect("a path that is text"));
    std::fs::write(copy.join("Cargo.toml"), manifest).expect("a folder beside the built programs");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    cargo.args(["build", "--quiet", "--offline"]).current_dir(&copy).env("CARGO_TARGET_DIR", copy.join("target"));
    // It is built once, and nobody looks into it. What the project has built for the compiler itself, such as derives, is there.
    cargo.envs([("CARGO_INCREMENTAL", "0"), ("CARGO_PROFILE_DEV_DEBUG", "false")]);
    cargo.env("CARGO_BUILD_BUILD_DIR", programs().parent().expect("a profile's folder lies in the target folder"));
    assert!(cargo.status().expect("cargo can be started").success(), "it does not build");
    copy.join("target/debug/own-worker")
}

/// The commands of a page with what is shown below each.
fn commands(page: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let blocks = page.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    for line in blocks.flat_map(str::lines) {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((command.to_owned(), String::new())),
            (None, Some((_, shown))) => shown.extend([line, "\n"]),
            (None, None) => panic!("output before the first command: {line}"),
        }
    }
    found
}

#[test]
fn the_page_of_the_worker_to_copy_shows_what_happens() {
    let worker = build();
    let page = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let source = std::fs::read_to_string(folder().join("src/main.rs")).unwrap();
    let place = tempfile::tempdir().unwrap();
    let path = format!("{}:{}", programs().display(), std::env::var("PATH").unwrap());
    let mut compared = 0;
    for (command, shown) in commands(&page) {
        // The program is built above, and named by the variable below.
        if command.starts_with("cargo ") || command.starts_with("export ") {
            continue;
        }
        let call = program("sh").args(["-c", &command]).env("PATH", &path).env("MPEXEC_WORKER_PROGRAM", &worker);
        let done = call.in_folder(place.path()).run();
        assert_eq!((done.code(), done.text()), (0, shown.as_str()), "$ {command}: {}", done.stderr);
        compared += 1;
    }
    assert!(compared >= 5, "only {compared} commands were found");
    // The small program of the page is a part of the whole one.
    let shown = page.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let task = &shown[shown.find("/// The words").unwrap()..shown.find("fn main").unwrap()];
    assert!(source.contains(task.trim()), "{task}");
    let by_hand = program(&worker).run();
    assert!(by_hand.code() == 0 && by_hand.stderr.contains("mpexec tasks"), "{by_hand:?}");
}
