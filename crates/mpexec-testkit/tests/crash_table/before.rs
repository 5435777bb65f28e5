//! Failures of a worker that has not shaken hands: as the first of a pool, and as one that is to replace another.

use std::time::Instant;

use mpexec_core::{Exit, PoolError, WorkerChange};
use mpexec_testkit::Scratch;
use mpexec_testkit::faults::{Moment, early};
use mpexec_testkit::processes::kill;
use mpexec_testkit::table::{HANDSHAKE_LIMIT, Outcome};

use crate::case::{Case, in_time, next_call};
use crate::cells::try_all;

const BEFORE: &str = " before it had shaken hands";

fn as_the_first(case: &Case) {
    let fuse = Scratch::new();
    fuse.open();
    let since = Instant::now();
    let (built, struck) = std::thread::scope(|scope| {
        let struck = scope.spawn(|| case.strikes());
        (early::arm(case.builder(1), &case.fault(), &fuse).build(), struck.join().unwrap())
    });
    in_time(case, since, HANDSHAKE_LIMIT);
    match (built, case.outcome) {
        (Ok(pool), Outcome::Replaced(exit, why)) => {
            case.has_noted(&[case.note(0, struck, exit, BEFORE, why)]);
            case.became(&pool, struck, false, WorkerChange::Died(exit));
            assert_ne!(next_call(case, &pool), struck);
            pool.close();
            pool.join().unwrap();
        }
        (Err(PoolError::WorkerProgram { what, .. }), Outcome::NotStarted(exit, why)) => {
            let told = match why {
                "" => format!("it {exit}{BEFORE} (it said: {})", case.fault().last_words()),
                why => why.to_owned(),
            };
            assert_eq!(what, told, "{}", case.name());
            case.has_noted(&[case.note(0, struck, exit, BEFORE, why)]);
        }
        (built, _) => panic!("{}: {built:?}", case.name()),
    }
    case.has_struck(struck);
}

fn as_a_replacement(case: &Case) {
    let fuse = Scratch::new();
    let pool = early::arm(case.builder(1), &case.fault(), &fuse).build().unwrap();
    fuse.open();
    let since = Instant::now();
    let first = pool.pids()[0];
    kill(first);
    let struck = case.strikes();
    let (Outcome::Replaced(exit, why) | Outcome::NotStarted(exit, why)) = case.outcome else {
        panic!("{} does not come of a worker that has not shaken hands", case.name())
    };
    // It was called while there was no worker.
    assert_ne!(next_call(case, &pool), struck);
    in_time(case, since, HANDSHAKE_LIMIT);
    case.has_noted(&[case.note(0, first, Exit::Signal(9), "", ""), case.note(0, struck, exit, BEFORE, why)]);
    case.became(&pool, struck, false, WorkerChange::Died(exit));
    case.has_struck(struck);
    pool.close();
    pool.join().unwrap();
}

pub(crate) fn both(case: &Case) {
    as_the_first(case);
    as_a_replacement(case);
}

#[test]
fn a_worker_that_fails_before_its_handshake() {
    try_all(&[Moment::BeforeHandshake]);
}

#[test]
fn a_worker_that_fails_in_its_handshake() {
    try_all(&[Moment::InHandshake]);
}
