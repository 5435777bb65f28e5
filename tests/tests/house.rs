//! The rules of the house, held against the project itself: each failure names the file, the line and the reason.
//!
//! They stand in no document that could grow old, but in `tests/src/house`; that each of them can fail is proven there.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use mpexec_tests::house::Tree;
use mpexec_tests::house::rules::{Rule, bans, crates, cycles, fence, places, rooms, sentences, shape, versions};

static PROJECT: LazyLock<Tree> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Tree::read(&root).expect("the project's sources can be read")
});

#[track_caller]
fn holds(rule: Rule) {
    if let Err(told) = rule.check(&PROJECT) {
        panic!("{told}");
    }
}

#[test]
fn crates_import_only_what_lies_below_them() {
    holds(crates::DIRECTION);
}

#[test]
fn no_async_runtime_is_shipped() {
    holds(crates::RUNTIMES);
}

#[test]
fn rooms_of_the_core_import_only_what_lies_below_them() {
    holds(rooms::ROOMS);
}

#[test]
fn no_module_brings_in_everything_of_another() {
    holds(rooms::GLOBS);
}

#[test]
fn no_modules_import_each_other_in_a_ring() {
    holds(cycles::CYCLES);
}

#[test]
fn unsafe_stays_inside_its_fence() {
    holds(fence::FENCE);
}

#[test]
fn every_unsafe_says_why_it_is_sound() {
    holds(fence::NOTES);
}

#[test]
fn every_file_begins_by_saying_what_it_is_about() {
    holds(shape::HEADER);
}

#[test]
fn no_file_is_too_long_to_read_in_one_go() {
    holds(shape::LENGTH);
}

#[test]
fn only_the_codec_names_bincode() {
    holds(bans::BINCODE);
}

#[test]
fn nothing_runs_between_fork_and_exec() {
    holds(bans::PRE_EXEC);
}

#[test]
fn no_test_sleeps_for_luck() {
    holds(bans::SLEEP);
}

#[test]
fn nothing_is_left_to_be_written_later() {
    holds(bans::UNFINISHED);
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    holds(places::FOLDERS);
}

#[test]
fn no_file_names_a_registry_of_one_machine() {
    holds(places::REGISTRIES);
}

#[test]
fn all_versions_stand_in_the_table_of_the_workspace() {
    holds(versions::VERSIONS);
}

#[test]
fn every_crate_obeys_the_lints_of_the_workspace() {
    holds(versions::LINTS);
}

#[test]
fn names_of_tests_read_as_sentences() {
    holds(sentences::SENTENCES);
}

/// Each crate with the features that it has when these packages are built, as Cargo tells them.
fn built(packages: &[&str], edges: &str) -> BTreeSet<String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    cargo.args(["tree", "--locked", "--offline", "--prefix", "none", "--format", "{p}: {f}", "--edges", edges]);
    let told = cargo.args(packages).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo can be started");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8_lossy(&told.stdout).lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

/// One feature more or less, and the crate is built once more, with all that stands on it.
#[test]
fn what_is_built_for_programs_documentation_and_the_commands_of_the_project_is_what_tests_need() {
    let members = ["--workspace", "--exclude", "mpexec-bench"];
    let tests = built(&members, "normal,build,dev");
    let others = [built(&["--package", "xtask"], "normal,build"), built(&members, "normal,build")];
    let twice: Vec<&String> = others.iter().flatten().filter(|krate| !tests.contains(*krate)).collect();
    assert!(tests.len() > 100, "{tests:?}");
    assert!(
        twice.is_empty(),
        "tests have these with other features; name them in xtask/Cargo.toml or tests/Cargo.toml: {twice:#?}"
    );
}
