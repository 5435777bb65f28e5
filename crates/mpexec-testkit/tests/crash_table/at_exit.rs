//! Failures of a worker that was told to leave and has said that it does.

use std::time::Instant;

use mpexec_core::{Pool, WorkerChange, named};
use mpexec_testkit::Scratch;
use mpexec_testkit::faults::Moment;
use mpexec_testkit::faults::tasks::fails_at_exit;
use mpexec_testkit::processes::{Held, keeps_exits};
use mpexec_testkit::table::{Outcome, RESPONSE_LIMIT};

use crate::case::{Case, in_time, next_call};
use crate::cells::try_all;

/// Has a worker fail that leaves after this task, does something meanwhile, and looks at how it ended.
fn one(case: &Case, pool: &Pool, meanwhile: impl FnOnce(u32)) {
    let Outcome::Left(exit) = case.outcome else { panic!("{:?} does not come of one that leaves", case.outcome) };
    let (since, gate) = (Instant::now(), Scratch::new());
    let pid = pool.apply(named("testkit.fails_at_exit", fails_at_exit), (case.fault(), gate.text())).unwrap();
    let leaving = Held::new(pid).expect("it leaves when the gate is open");
    gate.open();
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(case.strikes(), pid));
        meanwhile(pid);
    });
    in_time(case, since, RESPONSE_LIMIT * 2);
    case.became(pool, pid, true, WorkerChange::Left);
    case.has_struck(pid);
    // Nobody tells it, but the kernel knows.
    match keeps_exits() {
        true => assert_eq!(leaving.ended_as(), Some(exit), "{}", case.name()),
        false => mpexec_testkit::skipped("this kernel does not keep how a process ended that was reaped"),
    }
    case.has_noted(&[]);
}

/// Once in the midst of the pool's life, once at its end.
pub(crate) fn leaving(case: &Case) {
    let pool = case.builder(1).max_tasks_per_worker(1).build().unwrap();
    one(case, &pool, |pid| assert_ne!(next_call(case, &pool), pid));
    one(case, &pool, |_| {
        pool.close();
        pool.join().unwrap();
    });
}

#[test]
fn a_worker_that_fails_while_it_leaves() {
    try_all(&[Moment::AtExit]);
}
