//! What the scheduler promises, in sentences: no process and no clock is needed, because it only decides.

mod deaths;
mod known;
mod model;
mod sent_ahead;

use mpexec_wire::{ENTRY_HEADER, EntryHeader, FunctionKind};

use super::*;

const JOB: JobId = 7;

/// One encoded task whose payload is its index.
fn entry(index: u64) -> Vec<u8> {
    let mut bytes = vec![0; ENTRY_HEADER + 8];
    EntryHeader { len: 8, flags: 0 }.write_to(bytes.first_chunk_mut().unwrap());
    bytes[ENTRY_HEADER..].copy_from_slice(&index.to_le_bytes());
    bytes
}

fn run(first: u64, count: u32, attempt: u32) -> Run {
    let bytes = (first..first + u64::from(count)).flat_map(entry).collect();
    Run { first, count, attempt, bytes, from: 0 }
}

/// The indices that lie in a run's bytes.
fn indices(bytes: &[u8]) -> Vec<u64> {
    let one = entry(0).len();
    bytes.chunks(one).map(|entry| u64::from_le_bytes(*entry[ENTRY_HEADER..].first_chunk().unwrap())).collect()
}

fn job(attempts: u32) -> Job {
    Job::new(Function { kind: FunctionKind::Offset, id: 1 }, attempts)
}

/// A scheduler with so many workers that have shaken hands, and one open job.
fn ready(workers: usize, attempts: u32) -> Scheduler {
    let mut sched = Scheduler::new(workers, u64::MAX);
    for id in 0..workers {
        sched.handle(Event::Ready(id), &mut Vec::new());
    }
    sched.open_job(JOB, job(attempts));
    sched
}

fn told(sched: &mut Scheduler, event: Event) -> Vec<Action> {
    let mut actions = Vec::new();
    sched.handle(event, &mut actions);
    actions
}

/// Sends all that may be sent; each batch as worker, job, first index, count.
fn send_all(sched: &mut Scheduler) -> Vec<(WorkerId, JobId, u64, u32)> {
    let mut sent = Vec::new();
    while let Some(plan) = sched.plan() {
        let run = sched.cut(plan.job, plan.tasks, usize::MAX).unwrap();
        sched.sent(plan.worker, plan.job, run.first, run.count, run.attempt);
        sent.push((plan.worker, plan.job, run.first, run.count));
    }
    sent
}

/// Enters one batch of the job for a worker, whatever the plan would be.
fn give(sched: &mut Scheduler, worker: WorkerId, first: u64, count: u32, attempt: u32) -> (u64, u64) {
    sched.sent(worker, JOB, first, count, attempt)
}

/// Makes the job's next batches so large, as a worker's measurements would.
fn grown_to(sched: &mut Scheduler, tasks: u32) {
    for _ in 0..20 {
        sched.measured(JOB, 300_000, tasks);
    }
}

/// Worker 0 has died in this task.
fn lost(running: Option<u64>) -> Event {
    Event::Lost { worker: 0, running, spent: false, begun: 0 }
}

fn requeue(nth: usize, offset: u32, first: u64, count: u32, attempt: u32) -> Action {
    Action::Requeue { worker: 0, nth, job: JOB, offset, first, count, attempt }
}

#[test]
fn nobody_gets_work_before_it_has_shaken_hands() {
    let mut sched = Scheduler::new(2, u64::MAX);
    sched.open_job(JOB, job(1));
    sched.push(JOB, run(0, 5, 1));
    assert_eq!(sched.plan(), None);
    assert_eq!(sched.wanted(JOB), 0);
    sched.handle(Event::Ready(1), &mut Vec::new());
    assert!(send_all(&mut sched).iter().all(|batch| batch.0 == 1));
}

#[test]
fn every_worker_gets_a_batch_before_any_gets_a_second() {
    let mut sched = ready(3, 1);
    sched.push(JOB, run(0, 100, 1));
    let sent = send_all(&mut sched);
    assert_eq!(sent[..4], [(0, JOB, 0, 1), (1, JOB, 1, 1), (2, JOB, 2, 1), (0, JOB, 3, 1)]);
    assert_eq!(sent.len(), 12, "four batches in flight each");
}

#[test]
fn slow_tasks_have_only_one_batch_waiting_behind_the_running_one() {
    let mut sched = ready(1, 1);
    sched.measured(JOB, 5_000_000, 1);
    sched.push(JOB, run(0, 100, 1));
    assert_eq!(send_all(&mut sched), [(0, JOB, 0, 1), (0, JOB, 1, 1)]);
}

#[test]
fn batches_start_with_one_task_and_grow_step_by_step_to_the_measured_size() {
    let mut sched = ready(1, 1);
    let mut sizes = vec![sched.wanted(JOB)];
    for _ in 0..6 {
        sched.measured(JOB, 1_000 * u64::from(*sizes.last().unwrap()), *sizes.last().unwrap());
        sizes.push(sched.wanted(JOB));
    }
    assert_eq!(sizes, [1, 4, 16, 64, 256, 300, 300]);
}

#[test]
fn a_task_that_turns_slow_makes_the_batches_small_again() {
    let mut sched = ready(1, 1);
    grown_to(&mut sched, 300);
    assert_eq!(sched.wanted(JOB), 300);
    for _ in 0..20 {
        sched.measured(JOB, 1_000_000, 1);
    }
    assert_eq!(sched.wanted(JOB), 1);
}

#[test]
fn towards_the_end_the_pieces_become_smaller() {
    let mut sched = ready(2, 1);
    grown_to(&mut sched, 1_000);
    sched.push(JOB, run(0, 400, 1));
    sched.set_input_open(JOB, false);
    let mut sizes = Vec::new();
    while let Some(plan) = sched.plan() {
        sizes.push(sched.cut(JOB, plan.tasks, usize::MAX).unwrap().count);
    }
    assert_eq!(sizes.iter().sum::<u32>(), 400);
    assert_eq!(sizes[0], 100, "a fourth of what is left, with two workers");
    assert!(sizes.is_sorted_by(|earlier, later| earlier >= later), "{sizes:?}");
    assert_eq!(sizes.last(), Some(&1));
}

#[test]
fn a_chosen_chunk_is_kept_whatever_was_measured() {
    let mut sched = ready(1, 1);
    let mut chosen = job(1);
    chosen.chunk = Some(6);
    sched.open_job(8, chosen);
    sched.measured(8, 1_000_000_000, 1);
    sched.push(8, run(0, 13, 1));
    sched.set_input_open(8, false);
    let counts: Vec<u32> = send_all(&mut sched).iter().map(|batch| batch.3).collect();
    assert_eq!(counts, [6, 6]);
}

#[test]
fn a_batch_keeps_to_the_room_of_the_link_but_has_at_least_one_task() {
    let mut sched = ready(1, 1);
    sched.push(JOB, run(0, 10, 1));
    let one = entry(0).len();
    let cut = sched.cut(JOB, 10, 3 * one + 1).unwrap();
    assert_eq!((cut.first, indices(cut.entries())), (0, vec![0, 1, 2]));
    let cut = sched.cut(JOB, 10, 1).unwrap();
    assert_eq!((cut.first, indices(cut.entries())), (3, vec![3]));
    let cut = sched.cut(JOB, 10, usize::MAX).unwrap();
    assert_eq!((cut.first, indices(cut.entries())), (4, vec![4, 5, 6, 7, 8, 9]));
    assert_eq!(sched.cut(JOB, 10, usize::MAX), None);
}

#[test]
fn jobs_are_served_in_turn() {
    let mut sched = ready(1, 1);
    sched.open_job(8, job(1));
    sched.push(JOB, run(0, 10, 1));
    sched.push(8, run(0, 10, 1));
    assert!(send_all(&mut sched).iter().map(|batch| batch.1).eq([JOB, 8, JOB, 8]));
}

#[test]
fn a_worker_without_room_is_passed_over() {
    let mut sched = ready(2, 1);
    sched.push(JOB, run(0, 10, 1));
    sched.workers[0].blocked = true;
    assert!(send_all(&mut sched).iter().all(|batch| batch.0 == 1));
}

#[test]
fn input_is_wanted_only_while_a_worker_could_take_it() {
    let mut sched = ready(1, 1);
    assert_eq!(sched.wanted(JOB), 1);
    sched.push(JOB, run(0, 1, 1));
    assert_eq!(sched.wanted(JOB), 0, "something waits to be sent");
    send_all(&mut sched);
    for index in 1..4 {
        assert_eq!(sched.wanted(JOB), 1);
        give(&mut sched, 0, index, 1, 1);
    }
    assert_eq!(sched.wanted(JOB), 0, "the worker has all it may have in flight");
}

#[test]
fn results_settle_their_tasks_in_order() {
    let mut sched = ready(1, 1);
    let (batch, base) = give(&mut sched, 0, 10, 4, 1);
    let (next_batch, next_base) = give(&mut sched, 0, 20, 2, 1);
    assert_eq!((base, next_base), (0, 4));
    assert_eq!(sched.settle(0, batch, 0, 3), Ok((JOB, 10)));
    assert_eq!(sched.settle(0, batch, 3, 1), Ok((JOB, 13)));
    assert_eq!(sched.settle(0, next_batch, 0, 2), Ok((JOB, 20)));
    assert!(sched.is_idle(JOB));
    assert_eq!(sched.workers[0].finished, 6);
}

#[test]
fn a_worker_that_tells_of_what_it_does_not_hold_next_is_found_lying() {
    let mut sched = ready(2, 1);
    let (batch, _) = give(&mut sched, 0, 0, 4, 1);
    let (later, _) = give(&mut sched, 0, 4, 4, 1);
    let lie = |batch, offset, count| Err(Violation { batch, offset, count });
    assert_eq!(sched.settle(1, batch, 0, 1), lie(batch, 0, 1), "it holds nothing");
    assert_eq!(sched.settle(0, later, 0, 1), lie(later, 0, 1), "the batch before it is not over");
    assert_eq!(sched.settle(0, batch, 1, 1), lie(batch, 1, 1), "it left one out");
    assert_eq!(sched.settle(0, batch, 0, 5), lie(batch, 0, 5), "more than the batch has");
    assert_eq!(sched.settle(0, batch, 0, u32::MAX), lie(batch, 0, u32::MAX));
    sched.settle(0, batch, 0, 2).unwrap();
    assert_eq!(sched.settle(0, batch, 0, 1), lie(batch, 0, 1), "the same twice");
    assert_eq!(sched.settle(0, 99, 2, 1), lie(99, 2, 1), "no such batch");
    assert_eq!(sched.unsettled(), 6, "a lie settles nothing");
}

#[test]
fn a_batch_that_could_not_be_sent_is_as_if_it_had_not_been() {
    let mut sched = ready(1, 1);
    let kept = give(&mut sched, 0, 0, 2, 1);
    let refused = give(&mut sched, 0, 2, 3, 1);
    sched.unsent(0);
    assert_eq!(sched.unsettled(), 2);
    assert_eq!(give(&mut sched, 0, 2, 3, 1), refused, "its number and its ordinals are given again");
    assert_eq!(sched.settle(0, kept.0, 0, 2), Ok((JOB, 0)));
}

#[test]
fn a_death_charges_exactly_the_running_task_and_frees_the_rest() {
    let mut sched = ready(1, 1);
    let (batch, _) = give(&mut sched, 0, 100, 5, 1);
    give(&mut sched, 0, 105, 3, 1);
    sched.settle(0, batch, 0, 2).unwrap();
    let actions = told(&mut sched, lost(Some(2)));
    let charge = Action::Charge { worker: 0, job: JOB, index: 102, attempt: 1 };
    assert_eq!(actions, [requeue(0, 3, 103, 2, 1), charge, requeue(1, 0, 105, 3, 1)]);
    assert!(!sched.workers[0].ready);
    assert_eq!(sched.plan(), None, "the dead get nothing");
}

#[test]
fn a_task_whose_result_is_here_is_not_charged_for_the_death_after_it() {
    let mut sched = ready(1, 1);
    let (batch, _) = give(&mut sched, 0, 0, 3, 1);
    sched.settle(0, batch, 0, 1).unwrap();
    assert_eq!(told(&mut sched, lost(Some(0))), [requeue(0, 1, 1, 2, 1)]);
}

#[test]
fn a_task_is_retried_as_often_as_it_may_be_and_then_charged() {
    let mut sched = ready(1, 3);
    for attempt in 1..=2 {
        give(&mut sched, 0, 4, 2, attempt);
        let retry = Action::Retry { worker: 0, nth: 0, job: JOB, offset: 0, index: 4, attempt: attempt + 1 };
        assert_eq!(told(&mut sched, lost(Some(0))), [retry, requeue(0, 1, 5, 1, attempt)]);
        sched.handle(Event::Ready(0), &mut Vec::new());
    }
    give(&mut sched, 0, 4, 1, 3);
    let actions = told(&mut sched, lost(Some(0)));
    assert_eq!(actions, [Action::Charge { worker: 0, job: JOB, index: 4, attempt: 3 }]);
}

#[test]
fn what_came_back_goes_out_first_and_in_order() {
    let mut sched = ready(1, 2);
    grown_to(&mut sched, 100);
    sched.push(JOB, run(10, 5, 1));
    for back in [run(4, 2, 1), run(3, 1, 2), run(7, 3, 1)] {
        sched.push_front(JOB, back);
    }
    let firsts: Vec<u64> = std::iter::from_fn(|| sched.cut(JOB, 100, usize::MAX)).map(|run| run.first).collect();
    assert_eq!(firsts, [3, 4, 7, 10]);
}

#[test]
fn the_replacement_begins_with_an_empty_table() {
    let mut sched = ready(1, 1);
    give(&mut sched, 0, 0, 3, 1);
    told(&mut sched, lost(None));
    sched.handle(Event::Ready(0), &mut Vec::new());
    assert_eq!(give(&mut sched, 0, 0, 3, 1), (0, 0));
}

#[test]
fn what_was_taken_back_is_queued_again_and_only_once() {
    let mut sched = ready(1, 1);
    let (batch, _) = give(&mut sched, 0, 0, 4, 1);
    give(&mut sched, 0, 4, 2, 1);
    let actions = told(&mut sched, Event::TakenBack { worker: 0, from: 2, to: 6 });
    assert_eq!(actions, [requeue(0, 2, 2, 2, 1), requeue(1, 0, 4, 2, 1)]);
    assert_eq!(told(&mut sched, Event::TakenBack { worker: 0, from: 2, to: 6 }), []);
    assert_eq!(sched.settle(0, batch, 0, 2), Ok((JOB, 0)), "what it keeps it may finish");
    assert!(sched.settle(0, batch, 2, 1).is_err(), "what it gave back it may not");
    let actions = told(&mut sched, lost(None));
    assert_eq!(actions, [], "its death does not queue it a second time");
}

#[test]
fn a_finished_task_cannot_be_taken_back() {
    let mut sched = ready(1, 1);
    let (batch, _) = give(&mut sched, 0, 0, 4, 1);
    sched.settle(0, batch, 0, 3).unwrap();
    assert_eq!(told(&mut sched, Event::TakenBack { worker: 0, from: 0, to: 4 }), [requeue(0, 3, 3, 1, 1)]);
}

#[test]
fn what_was_sent_after_the_asking_stays_with_the_worker() {
    let mut sched = ready(1, 1);
    give(&mut sched, 0, 0, 4, 1);
    let (later, base) = give(&mut sched, 0, 4, 2, 1);
    assert_eq!(told(&mut sched, Event::TakenBack { worker: 0, from: 0, to: base }), [requeue(0, 0, 0, 4, 1)]);
    assert_eq!(sched.settle(0, later, 0, 2), Ok((JOB, 4)));
}

#[test]
fn a_skipped_task_gives_back_the_rest_of_its_batch() {
    let mut sched = ready(1, 1);
    let (batch, _) = give(&mut sched, 0, 0, 4, 1);
    give(&mut sched, 0, 4, 2, 1);
    sched.settle(0, batch, 0, 1).unwrap();
    assert_eq!(sched.workers[0].skipped(batch, 1), Some((1, 4)));
    told(&mut sched, Event::TakenBack { worker: 0, from: 1, to: 4 });
    assert_eq!(sched.workers[0].skipped(batch, 1), None, "that is known already");
}

#[test]
fn a_batch_is_over_only_when_the_worker_has_passed_what_was_taken_back() {
    let mut sched = ready(1, 1);
    let (batch, _) = give(&mut sched, 0, 0, 4, 1);
    told(&mut sched, Event::TakenBack { worker: 0, from: 1, to: 4 });
    sched.settle(0, batch, 0, 1).unwrap();
    assert!(!sched.workers[0].front_is_over(|| 1), "it may still be reading its bytes");
    assert!(sched.workers[0].front_is_over(|| 4));
}

#[test]
fn an_abandoned_job_drops_its_queue_and_takes_back_what_has_not_started() {
    let mut sched = ready(2, 1);
    sched.open_job(8, job(1));
    let (batch, _) = give(&mut sched, 0, 0, 4, 1);
    sched.sent(1, 8, 0, 4, 1);
    sched.settle(0, batch, 0, 1).unwrap();
    sched.push(JOB, run(4, 6, 1));
    let actions = told(&mut sched, Event::Abandoned(JOB));
    let dropped = Action::Dropped { job: JOB, first: 4, count: 6 };
    assert_eq!(actions, [dropped, Action::Withdraw { worker: 0, lo: 1, hi: 4 }]);
    assert_eq!(sched.plan(), None);
}

#[test]
fn calls_that_wait_are_gathered_into_one_run() {
    let mut sched = ready(1, 1);
    for index in 0..3 {
        sched.push_call(JOB, index, &entry(index), &mut Vec::new());
    }
    assert_eq!(sched.job(JOB).unwrap().queue.len(), 1);
    let cut = sched.cut(JOB, 10, usize::MAX).unwrap();
    assert_eq!((cut.first, cut.count, indices(cut.entries())), (0, 3, vec![0, 1, 2]));
}

#[test]
fn a_call_joins_neither_a_retried_one_nor_a_gap() {
    let mut sched = ready(1, 2);
    sched.push_front(JOB, run(0, 1, 2));
    sched.push_call(JOB, 1, &entry(1), &mut Vec::new());
    sched.push_call(JOB, 3, &entry(3), &mut Vec::new());
    let counts: Vec<(u64, u32, u32)> =
        sched.job(JOB).unwrap().queue.iter().map(|run| (run.first, run.count, run.attempt)).collect();
    assert_eq!(counts, [(0, 1, 2), (1, 1, 1), (3, 1, 1)]);
}
