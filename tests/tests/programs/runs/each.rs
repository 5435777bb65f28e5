//! A file of each input (`--per-file`) by way of a run folder: the same files as without one, whatever was missing, and also where others compute.

use std::fs;

use crate::common::files::{file, folder};
use crate::common::program::mpexec;
use tempfile::TempDir;

const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

/// Three tables, of which one is empty.
fn inputs() -> TempDir {
    let folder = folder();
    let rows =
        |from: u64, to: u64| (from..to).map(|n| format!("{{\"a\": {n}, \"b\": {}}}\n", n % 7)).collect::<String>();
    file(&folder, "a.jsonl", rows(0, 70_000).as_bytes());
    file(&folder, "none.jsonl", b"");
    file(&folder, "b.jsonl", rows(5, 300).as_bytes());
    file(&folder, "c.jsonl", rows(2, 90).as_bytes());
    folder
}

fn files(folder: &TempDir) -> Vec<(String, Vec<u8>)> {
    let out = folder.path().join("out");
    let entries = fs::read_dir(&out).expect("a folder").map(|entry| entry.expect("an entry"));
    let mut files: Vec<_> = entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("a file")))
        .collect();
    files.sort();
    fs::remove_dir_all(&out).expect("the folder");
    fs::create_dir(&out).expect("a folder");
    files
}

fn results(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path().join("run/out")).expect("results");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Without a run folder, with one, and with one of which each second result is missing.
fn each_survives(folder: &TempDir, words: &[&str], size: &str) {
    let run = |words: &[&str]| {
        mpexec(words).in_folder(folder.path()).run().good();
        files(folder)
    };
    fs::create_dir_all(folder.path().join("out")).expect("a folder");
    let plain = run(words);
    assert!(plain.len() > 1, "{words:?}");
    let kept = [words, &["--run-dir", "run", "--range-size", size]].concat();
    assert!(run(&kept) == plain, "{words:?}");
    let all = results(folder);
    for name in all.iter().step_by(2) {
        fs::remove_file(folder.path().join("run/out").join(name)).expect("a result");
    }
    assert!(run(&["runs", "resume", "run"]) == plain, "{words:?}");
    assert_eq!(results(folder), all);
    let together: Vec<_> = kept.iter().copied().filter(|word| *word != "--per-file").collect();
    let refused = mpexec(together).in_folder(folder.path()).run();
    assert!(refused.code() != 0 && refused.stderr.contains("per-file was true and is false"), "{}", refused.stderr);
    mpexec(["runs", "clean", "run"]).in_folder(folder.path()).run();
    // Shares of it, one after the other, are together the whole; what decides about a later walk is there when all have had their turn.
    let begun = [&kept[..], &["--workers", "1"]].concat();
    assert!(run(&begun) == plain);
    for name in results(folder) {
        fs::remove_file(folder.path().join("run/out").join(name)).expect("a result");
    }
    // `describe` walks five times over a table.
    for _ in 0..6 {
        if results(folder) == all {
            break;
        }
        for share in ["0/2", "1/2"] {
            let mut element = vec!["runs", "element", "run", share];
            if words[0] == "map" {
                element.splice(0..0, ["--worker-program", WORKER]);
            }
            let done = mpexec(element).in_folder(folder.path()).run();
            assert_eq!((done.code(), &done.stderr[..]), (0, ""));
        }
    }
    assert_eq!(results(folder), all, "{words:?}");
    assert!(run(&["runs", "resume", "run"]) == plain, "{words:?}");
    mpexec(["runs", "clean", "run"]).in_folder(folder.path()).run();
}

#[test]
fn calls_of_each_input_survive() {
    let folder = inputs();
    let inputs = ["b.jsonl", "none.jsonl", "c.jsonl"];
    let words = [&["map", "add"][..], &inputs, &["--per-file", "-o", "out", "--worker-program", WORKER]].concat();
    each_survives(&folder, &words, "700");
}

#[test]
fn frames_of_each_file_survive() {
    let folder = inputs();
    for more in [&["describe"][..], &["normalize"], &["normalize", "--by", "columns"]] {
        let words = ["frame", "a.jsonl", "b.jsonl", "c.jsonl", "--per-file", "-o", "out", "--task"];
        each_survives(&folder, &[&words[..], more].concat(), "1K");
    }
}
