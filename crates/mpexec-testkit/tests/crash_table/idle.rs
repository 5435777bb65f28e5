//! Failures while a worker has no task.

use std::time::Instant;

use mpexec_core::{WorkerChange, named};
use mpexec_testkit::faults::Moment;
use mpexec_testkit::faults::tasks::fails_when_idle;
use mpexec_testkit::table::{Outcome, RESPONSE_LIMIT};
use mpexec_testkit::{Scratch, wait_until};

use crate::case::{Case, in_time, next_call};
use crate::cells::try_all;

pub(crate) fn between_two_calls(case: &Case) {
    let pool = case.builder(1).build().unwrap();
    let gate = Scratch::new();
    let first = pool.apply(named("testkit.fails_when_idle", fails_when_idle), (case.fault(), gate.text())).unwrap();
    gate.open();
    assert_eq!(case.strikes(), first);
    let since = Instant::now();
    let (exit, why) = match case.outcome {
        Outcome::Replaced(exit, why) => {
            wait_until(&format!("another has its place: {}", case.name()), || {
                pool.pids().len() == 1 && pool.pids() != [first]
            });
            in_time(case, since, RESPONSE_LIMIT * 2);
            assert_ne!(next_call(case, &pool), first);
            (exit, why)
        }
        Outcome::ReplacedAtNextCall(exit, why) => {
            assert_eq!(pool.pids(), [first], "{}", case.name());
            assert_ne!(next_call(case, &pool), first, "{}", case.name());
            in_time(case, since, RESPONSE_LIMIT * 2);
            (exit, why)
        }
        other => panic!("{other:?} does not come of an idle worker"),
    };
    case.has_noted(&[case.note(0, first, exit, "", why)]);
    case.became(&pool, first, true, WorkerChange::Died(exit));
    case.has_struck(first);
    pool.close();
    pool.join().unwrap();
}

#[test]
fn a_worker_that_fails_while_it_is_idle() {
    try_all(&[Moment::Idle]);
}
