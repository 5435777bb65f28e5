//! Failures while a worker has no task.

use std::time::Instant;

use mpexec_core::named;
use mpexec_testkit::faults::Moment;
use mpexec_testkit::faults::tasks::fails_when_idle;
use mpexec_testkit::processes::{alive, stopped};
use mpexec_testkit::table::{Outcome, RESPONSE_LIMIT};
use mpexec_testkit::{Scratch, wait_until};

use crate::{Case, in_time, next_call, try_all};

fn between_two_calls(case: &Case) {
    let pool = case.builder(1).build().unwrap();
    let gate = Scratch::new();
    let first = pool.apply(named("testkit.fails_when_idle", fails_when_idle), (case.fault(), gate.text())).unwrap();
    gate.open();
    assert_eq!(case.strikes(), first);
    let since = Instant::now();
    if matches!(case.outcome, Outcome::ReplacedAtNextCall(..)) {
        wait_until("it is stopped", || stopped(first));
    }
    match case.outcome {
        Outcome::Replaced(exit, why) => {
            wait_until(&format!("another has its place: {}", case.name()), || {
                pool.pids().len() == 1 && pool.pids() != [first]
            });
            in_time(case, since, RESPONSE_LIMIT * 2);
            case.is_noted(first, exit, why);
            assert_ne!(next_call(case, &pool), first);
        }
        Outcome::ReplacedAtNextCall(exit, why) => {
            assert_ne!(next_call(case, &pool), first, "{}", case.name());
            in_time(case, since, RESPONSE_LIMIT * 2);
            case.is_noted(first, exit, why);
        }
        other => panic!("{other:?} does not come of an idle worker"),
    }
    assert!(!alive(first), "{}", case.name());
    pool.close();
    pool.join().unwrap();
}

#[test]
fn a_worker_that_fails_while_it_is_idle() {
    try_all(&[Moment::Idle], between_two_calls);
}
