//! Jobs of functions that have run before.

use super::*;

/// A scheduler that has seen a job whose tasks took `nanos` each, with another job of `tasks` tasks of the same function.
fn after_tasks_of(nanos: u64, tasks: u32) -> Scheduler {
    let mut sched = ready(2, 1);
    sched.measured(JOB, nanos, 1);
    sched.forget(JOB);
    sched.open_job(JOB, Job { total: Some(tasks.into()), ..job(1) });
    sched.push(JOB, run(0, tasks, 1));
    sched.set_input_open(JOB, false);
    sched
}

#[test]
fn few_cheap_tasks_go_to_one_worker_in_one_batch() {
    assert_eq!(send_all(&mut after_tasks_of(100, 100)), [(0, JOB, 0, 100)]);
}

#[test]
fn what_is_worth_sharing_is_shared_among_all_workers() {
    let sent = send_all(&mut after_tasks_of(20_000, 4));
    assert_eq!(sent, [(0, JOB, 0, 1), (1, JOB, 1, 1), (0, JOB, 2, 1), (1, JOB, 3, 1)]);
}

#[test]
fn batches_of_cheap_tasks_that_follow_each_other_go_to_the_worker_that_is_awake() {
    let mut sched = after_tasks_of(5_000, 1);
    sched.set_input_open(JOB, true);
    assert_eq!(send_all(&mut sched), [(0, JOB, 0, 1)]);
    let mut bring = |index| {
        sched.push(JOB, run(index, 1, 1));
        send_all(&mut sched)[0].0
    };
    assert_eq!([bring(1), bring(2), bring(3), bring(4)], [0, 0, 0, 1], "four at a time are with a worker at most");
}

#[test]
fn tasks_that_are_long_this_time_move_to_the_other_worker() {
    let mut sched = after_tasks_of(100, 4);
    assert_eq!(send_all(&mut sched), [(0, JOB, 0, 4)]);
    let actions = told(&mut sched, Event::Looked { worker: 0, stalled_ns: 1_000_000 });
    assert_eq!(actions, [Action::Withdraw { worker: 0, lo: 1, hi: 4 }]);
}
