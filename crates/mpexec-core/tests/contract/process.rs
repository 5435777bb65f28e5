//! One process for one call: its result, its end, and what can be done to it meanwhile.

use std::time::Duration;

use mpexec_core::{Exit, Process, TaskError};

use crate::common::census::alive;
use crate::common::{Scratch, Watchdog, forever, pass, wait_until};

#[test]
fn a_process_returns_what_its_function_returned() {
    let _watchdog = Watchdog::new();
    let mut process = Process::spawn(|a: u64, b: u64| (std::process::id(), a * b), (6, 7)).unwrap();
    assert_ne!(process.pid(), std::process::id());
    assert!(!process.name().is_empty());
    assert_eq!(process.join().unwrap(), (process.pid(), 42));
    assert_eq!(process.exit_status(), Some(Exit::Code(0)));
    assert!(!process.is_alive());
    assert!(!alive(process.pid()));
    assert!(process.join().is_err(), "the result is given once");
}

#[test]
fn a_process_lives_until_its_function_returns() {
    let _watchdog = Watchdog::new();
    let gate = Scratch::new();
    let mut process = Process::spawn(|gate: String| pass(&gate), (gate.text(),)).unwrap();
    assert!(process.is_alive());
    assert_eq!(process.exit_status(), None);
    assert!(process.join_timeout(Duration::from_millis(5)).is_err());
    gate.open();
    process.join_timeout(Duration::from_secs(20)).unwrap().unwrap();
    assert_eq!(process.exit_status(), Some(Exit::Code(0)));
}

#[test]
fn a_killed_process_says_by_which_signal() {
    let _watchdog = Watchdog::new();
    let mut process = Process::spawn(forever, ()).unwrap();
    process.kill();
    let Err(TaskError::Crashed { pid, exit, .. }) = process.join() else { panic!("it returned") };
    assert_eq!((pid, exit), (process.pid(), Exit::Signal(9)));
    assert_eq!(process.exit_status(), Some(Exit::Signal(9)));
}

#[test]
fn a_process_that_was_asked_to_end_does() {
    let _watchdog = Watchdog::new();
    let started = Scratch::new();
    let task = |started: String| {
        crate::common::open(&started);
        forever();
    };
    let mut process = Process::spawn(task, (started.text(),)).unwrap();
    wait_until("its function runs", || started.is_open());
    process.terminate();
    assert!(matches!(process.join(), Err(TaskError::Crashed { exit: Exit::Signal(15), .. })));
}

fn leave(code: i32) {
    std::process::exit(code)
}

#[test]
fn a_process_whose_function_panics_or_exits_says_so() {
    let _watchdog = Watchdog::new();
    let mut process = Process::spawn(|n: u32| assert!(n > 5, "too few: {n}"), (3,)).unwrap();
    let Err(TaskError::Panicked { message, .. }) = process.join() else { panic!("it returned") };
    assert_eq!(message, "too few: 3");
    assert_eq!(process.exit_status(), Some(Exit::Code(1)));
    let mut process = Process::spawn(leave, (42,)).unwrap();
    assert!(matches!(process.join(), Err(TaskError::Crashed { exit: Exit::Code(42), .. })));
    assert_eq!(process.exit_status(), Some(Exit::Code(42)));
}

#[test]
fn many_processes_run_side_by_side() {
    let _watchdog = Watchdog::new();
    let mut all: Vec<_> = (0..8u32).map(|n| Process::spawn(|n: u32| n * n, (n,)).unwrap()).collect();
    assert!(all.iter_mut().map(|process| process.join().unwrap()).eq((0..8).map(|n| n * n)));
}
