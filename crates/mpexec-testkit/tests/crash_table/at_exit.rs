//! Failures of a worker that was told to leave and has said that it does.

use std::time::Instant;

use mpexec_core::named;
use mpexec_testkit::faults::Moment;
use mpexec_testkit::faults::tasks::fails_at_exit;
use mpexec_testkit::processes::alive;
use mpexec_testkit::table::RESPONSE_LIMIT;

use crate::{Case, in_time, next_call, try_all};

/// Once in the midst of the pool's life, once at its end.
fn leaving(case: &Case) {
    let pool = case.builder(1).max_tasks_per_worker(1).build().unwrap();
    let fails = || pool.apply(named("testkit.fails_at_exit", fails_at_exit), (case.fault(),)).unwrap();
    let (since, first) = (Instant::now(), fails());
    assert_eq!(case.strikes(), first);
    assert_ne!(next_call(case, &pool), first);
    in_time(case, since, RESPONSE_LIMIT * 2);
    assert!(!alive(first), "{}", case.name());
    case.is_not_noted(first);
    std::fs::remove_file(case.told.path()).unwrap();
    let (since, last) = (Instant::now(), fails());
    pool.close();
    assert_eq!(case.strikes(), last);
    pool.join().unwrap();
    in_time(case, since, RESPONSE_LIMIT * 2);
    assert!(!alive(last), "{}", case.name());
    case.is_not_noted(last);
}

#[test]
fn a_worker_that_fails_while_it_leaves() {
    try_all(&[Moment::AtExit], leaving);
}
