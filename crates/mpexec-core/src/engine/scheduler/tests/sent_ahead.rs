//! Jobs that send their first task ahead.

use super::*;

/// Two workers, and a job of so many tasks whose caller waits for all of it; it brings what it is asked for.
fn gathered(tasks: u64) -> Scheduler {
    let mut sched = Scheduler::new(2, u64::MAX);
    for id in 0..2 {
        sched.handle(Event::Ready(id), &mut Vec::new());
    }
    sched.open_job(JOB, Job { total: Some(tasks), gathers: true, ..job(2) });
    sched
}

/// Brings what is wanted of the job, from `first` on, again and again; each batch that is sent as worker, first index, count.
fn feed(sched: &mut Scheduler, mut first: u64, tasks: u64) -> Vec<(WorkerId, u64, u32)> {
    let mut sent = Vec::new();
    loop {
        let count = u64::from(sched.wanted(JOB)).min(tasks - first);
        if count == 0 {
            return sent;
        }
        sched.push(JOB, run(first, count as u32, 1));
        first += count;
        sched.set_input_open(JOB, first < tasks);
        sent.extend(send_all(sched).into_iter().map(|(worker, _, first, count)| (worker, first, count)));
    }
}

#[test]
fn the_first_task_of_an_unknown_function_goes_alone_and_if_all_are_short_the_rest_goes_with_the_same_worker() {
    let mut sched = gathered(100);
    assert!(!sched.scouting(), "nothing is out yet");
    assert_eq!(feed(&mut sched, 0, 100), [(0, 0, 1)]);
    assert!(sched.scouting());
    sched.measured(JOB, 150, 1);
    sched.settle(0, 0, 0, 1).unwrap();
    sched.workers[0].pop_front();
    assert_eq!(feed(&mut sched, 1, 100), [(0, 1, 99)]);
    assert!(sched.scouting(), "they are not back");
    sched.measured(JOB, 2_500, 99);
    sched.settle(0, 1, 0, 99).unwrap();
    assert!(!sched.scouting());
}

#[test]
fn a_first_task_that_was_dear_as_its_code_was_new_is_followed_by_a_second_look() {
    let mut sched = gathered(100);
    feed(&mut sched, 0, 100);
    sched.measured(JOB, 2_000, 1);
    sched.settle(0, 0, 0, 1).unwrap();
    sched.workers[0].pop_front();
    assert_eq!(feed(&mut sched, 1, 100), [(0, 1, 4)]);
    sched.measured(JOB, 100, 4);
    sched.settle(0, 1, 0, 4).unwrap();
    sched.workers[0].pop_front();
    assert_eq!(feed(&mut sched, 5, 100), [(0, 5, 95)]);
}

#[test]
fn as_soon_as_the_job_is_known_to_be_worth_it_all_workers_get_tasks() {
    let mut sched = gathered(100);
    feed(&mut sched, 0, 100);
    sched.measured(JOB, 200_000, 1);
    sched.settle(0, 0, 0, 1).unwrap();
    sched.workers[0].pop_front();
    assert!(!sched.scouting());
    assert_eq!(feed(&mut sched, 1, 100), [(0, 1, 1), (1, 2, 1), (0, 3, 1), (1, 4, 1)]);
}

#[test]
fn if_the_first_task_is_not_back_soon_the_others_wait_for_it_no_longer() {
    let mut sched = gathered(4);
    assert_eq!(feed(&mut sched, 0, 4), [(0, 0, 1)]);
    assert_eq!(feed(&mut sched, 1, 4), []);
    assert!(sched.end_scouting() && !sched.scouting() && !sched.end_scouting());
    assert_eq!(feed(&mut sched, 1, 4), [(1, 1, 1), (0, 2, 1), (1, 3, 1)]);
}

#[test]
fn a_task_that_was_sent_ahead_and_died_is_tried_again_and_holds_nothing_off() {
    let mut sched = gathered(4);
    feed(&mut sched, 0, 4);
    let died = Event::Lost { worker: 0, running: Some(0), spent: false, begun: 1 };
    assert!(matches!(told(&mut sched, died)[..], [Action::Retry { index: 0, .. }]));
    assert!(!sched.scouting());
    sched.push_front(JOB, run(0, 1, 2));
    assert_eq!(send_all(&mut sched), [(1, JOB, 0, 1)]);
}

#[test]
fn a_job_that_is_forgotten_while_it_scouts_is_not_counted_any_longer() {
    let mut sched = gathered(4);
    feed(&mut sched, 0, 4);
    sched.settle(0, 0, 0, 1).unwrap();
    sched.forget(JOB);
    assert_eq!((sched.scouts, sched.scouting(), sched.end_scouting()), (0, false, false));
}

#[test]
fn only_who_waits_for_all_of_a_job_whose_pace_is_unknown_sends_a_task_ahead() {
    let mut sched = gathered(4);
    sched.measured(JOB, 1_000_000, 1);
    sched.forget(JOB);
    let unknown = |id| Function { kind: FunctionKind::Offset, id };
    let jobs = [
        Job { gathers: true, ..job(2) },
        Job { function: unknown(2), gathers: true, chunk: Some(1), ..job(2) },
        Job { function: unknown(3), gathers: true, once: true, ..job(1) },
        Job { function: unknown(4), ..job(2) },
    ];
    for (id, job) in (1..).zip(jobs) {
        sched.open_job(id, job);
        assert_eq!(sched.scouts, 0, "job {id}");
    }
}
