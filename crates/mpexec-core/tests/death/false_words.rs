//! A worker tells what it runs, and what it tells may be wiped out, or false: a task that does that costs itself alone, begins once, and
//! has no more time than others.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use mpexec_core::{Pool, TaskError, Transport};
use mpexec_wire::{FrameKind, Progress};

use crate::alone;
use crate::common::ring::{mappings, own_memory, scribble};
use crate::common::socket::{self, frame};
use crate::common::{Scratch, builder, forever};

/// The task that does it, of ten that come together.
const MAD: u64 = 3;
const TASKS: u64 = 10;
const LIMIT: Duration = Duration::from_millis(400);

/// Where a worker tells in its results' memory which task it runs, plus 1.
const RUNNING: u64 = 128;

/// In a task: the memory of its own results.
fn results() -> u64 {
    mappings("mpexec-results")[0].0
}

fn tell(running: u64) {
    own_memory().write_at(&running.to_ne_bytes(), results() + RUNNING).unwrap();
}

fn told() -> u64 {
    let mut running = [0; 8];
    own_memory().read_at(&mut running, results() + RUNNING).unwrap();
    u64::from_ne_bytes(running)
}

/// In a task of the socket link.
fn say(done: u64, running: u64) {
    let word = frame(FrameKind::Progress, 0, &Progress { done, running }.write());
    assert!(socket::send(&socket::own(), &word, &[]));
}

/// What a mad task does to what its worker tells, and what it does then.
type Deed = (&'static str, u64, u64);

fn mad(n: u64, log: String, (deed, done, running): (String, u64, u64), ends: bool) -> u64 {
    let mut log = OpenOptions::new().create(true).append(true).open(log).unwrap();
    log.write_all(format!("{n}\n").as_bytes()).unwrap();
    if n != MAD {
        return n;
    }
    match deed.as_str() {
        "tells zero" => tell(0),
        "writes zeros over all" => drop(scribble(0)),
        "tells of the next" => tell(told() + 1),
        "tells of two in turn" => loop {
            let own = told();
            tell(own + 1);
            std::thread::park_timeout(Duration::from_millis(20));
            tell(own);
            std::thread::park_timeout(Duration::from_millis(20));
        },
        "says" => say(done, running),
        other => panic!("{other}"),
    }
    if ends {
        std::process::abort()
    } else {
        forever()
    };
    n
}

/// What came of the ten, and which began, in order.
fn outcomes(pool: &Pool, deed: Deed, ends: bool, at_most_once: bool) -> (Vec<Result<u64, TaskError>>, Vec<u64>) {
    let log = Scratch::new();
    let call = pool.call().chunk_size(TASKS as usize).time_limit(LIMIT);
    let call = if at_most_once { call.at_most_once() } else { call };
    let (what, done, running) = deed;
    let tuples = (0..TASKS).map(|n| (n, log.text(), (what.to_owned(), done, running), ends));
    let outcomes = call.starmap_outcomes(mad, tuples);
    let begun = std::fs::read_to_string(log.path()).unwrap().lines().map(|n| n.parse().unwrap()).collect();
    (outcomes, begun)
}

/// That the mad one alone has failed, and began once, or of those that may run once only also what lay behind it and has not begun twice.
fn costs_itself_alone(link: Transport, deed: Deed, ends: bool, warm: bool) {
    for at_most_once in [false, true] {
        let pool = builder(link, 2).response_limit(Duration::from_secs(1)).build().unwrap();
        assert!(pool.wait_ready(None));
        if warm {
            assert!(pool.map(|n: u64| n, 0..1_000).unwrap().into_iter().eq(0..1_000));
        }
        let (outcomes, begun) = outcomes(&pool, deed, ends, at_most_once);
        let what = format!("{deed:?}, ends: {ends}, once: {at_most_once}, warm: {warm}: {outcomes:?}, {begun:?}");
        for (n, outcome) in (0..).zip(&outcomes) {
            let death = match outcome {
                Ok(value) => {
                    assert!(*value == n && n != MAD, "{what}");
                    continue;
                }
                Err(TaskError::OutcomeUnknown { death }) if at_most_once && n >= MAD => &**death,
                Err(error) => error,
            };
            assert!(n == MAD || at_most_once && n > MAD, "{what}");
            assert!(matches!(death, TaskError::Crashed { .. } | TaskError::TimedOut { .. }), "{what}");
        }
        assert_eq!(begun.iter().filter(|n| **n == MAD).count(), 1, "{what}");
        assert!((0..TASKS).all(|n| begun.iter().filter(|begun| **begun == n).count() <= 1), "{what}");
        assert_eq!(pool.apply(|n: u64| n, (7,)).unwrap(), 7);
    }
}

#[test]
fn a_task_that_wipes_out_what_its_worker_tells_costs_itself_alone_and_begins_once() {
    let _alone = alone();
    for ends in [true, false] {
        for warm in [true, false] {
            for deed in ["tells zero", "writes zeros over all"] {
                costs_itself_alone(Transport::Shm, (deed, 0, 0), ends, warm);
            }
        }
    }
}

#[test]
fn a_task_whose_worker_tells_of_another_costs_itself_alone_and_has_no_more_time() {
    let _alone = alone();
    for (deed, ends) in [("tells of the next", true), ("tells of the next", false), ("tells of two in turn", false)] {
        costs_itself_alone(Transport::Shm, (deed, 0, 0), ends, false);
    }
}

#[test]
fn a_worker_that_says_false_things_on_its_socket_costs_the_task_that_it_is_in() {
    let _alone = alone();
    for ends in [true, false] {
        // That it is in none; that this one is over; that it is in another; both; that all are over.
        for (done, running) in [(MAD, 0), (MAD + 1, 0), (MAD, MAD + 3), (MAD + 1, MAD + 2), (TASKS, 0)] {
            costs_itself_alone(Transport::Socket, ("says", done, running), ends, false);
        }
    }
}
