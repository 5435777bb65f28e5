//! The examples in the help texts: they are typed in a folder that has the files they name.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::common::files::{file, folder, table};
use crate::common::program::{mpexec, program, programs};
use crate::usage::papers::COMMANDS;

/// What has a help text beside the commands themselves.
const OTHERS: [&str; 5] = ["", "runs list", "runs show", "runs resume", "runs clean"];

/// What is not there to be typed: another machine, or a task of the reader's own.
const ELSEWHERE: [&str; 2] = ["--on slurm", "--worker-program ./my-worker"];

/// The example commands of a help text, without the words behind them.
fn examples(command: &str) -> Vec<String> {
    let words = command.split(' ').filter(|word| !word.is_empty());
    let help = mpexec(words.chain(["--help"])).run().good().to_owned();
    let behind = help.split_once("Examples:\n").map_or("", |(_, behind)| behind);
    let lines = behind.lines().take_while(|line| line.starts_with("  "));
    lines.map(|line| line.trim().split("  ").next().unwrap_or_default().to_owned()).collect()
}

/// A folder with what the examples name, and with programs that do what others would.
fn furnished() -> TempDir {
    let folder = folder();
    let numbers = [4, 5, 1, 2];
    for name in ["data.bin", "large.npy", "a.npy", "b.npy"] {
        table(&folder, name, 2, 2, &numbers);
    }
    for name in ["prices.csv", "a.csv", "b.csv"] {
        file(&folder, name, b"open,close\n4,5\n1,2\n");
    }
    file(&folder, "commands.txt", b"true\necho {}\n");
    file(&folder, "urls.txt", b"https://example.org/1\n");
    for name in ["a.log", "b.txt", "c d.wav"] {
        file(&folder, name, b"a\nb\n");
    }
    let make = |words: &str| assert_eq!(program("sh").args(["-c", words]).in_folder(folder.path()).run().code(), 0);
    make("mkdir bin folder-of-parquet a b c && gzip -k prices.csv && : >a/made && : >b/made && : >c/made");
    make(
        "for name in flac curl make; do printf '#!/bin/sh\\ncase $* in *.jsonl.gz*) echo \"{\\\"close\\\":5}\";; esac\\n' >bin/$name; done; chmod +x bin/*",
    );
    for name in ["b.parquet", "prices.parquet", "folder-of-parquet/1.parquet"] {
        let words = ["frame", "a.csv", "--task", "normalize", "-o", name];
        mpexec(words).in_folder(folder.path()).run().good();
    }
    for name in [".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"] {
        fs::create_dir_all(folder.path().join(name)).expect("a folder");
    }
    folder
}

/// Types a line, with the run folders that it is about, and none that it begins.
fn typed(folder: &TempDir, line: &str) -> (i32, String) {
    for name in ["run", "run-1", "run-2"] {
        let _ = fs::remove_dir_all(folder.path().join(name));
        if line.contains("mpexec runs") && line.contains(name) {
            let words = ["count-range", "large.npy", "--run-dir", name];
            mpexec(words).in_folder(folder.path()).run().good();
        }
    }
    let here = |name: &str| folder.path().join(name).display().to_string();
    let line = line.replace("/usr/local", &here("usr")).replace("/scratch/runs", &here("."));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = format!("{}:{}:{}", here("bin"), programs().display(), Path::new(&path).display());
    let call = program("sh").args(["-c", &line]).env("PATH", path).env("HOME", folder.path());
    let done = call.in_folder(folder.path()).run();
    (done.code(), done.stderr.clone())
}

#[test]
fn each_example_of_the_help_does_what_it_says_in_a_folder_that_has_its_files() {
    let examples: BTreeSet<_> = COMMANDS.into_iter().chain(OTHERS).flat_map(examples).collect();
    let here = examples.iter().filter(|line| !ELSEWHERE.iter().any(|word| line.contains(word)));
    let (folder, mut wrong) = (furnished(), Vec::new());
    for line in here {
        let (code, told) = typed(&folder, line);
        if code != 0 {
            wrong.push(format!("{line}\n  ends with {code}: {told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(examples.len() > 40, "{examples:?}");
}
