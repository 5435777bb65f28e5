//! Failures of a worker that has not shaken hands: as the first of a pool, and as one that is to replace another.

use std::time::Instant;

use mpexec_core::PoolError;
use mpexec_testkit::Scratch;
use mpexec_testkit::faults::{Moment, early};
use mpexec_testkit::processes::{alive, kill};
use mpexec_testkit::table::{HANDSHAKE_LIMIT, Outcome};

use crate::{Case, in_time, next_call, try_all};

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
            case.is_noted(struck, exit, "before it had shaken hands");
            case.is_noted(struck, exit, why);
            assert_ne!(next_call(case, &pool), struck);
            pool.close();
            pool.join().unwrap();
        }
        (Err(PoolError::WorkerProgram { what, .. }), Outcome::NotStarted(exit, why)) => {
            let told = if why.is_empty() { exit.to_string() } else { why.to_owned() };
            assert!(what.contains(&told), "{}: {what}", case.name());
            let last_words = case.fault().last_words();
            assert!(!why.is_empty() || what.contains(&last_words), "{}: {what}", case.name());
        }
        (built, _) => panic!("{}: {built:?}", case.name()),
    }
    assert!(!alive(struck), "{}", case.name());
    std::fs::remove_file(case.told.path()).unwrap();
}

fn as_a_replacement(case: &Case) {
    let fuse = Scratch::new();
    let pool = early::arm(case.builder(1), &case.fault(), &fuse).build().unwrap();
    fuse.open();
    let since = Instant::now();
    pool.pids().into_iter().for_each(kill);
    let struck = case.strikes();
    let (Outcome::Replaced(exit, why) | Outcome::NotStarted(exit, why)) = case.outcome else {
        panic!("{} does not come of a worker that has not shaken hands", case.name())
    };
    // It was called while there was no worker.
    assert_ne!(next_call(case, &pool), struck);
    in_time(case, since, HANDSHAKE_LIMIT);
    case.is_noted(struck, exit, "before it had shaken hands");
    case.is_noted(struck, exit, why);
    assert!(!alive(struck), "{}", case.name());
    pool.close();
    pool.join().unwrap();
}

fn both(case: &Case) {
    as_the_first(case);
    as_a_replacement(case);
}

#[test]
fn a_worker_that_fails_before_its_handshake() {
    try_all(&[Moment::BeforeHandshake], both);
}

#[test]
fn a_worker_that_fails_in_its_handshake() {
    try_all(&[Moment::InHandshake], both);
}
