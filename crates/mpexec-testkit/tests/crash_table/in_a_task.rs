//! Failures while a worker has a task: it reads the argument, runs the function, writes the result, or tells it.

use std::time::Instant;

use mpexec_core::{Exit, TaskError, WorkerChange, named};
use mpexec_testkit::Scratch;
use mpexec_testkit::faults::tasks::{Charge, charged};
use mpexec_testkit::faults::{Kind, Moment};
use mpexec_testkit::table::{GRACE, Outcome, time_limit};

use crate::case::{Case, KILLED_BECAUSE, in_time, next_call};
use crate::cells::try_all;

const TASKS: u8 = 30;
/// In the midst of a batch: some of it is finished by then, and some has not begun.
const CHARGED: u8 = 14;

/// A job of which one task makes its worker fail.
pub(crate) fn one_of_many(case: &Case) {
    let pool = case.builder(2).build().unwrap();
    assert!(pool.wait_ready(None));
    let (before, notes, since) = (pool.pids(), Scratch::new(), Instant::now());
    // Who writes over its ring spoils what it has finished there and nobody has seen: so that one has no more than this task.
    let tasks = if case.kind == Kind::Scribble { CHARGED..CHARGED + 1 } else { 0..TASKS };
    let tuples = tasks.clone().map(|n| (n, Charge((n == CHARGED).then(|| case.fault())), notes.text()));
    let (call, limit) = (pool.call().chunk_size(10), time_limit(case.kind) * case.slower);
    // Without a limit the others must be noticed by themselves.
    let call = if case.outcome == Outcome::TimedOut { call.time_limit(limit) } else { call };
    let (outcomes, struck) = std::thread::scope(|scope| {
        let striking = scope.spawn(|| case.strikes());
        (call.starmap_outcomes(named("testkit.charged", charged), tuples), striking.join().unwrap())
    });
    in_time(case, since, time_limit(case.kind));
    let place = before.iter().position(|pid| *pid == struck);
    let place = place.unwrap_or_else(|| panic!("{}: {struck} was no worker", case.name()));
    assert_eq!(outcomes.len(), tasks.len());
    let mut failed = 0;
    for (n, outcome) in tasks.clone().zip(outcomes) {
        match (outcome, case.outcome) {
            (Ok((value, charge)), _) => {
                assert!(n != CHARGED && value == n && charge == Charge(None), "{}: task {n} gave {value}", case.name());
                continue;
            }
            (Err(TaskError::Crashed { pid, exit, stderr, .. }), Outcome::Crashed(wanted, why)) => {
                assert_eq!((n, pid, exit), (CHARGED, struck, wanted), "{}: {stderr}", case.name());
                assert_eq!(stderr, last_lines(case, &stderr, why), "{}", case.name());
            }
            (Err(TaskError::TimedOut { pid, limit: told }), Outcome::TimedOut) => {
                assert_eq!((n, pid, told), (CHARGED, struck, limit), "{}", case.name());
            }
            (Err(other), _) => panic!("{}: task {n} ended as {other:?}", case.name()),
        }
        failed += 1;
    }
    assert_eq!(failed, 1, "{}", case.name());
    let mut ran = std::fs::read(notes.path()).unwrap_or_default();
    ran.sort_unstable();
    let runs = |n: &u8| case.moment != Moment::Decoding || *n != CHARGED;
    assert!(ran.iter().copied().eq(tasks.filter(runs)), "{}: each runs once: {ran:?}", case.name());
    assert!(pool.wait_ready(Some(GRACE * case.slower)), "{}: no other worker came", case.name());
    assert!(!pool.pids().contains(&struck) && pool.pids().len() == 2);
    match case.outcome {
        Outcome::Crashed(exit, why) => {
            case.has_noted(&[case.note(place, struck, exit, "", why)]);
            case.became(&pool, struck, true, WorkerChange::Died(exit));
        }
        // Whoever waits for the task is told, and nobody else.
        _ => {
            case.has_noted(&[]);
            case.became(&pool, struck, true, WorkerChange::Died(Exit::Signal(9)));
        }
    }
    case.has_struck(struck);
    next_call(case, &pool);
    pool.close();
    pool.join().unwrap();
}

/// What must be told of the worker's standard error: its last words, what a panic prints, and why it was killed.
fn last_lines(case: &Case, told: &str, why: &str) -> String {
    let mut lines = vec![case.fault().last_words()];
    if case.kind == Kind::PanicAbort {
        // Where in our sources, and on which thread of which number, is nobody's promise.
        let panicked: Vec<&str> = told.lines().skip_while(|line| !line.contains("panicked at")).collect();
        assert!(panicked.contains(&"and it panicked"), "{}: {told}", case.name());
        lines.extend(told.lines().skip(1).map(str::to_owned));
    }
    if !why.is_empty() {
        lines.push(format!("({KILLED_BECAUSE}{why})"));
    }
    lines.join("\n")
}

#[test]
fn a_worker_that_fails_while_it_reads_an_argument() {
    try_all(&[Moment::Decoding]);
}

#[test]
fn a_worker_that_fails_while_it_runs_a_task() {
    try_all(&[Moment::Running]);
}

#[test]
fn a_worker_that_fails_while_it_writes_a_result() {
    try_all(&[Moment::Encoding]);
}

#[test]
fn a_worker_that_fails_while_it_tells_a_result() {
    try_all(&[Moment::Publishing]);
}
