//! Workers that say what they should not while they have nothing: whatever is sent to them before it is noticed is innocent.

use std::time::Duration;

use mpexec_core::{TaskError, Transport, named};
use mpexec_testkit::faults::tasks::fails_when_idle;
use mpexec_testkit::faults::{Fault, Kind, Moment};
use rustix::process::Signal;

use crate::common::processes::{alive, signal, stopped};
use crate::common::{Scratch, builder, wait_until};
use crate::{LINKS, alone};

/// What is told of a worker that said something wrong.
const WRONG: &str = "does not speak this protocol";

/// A worker that has failed and has nothing; the pool may not know.
fn has_failed(pool: &mpexec_core::Pool, kind: Kind) -> u32 {
    try_to_fail(pool, kind).unwrap()
}

/// As [`has_failed`], unless the call itself ends otherwise.
fn try_to_fail(pool: &mpexec_core::Pool, kind: Kind) -> Result<u32, TaskError> {
    let [gate, told, struck] = [Scratch::new(), Scratch::new(), Scratch::new()];
    let fault = Fault { kind, moment: Moment::Idle, told: told.text(), struck: struck.text() };
    let pid = pool.apply(named("testkit.fails_when_idle", fails_when_idle), (fault, gate.text()))?;
    gate.open();
    wait_until("it has struck, or is dead of it", || struck.is_open() || !alive(pid));
    Ok(pid)
}

/// The worker is stopped before the next call, so it cannot have begun what that brings.
#[test]
fn what_a_worker_said_wrong_while_it_had_nothing_is_charged_to_nobody() {
    let _alone = alone();
    let kinds = [Kind::Garbage, Kind::HugeLength, Kind::HalfMessage, Kind::ClosedSocket, Kind::Scribble];
    for link in LINKS {
        for kind in kinds.into_iter().filter(|kind| *kind != Kind::Scribble || link == Transport::Shm) {
            let pool = builder(link, 1).response_limit(Duration::from_millis(300)).build().unwrap();
            for n in 0..3 {
                let pid = has_failed(&pool, kind);
                signal(pid, Signal::STOP);
                wait_until("it can do nothing more", || stopped(pid) || !alive(pid));
                let served = pool.apply(|n: u32| (n, std::process::id()), (n,));
                let (answer, by) = served.unwrap_or_else(|error| panic!("{kind:?} on {link:?}: {error}"));
                assert!(answer == n && by != pid, "{kind:?} on {link:?}");
            }
        }
    }
}

/// Whether it has begun is known: then it is charged, and else it runs elsewhere. It never runs twice.
#[test]
fn a_task_that_comes_to_a_worker_that_said_something_wrong_runs_once() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 1).build().unwrap();
        for n in 0..40 {
            let ran = Scratch::new();
            // What it said wrong may be heard only now, beside the next call, which has begun and is charged.
            while let Err(error) = try_to_fail(&pool, Kind::Garbage) {
                let charged = matches!(&error, TaskError::Crashed { stderr, .. } if stderr.contains(WRONG));
                assert!(charged, "{error:?} on {link:?}");
            }
            let task = |ran: String, n: u32| {
                let mut ran = std::fs::File::options().create(true).append(true).open(ran).unwrap();
                std::io::Write::write_all(&mut ran, &[1]).unwrap();
                n
            };
            let outcome = pool.apply(task, (ran.text(), n));
            let runs = std::fs::read(ran.path()).unwrap_or_default().len();
            match outcome {
                Ok(answer) => assert!(answer == n && runs == 1, "on {link:?} it ran {runs} times"),
                Err(TaskError::Crashed { stderr, .. }) => {
                    assert!(stderr.contains(WRONG) && runs <= 1, "on {link:?}, {runs}: {stderr}");
                }
                Err(other) => panic!("on {link:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_task_that_was_next_in_stopped_and_killed_workers_is_innocent_however_often_and_begins_once() {
    let _alone = alone();
    for link in LINKS {
        for at_most_once in [false, true] {
            let pool = builder(link, 2).response_limit(Duration::from_millis(300)).build().unwrap();
            assert!(pool.wait_ready(None));
            // Both are idle. Whoever gets the task does not begin it, and is killed for that.
            let before = pool.pids();
            for &pid in &before {
                signal(pid, Signal::STOP);
                wait_until("it is stopped", || stopped(pid));
            }
            let call = if at_most_once { pool.call().at_most_once() } else { pool.call() };
            assert_eq!(call.apply(|n: u64| n + 1, (4,)).unwrap(), 5, "on {link:?}, once: {at_most_once}");
            assert!(pool.pids().iter().any(|pid| !before.contains(pid)));
        }
    }
}
