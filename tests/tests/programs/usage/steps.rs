//! How far work is that is done in steps, or whose rows nobody has counted: told on SIGUSR1 and shown beside it.

use std::fs;
use std::time::Duration;

use super::status::bears;
use crate::common::files::{endless, folder};
use crate::common::program::{Started, mpexec};
use rustix::process::Signal;
use serde_json::Value;

/// The time between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Where this program stands still for longer than the work takes, nobody asks in the middle of it.
const TRIES: u32 = 20;

/// Asks until it is told so, and returns the line.
#[track_caller]
fn asked(words: &[&str], told: &str) -> String {
    let folder = folder();
    fs::write(folder.path().join("t.csv"), "1,2\n".repeat(15_000_000)).expect("a file in a temporary folder");
    fs::rename(endless(&folder), folder.path().join("endless.npy")).expect("a file in the same folder");
    let line = (0..TRIES).find_map(|_| asked_once(mpexec(words).in_folder(folder.path()).start(), told));
    line.unwrap_or_else(|| panic!("{words:?} was never told: {told}"))
}

/// `None`: it came to its end before.
fn asked_once(started: Started, told: &str) -> Option<String> {
    let is_it = |line: &&str| line.starts_with("status: ") && line.contains(told);
    // Before it has set what it does about the signal, that would end it.
    while !bears(started.pid()) {
        if started.ends_within(LOOK) {
            return None;
        }
    }
    while !started.told().lines().any(|line| is_it(&line)) {
        started.signal(Signal::USR1);
        if started.ends_within(LOOK) {
            break;
        }
    }
    started.signal(Signal::TERM);
    started.finish().stderr.lines().find(is_it).map(str::to_owned)
}

#[test]
fn of_a_text_the_bytes_say_how_far_it_is() {
    let line = asked(&["-j", "2", "count-range", "t.csv"], " of 60,000,000 bytes read (");
    assert!(line.contains(" %), ") && line.contains(" bytes/s, "), "{line}");
    asked(&["-j", "2", "normalize", "t.csv", "--output", "n.csv"], " of 60,000,000 bytes read (");
}

#[test]
fn the_steps_of_work_on_a_frame_are_told_apart() {
    let frame = ["-j", "2", "frame", "--task", "describe"];
    let of = |file| [&frame[..], &[file]].concat();
    asked(&of("t.csv"), " of 60,000,000 bytes looked at (");
    let line = asked(&of("endless.npy"), " of 171,798,691 rows described (");
    assert!(line.contains(" rows/s, "), "{line}");
}

#[test]
fn the_progress_of_a_frame_is_shown() {
    let folder = folder();
    let path = endless(&folder);
    let started = mpexec(["--progress", "always", "-j", "2", "frame", "--task", "describe"]).arg(&path).start();
    started.wait_for(" of 171,798,691 rows described  ");
    started.signal(Signal::TERM);
    assert_eq!(started.finish().code(), 143);
}

#[test]
fn what_was_worked_on_are_the_rows_of_the_input() {
    let folder = folder();
    fs::write(folder.path().join("t.csv"), "a,b\n1,2\n3,4\n5,6\n").expect("a file in a temporary folder");
    for work in [&["describe"][..], &["normalize"], &["normalize", "--by", "columns"]] {
        let words = ["--log-format", "json", "frame", "t.csv", "--task"];
        let done = mpexec([&words[..], work].concat()).in_folder(folder.path()).run();
        let last = done.stderr.lines().last().unwrap_or_default();
        let summary: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("no JSON: {}", done.stderr));
        assert_eq!(summary["done"], 3, "{work:?}: {last}");
    }
}
