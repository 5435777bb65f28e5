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

/// Two workers, of which the first has two cheap tasks and has told of the one before them.
fn at_it() -> Scheduler {
    let mut sched = after_tasks_of(5_000, 1);
    sched.set_input_open(JOB, true);
    assert_eq!(send_all(&mut sched), [(0, JOB, 0, 1)]);
    sched.sent(0, JOB, 1, 1, 1);
    sched.settle(0, 0, 0, 1).unwrap();
    sched
}

fn next(sched: &mut Scheduler, index: u64) -> WorkerId {
    sched.push(JOB, run(index, 1, 1));
    send_all(sched)[0].0
}

#[test]
fn cheap_tasks_that_come_one_by_one_go_to_the_worker_that_is_awake_as_long_as_it_tells_of_results() {
    let mut sched = at_it();
    assert_eq!(next(&mut sched, 2), 0);
    assert_eq!(next(&mut sched, 3), 1, "it has told of nothing since");
    sched.settle(0, 1, 0, 1).unwrap();
    assert_eq!(next(&mut sched, 4), 0);
}

#[test]
fn a_worker_from_which_tasks_were_taken_back_gets_none_before_another() {
    let mut sched = at_it();
    sched.handle(Event::TakenBack { worker: 0, from: 1, to: 2 }, &mut Vec::new());
    assert_eq!(next(&mut sched, 2), 1);
}

#[test]
fn tasks_that_are_dear_are_shared_whoever_is_awake() {
    let mut sched = at_it();
    sched.measured(JOB, 200_000, 1);
    assert_eq!(next(&mut sched, 2), 1);
}

#[test]
fn tasks_that_are_long_this_time_move_to_the_other_worker() {
    let mut sched = after_tasks_of(100, 4);
    assert_eq!(send_all(&mut sched), [(0, JOB, 0, 4)]);
    let actions = told(&mut sched, Event::Looked { worker: 0, stalled_ns: 1_000_000 });
    assert_eq!(actions, [Action::Withdraw { worker: 0, lo: 1, hi: 4 }]);
}

#[test]
fn whoever_brings_more_keeps_its_processor_if_a_worker_of_another_one_has_nothing() {
    let mut sched = after_tasks_of(20_000, 4);
    sched.workers[0].near = true;
    assert_eq!(send_all(&mut sched)[0].0, 0, "all has been brought");
    let mut sched = after_tasks_of(20_000, 4);
    sched.set_input_open(JOB, true);
    sched.workers[0].near = true;
    let sent: Vec<_> = send_all(&mut sched).into_iter().map(|(worker, ..)| worker).collect();
    assert_eq!(sent[..2], [1, 0], "the other one is better than none");
}
