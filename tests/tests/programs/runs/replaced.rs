//! An input in whose place another file is put while the run begins: whatever the moment, no result of the old file is ever one of the new.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::common::files::{file, folder};
use crate::common::program::{Started, mpexec};
use tempfile::TempDir;

/// So many that to open them all takes a while.
const FILES: usize = 300;

fn many() -> TempDir {
    let folder = folder();
    fs::create_dir(folder.path().join("many")).expect("a folder");
    for number in 0..FILES {
        file(&folder, &format!("many/{number:03}.csv"), b"a,b\n4,5\n1,6\n");
    }
    folder
}

/// Whether the process has come by the first file, as far as others can see.
fn is_past(started: &Started, first: &Path) -> bool {
    let open = fs::read_dir(format!("/proc/{}/fd", started.pid())).into_iter().flatten().flatten();
    open.filter_map(|one| fs::read_link(one.path()).ok()).any(|to| to.parent() == first.parent() && to != first)
}

#[test]
fn results_of_a_file_that_was_replaced_while_all_were_opened_are_not_those_of_the_new_one() {
    let counts = ["count-range", "--output", "out.csv"];
    let rows = ["normalize", "--output", "out.csv"];
    let frame = ["frame", "--task", "normalize", "--output", "out.csv"];
    for command in [&counts[..], &rows, &frame] {
        let folder = many();
        let words: Vec<String> = command.iter().map(ToString::to_string).collect();
        let files = (0..FILES).map(|number| format!("many/{number:03}.csv"));
        let all: Vec<String> = words[..1].iter().cloned().chain(files).chain(words[1..].iter().cloned()).collect();
        let kept = [&all[..], &["--run-dir".to_owned(), "run".to_owned()]].concat();
        let output = || fs::read_to_string(folder.path().join("out.csv")).expect("an output");
        let first = folder.path().join("many/000.csv");
        let new = file(&folder, "new", b"a,b\n400,5\n500,6\n");
        let started = mpexec(&kept).in_folder(folder.path()).start();
        mpexec_testkit::wait_until("it opens them", || {
            is_past(&started, &first) || started.ends_within(Duration::ZERO)
        });
        fs::rename(&new, &first).expect("it is replaced");
        let begun = started.finish();
        assert!([0, 3].contains(&begun.code()), "{}", begun.stderr);
        let again = mpexec(&kept).in_folder(folder.path()).run();
        if again.code() != 0 {
            // It was replaced when the plan was written: the run was begun with the old one.
            assert!(again.fault(2).contains("many/000.csv"), "{}", again.stderr);
            continue;
        }
        let resumed = output();
        mpexec(&all).in_folder(folder.path()).run().good();
        assert_eq!(resumed, output(), "{command:?} took the results of the old file for those of the new");
    }
}
