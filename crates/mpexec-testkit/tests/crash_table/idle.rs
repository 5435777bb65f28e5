//! Failures while a worker has no task.

use std::time::Instant;

use mpexec_core::{TaskError, named};
use mpexec_testkit::faults::Moment;
use mpexec_testkit::faults::tasks::{fails_when_idle, pid};
use mpexec_testkit::processes::{alive, stopped};
use mpexec_testkit::table::{GRACE, Outcome, RESPONSE_LIMIT};
use mpexec_testkit::{Scratch, wait_until};

use crate::{Case, in_time, next_call, try_all};

fn between_two_calls(case: &Case) {
    let pool = case.builder(1).build().unwrap();
    let gate = Scratch::new();
    let first = pool.apply(named("testkit.fails_when_idle", fails_when_idle), (case.fault(), gate.text())).unwrap();
    gate.open();
    assert_eq!(case.strikes(), first);
    let since = Instant::now();
    if matches!(case.outcome, Outcome::NextCrashed(..) | Outcome::ReplacedAtNextCall(..) | Outcome::Unharmed) {
        match case.kind.from_outside() {
            Some(_) => wait_until("it is stopped", || stopped(first)),
            None => wait_until("it has struck", || case.struck.is_open()),
        }
    }
    match case.outcome {
        Outcome::Replaced(exit, why) => {
            wait_until(&format!("another has its place: {}", case.name()), || {
                pool.pids().len() == 1 && pool.pids() != [first]
            });
            in_time(case, since, RESPONSE_LIMIT);
            case.is_noted(first, exit, why);
            assert_ne!(next_call(case, &pool), first);
        }
        Outcome::ReplacedAtNextCall(exit, why) => {
            assert_ne!(next_call(case, &pool), first, "{}", case.name());
            in_time(case, since, RESPONSE_LIMIT * 2);
            case.is_noted(first, exit, why);
        }
        Outcome::NextCrashed(wanted, why) => {
            let call = pool.call().time_limit(GRACE).apply(named("testkit.pid", pid), ());
            let Err(TaskError::Crashed { pid, exit, stderr, .. }) = call else { panic!("{}: {call:?}", case.name()) };
            assert_eq!((pid, exit), (first, wanted), "{}", case.name());
            assert!(stderr.contains(&case.fault().last_words()) && stderr.contains(why), "{}: {stderr}", case.name());
            assert_ne!(next_call(case, &pool), first);
        }
        Outcome::Unharmed => {
            assert_eq!(next_call(case, &pool), first);
            case.is_not_noted(first);
        }
        other => panic!("{other:?} does not come of an idle worker"),
    }
    assert!(alive(first) == (case.outcome == Outcome::Unharmed), "{}", case.name());
    pool.close();
    pool.join().unwrap();
}

#[test]
fn a_worker_that_fails_while_it_is_idle() {
    try_all(&[Moment::Idle], between_two_calls);
}
