//! `kill -9` when so many results are published, again and again: with every command that keeps results, and with a program of one's own that uses the library. What
//! comes in the end is what an undisturbed run gives, and no range that was published is computed again.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::killed::{logged, results};
use crate::common::examples::example;
use crate::common::files::{file, folder};
use crate::common::program::{Call, mpexec};
use mpexec_testkit::{Watchdog, at_some_pace, wait_until};
use rustix::process::Signal;

const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

/// So often it is killed.
const KILLS: usize = 4;

/// Starts it, kills it as soon as there are `more` results more than before, and so on; then lets it come to its end. Returns what that printed.
fn struck(run: &Path, more: usize, call: impl Fn() -> Call) -> String {
    let mut killed = 0;
    for _ in 0..KILLS {
        let wanted = results(run) + more;
        let started = call().start();
        wait_until("there are more results", || results(run) >= wanted || started.ends_within(Duration::ZERO));
        started.signal(Signal::KILL);
        killed += usize::from(started.finish().status.code().is_none());
    }
    assert_eq!(killed, KILLS, "it was over too soon");
    let before = results(run);
    let done = call().run();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert!(results(run) > before, "something was left for the end");
    let published = logged(run, "published ");
    // A result that was linked by one who was killed before it noted that is in no log; one that is twice in them was computed twice.
    assert!(published.values().all(|times| *times == 1), "{published:?}");
    done.text().to_owned()
}

#[test]
fn commands_that_are_killed_and_resumed_print_what_undisturbed_ones_print() {
    let _watchdog = Watchdog::new();
    // So long that it is not over before it is killed.
    at_some_pace(|slower| commands(&format!("echo {{}} >>ran; sleep {}; echo {{}}", 0.1 * f64::from(slower))));
}

fn commands(line: &str) {
    let folder = folder();
    let arguments: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let begin = mpexec(["run", "--workers", "2", "--keep-order", "--run-dir", "run", line, ":::"]);
    let begin = std::cell::Cell::new(Some(begin.args(&arguments).in_folder(folder.path())));
    // Whether it is begun or resumed: both type the same line.
    let call =
        || begin.take().unwrap_or_else(|| mpexec(["runs", "resume", "run", "--workers", "2"]).in_folder(folder.path()));
    let printed = struck(&folder.path().join("run"), 3, call);
    assert_eq!(printed, arguments.iter().map(|number| format!("{number}\n")).collect::<String>());
    let ran = fs::read_to_string(folder.path().join("ran")).expect("commands ran");
    let more = ran.lines().count() - arguments.len();
    assert!(more <= KILLS * 1026, "{more} ran again");
}

#[test]
fn calls_that_are_killed_and_resumed_give_what_undisturbed_ones_give() {
    let _watchdog = Watchdog::new();
    at_some_pace(|slower| calls(100 * slower));
}

fn calls(milliseconds: u32) {
    let folder = folder();
    file(&folder, "rows.jsonl", format!("[{milliseconds:4}]\n").repeat(40).as_bytes());
    let words = [
        "map",
        "rest",
        "rows.jsonl",
        "--worker-program",
        WORKER,
        "--workers",
        "2",
        "--run-dir",
        "run",
        "--range-size",
        "14",
    ];
    let printed = struck(&folder.path().join("run"), 2, || mpexec(words).in_folder(folder.path()));
    let wanted: String = (0..40).map(|index| format!("{{\"index\":{index},\"ok\":{milliseconds}}}\n")).collect();
    assert_eq!(printed, wanted);
}

#[test]
fn a_description_that_is_killed_and_resumed_is_that_of_an_undisturbed_run() {
    let _watchdog = Watchdog::new();
    at_some_pace(|slower| description(1_500_000 * u64::from(slower.min(4))));
}

fn description(rows: u64) {
    let folder = folder();
    let rows: String = (0..rows).map(|n| format!("{n},{},{}\n", n * 7919 % 100_003, n % 7)).collect();
    file(&folder, "a.csv", format!("a,b,c\n{rows}").as_bytes());
    let words = ["frame", "a.csv", "--task", "describe", "--workers", "1"];
    let undisturbed = mpexec(words).in_folder(folder.path()).run();
    let kept = [&words[..], &["--run-dir", "run", "--range-size", "1K"]].concat();
    let printed = struck(&folder.path().join("run"), 2, || mpexec(&kept).in_folder(folder.path()));
    assert_eq!(printed, undisturbed.good());
}

#[test]
fn a_program_of_ones_own_that_is_killed_and_started_again_prints_what_an_undisturbed_one_prints() {
    let _watchdog = Watchdog::new();
    at_some_pace(|_| own_program());
}

fn own_program() {
    let folder = folder();
    let undisturbed = example("survives").run();
    let printed = struck(&folder.path().join("run"), 3, || example("survives").arg(folder.path().join("run")));
    assert_eq!(printed, undisturbed.good());
}
