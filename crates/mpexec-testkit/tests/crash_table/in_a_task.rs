//! Failures while a worker has a task: it reads the argument, runs the function, writes the result, or tells it.

use std::time::Instant;

use mpexec_core::{TaskError, named};
use mpexec_testkit::Scratch;
use mpexec_testkit::faults::tasks::{Charge, charged};
use mpexec_testkit::faults::{Kind, Moment};
use mpexec_testkit::processes::alive;
use mpexec_testkit::table::{Outcome, TIME_LIMIT};

use crate::{Case, in_time, next_call, try_all};

const TASKS: u8 = 30;
/// In the midst of a batch: some of it is finished by then, and some has not begun.
const CHARGED: u8 = 14;

/// A job of which one task makes its worker fail.
fn one_of_many(case: &Case) {
    let pool = case.builder(2).build().unwrap();
    assert!(pool.wait_ready(None));
    let (before, notes, since) = (pool.pids(), Scratch::new(), Instant::now());
    // Who writes over its ring spoils what it has finished there and nobody has seen: so that one has no more than this task.
    let tasks = if case.kind == Kind::Scribble { CHARGED..CHARGED + 1 } else { 0..TASKS };
    let tuples = tasks.clone().map(|n| (n, Charge((n == CHARGED).then(|| case.fault())), notes.text()));
    let call = pool.call().chunk_size(10);
    // Without a limit the others must be noticed by themselves.
    let call = if case.outcome == Outcome::TimedOut { call.time_limit(TIME_LIMIT) } else { call };
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        if case.kind.from_outside().is_some() {
            scope.spawn(|| case.strikes());
        }
        call.starmap_outcomes(named("testkit.charged", charged), tuples)
    });
    in_time(case, since, TIME_LIMIT);
    let struck = case.strikes();
    assert!(before.contains(&struck), "{}: {struck} was no worker", case.name());
    assert_eq!(outcomes.len(), tasks.len());
    for (n, outcome) in tasks.clone().zip(outcomes) {
        match (outcome, case.outcome) {
            (Ok((value, _)), _) => assert!(n != CHARGED && value == n, "{}: task {n} gave {value}", case.name()),
            (Err(TaskError::Crashed { pid, exit, stderr, .. }), Outcome::Crashed(wanted, why)) => {
                assert_eq!((n, pid, exit), (CHARGED, struck, wanted), "{}: {stderr}", case.name());
                assert!(
                    stderr.contains(&case.fault().last_words()) && stderr.contains(why),
                    "{}: {stderr}",
                    case.name()
                );
                let panicked = stderr.contains("and it panicked");
                assert_eq!(panicked, case.kind == Kind::PanicAbort, "{}: {stderr}", case.name());
            }
            (Err(TaskError::TimedOut { pid, limit }), Outcome::TimedOut) => {
                assert_eq!((n, pid, limit), (CHARGED, struck, TIME_LIMIT), "{}", case.name());
            }
            (Err(other), _) => panic!("{}: task {n} ended as {other:?}", case.name()),
        }
    }
    let mut ran = std::fs::read(notes.path()).unwrap_or_default();
    ran.sort_unstable();
    let runs = |n: &u8| case.moment != Moment::Decoding || *n != CHARGED;
    assert!(ran.iter().copied().eq(tasks.filter(runs)), "{}: each runs once: {ran:?}", case.name());
    assert!(!alive(struck), "{}: {struck} lives", case.name());
    assert!(pool.wait_ready(Some(crate::GRACE)), "{}: no other worker came", case.name());
    assert!(!pool.pids().contains(&struck) && pool.pids().len() == 2);
    next_call(case, &pool);
    pool.close();
    pool.join().unwrap();
}

#[test]
fn a_worker_that_fails_while_it_reads_an_argument() {
    try_all(&[Moment::Decoding], one_of_many);
}

#[test]
fn a_worker_that_fails_while_it_runs_a_task() {
    try_all(&[Moment::Running], one_of_many);
}

#[test]
fn a_worker_that_fails_while_it_writes_a_result() {
    try_all(&[Moment::Encoding], one_of_many);
}

#[test]
fn a_worker_that_fails_while_it_tells_a_result() {
    try_all(&[Moment::Publishing], one_of_many);
}
