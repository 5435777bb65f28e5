//! Where what is printed is printed in order: what is counted, and what ends the work, waits for nobody's turn.

use std::fs;

use crate::common::files::{folder, names_in};
use crate::common::program::{Started, mpexec};
use crate::run::run;
use rustix::process::Signal;

const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

/// Asks with SIGUSR1 how far it is until it says this.
#[track_caller]
fn ask_until(started: &Started, said: &str) {
    // Before it bears the signal, it would be ended by it.
    started.workers(1);
    while !started.told().contains(said) {
        started.signal(Signal::USR1);
        assert!(!started.ends_within(std::time::Duration::from_millis(5)), "{}", started.told());
    }
}

#[test]
fn a_failure_ends_commands_though_an_earlier_one_still_runs() {
    // None of them comes to its end before the watchdog does, but for the second.
    for halt in ["now,fail=1", "now,fail=1%"] {
        let words = ["-j2", "--keep-order", "--halt", halt, "sleep {}; false", ":::", "1000"];
        let done = run(&words).args(["0"; 3]).args(["1000"; 60]).run();
        assert_eq!(done.code(), 1);
        assert!(done.stderr.contains("commands failed; 6"), "{}", done.stderr);
    }
    let folder = folder();
    // The first comes to its end when the second has failed and all has been told of that.
    let command = "touch {}; if [ {} = 0 ]; then while ! [ -e go ]; do sleep 0.05; done; fi; [ {} != 1 ]";
    let numbers = (0..60).map(|n| n.to_string());
    let started = run(&["-j2", "-k", "--halt", "soon,fail=1", command, ":::"]).args(numbers).in_folder(&folder).start();
    ask_until(&started, " 1 failed; workers: 1 busy");
    fs::write(folder.path().join("go"), "").unwrap();
    let done = started.finish();
    assert!(done.stderr.contains(" more were not run; the first: command 2 exited"), "{}", done.stderr);
    assert!(names_in(&folder).len() < 30, "{:?}", names_in(&folder));
}

#[test]
fn a_failure_ends_calls_though_an_earlier_one_still_runs() {
    let folder = folder();
    let input = folder.path().join("in");
    // The first never comes to its end.
    fs::write(&input, format!("[1000000]\n[\"no number\"]\n{}", "[0]\n".repeat(60))).unwrap();
    let done = mpexec(["map", "--worker-program", WORKER, "-j2", "rest", "--fail-fast"]).arg(&input).run();
    assert_eq!(done.code(), 1);
    // Whether the input was read to its end by then is the scheduler's affair.
    assert!(done.stderr.contains(" more were not made"), "{}", done.stderr);
    assert!(done.stderr.contains("; the first: call 1: "), "{}", done.stderr);
    assert!(done.text().starts_with("{\"index\":1,\"error\":"), "{}", done.text());
}

#[test]
fn who_asks_hears_of_commands_whose_output_waits_for_its_turn() {
    let folder = folder();
    let command = "if [ {} = 0 ]; then while ! [ -e go ]; do sleep 0.05; done; fi; echo {}; [ {} != 5 ]";
    let numbers: Vec<_> = (0..60).map(|n| n.to_string()).collect();
    let words = ["-j2", "-k", "--joblog", "log", command, ":::"];
    let started = run(&words).args(&numbers).in_folder(&folder).start();
    ask_until(&started, "status: 59 of 60 commands run (98 %), ");
    assert!(started.told().contains(" 1 failed; workers: 1 busy"), "{}", started.told());
    // Titles, and a line for each that has ended.
    assert_eq!(fs::read_to_string(folder.path().join("log")).unwrap().lines().count(), 60);
    fs::write(folder.path().join("go"), "").unwrap();
    let done = started.finish();
    assert_eq!(done.text().lines().collect::<Vec<_>>(), numbers);
    assert!(done.stderr.contains("1 of 60 commands failed; the first: command 6 exited"), "{}", done.stderr);
}

#[test]
fn who_asks_hears_of_calls_whose_result_waits_for_its_turn() {
    let folder = folder();
    let input = folder.path().join("in");
    fs::write(&input, format!("[1000000]\n[\"no number\"]\n{}", "[0]\n".repeat(60))).unwrap();
    let call = mpexec(["map", "--worker-program", WORKER, "-j2", "--grace", "0", "rest"]).arg(&input);
    let started = call.start();
    ask_until(&started, "status: 61 calls made, ");
    assert!(started.told().contains(" 1 failed; workers: 1 busy"), "{}", started.told());
    started.signal(Signal::TERM);
    assert_eq!(started.finish().code(), 143);
}
