//! What is kept of batches, without a process and without a clock.

use super::*;
use crate::error::Exit;

fn ok(count: usize) -> impl Iterator<Item = Status> {
    std::iter::repeat_n(Status::Ok, count)
}

fn timing(nanos: u64, count: u32, ended: u64) -> Timing {
    Timing { nanos, count, ended, slowest: (count - 1, nanos / 2) }
}

fn nanos(span: &BatchSpan) -> [u128; 5] {
    [span.queued, span.sent, span.begun, span.ended, span.received].map(|at| at.as_nanos())
}

#[test]
fn a_batch_has_its_times_and_the_sums_are_their_differences() {
    let mut recorder = Recorder::default();
    recorder.started(0, 7, 1);
    recorder.ready(0, 2);
    recorder.queued(1, 10, 100);
    recorder.sent(0, 0, 1, 0, 10, 150);
    recorder.came(0, 0, ok(9).chain([Status::Panicked]), 500);
    recorder.timed(0, 0, timing(200, 10, 1_400), 1_000, 510);
    let recording = recorder.recording(600, [1, 2, 3]);
    assert_eq!(nanos(&recording.spans[0]), [100, 150, 200, 400, 500]);
    let totals = recording.totals;
    assert_eq!((totals.tasks, totals.panicked, totals.failed(), totals.batches), (10, 1, 1, 1));
    let times = [totals.queue, totals.transfer, totals.run, totals.input, totals.encode, totals.decode];
    assert_eq!(times.map(|time| time.as_nanos()), [50, 150, 200, 1, 2, 3]);
    assert_eq!((recording.slowest[0].index, recording.slowest[0].took.as_nanos()), (9, 100));
    assert_eq!((recording.batch_sizes, recording.task_times[4]), (vec![0, 0, 0, 1], 10));
}

#[test]
fn what_waits_behind_another_batch_of_its_worker_is_in_a_queue_and_not_on_its_way() {
    let mut recorder = Recorder::default();
    recorder.sent(0, 0, 1, 0, 1, 0);
    recorder.sent(0, 1, 1, 1, 1, 0);
    recorder.came(0, 0, ok(1), 1_000);
    recorder.timed(0, 0, timing(900, 1, 1_000), 0, 1_000);
    recorder.came(0, 1, ok(1), 1_500);
    recorder.timed(0, 1, timing(400, 1, 1_450), 0, 1_500);
    let recording = recorder.recording(2_000, [0; 3]);
    assert_eq!(nanos(&recording.spans[1]), [0, 0, 1_050, 1_450, 1_500]);
    assert_eq!((recording.totals.queue.as_nanos(), recording.totals.transfer.as_nanos()), (1_000, 100 + 50 + 50));
}

#[test]
fn a_worker_that_lies_about_its_times_is_cut_to_what_can_be() {
    for (took, ended) in [(u64::MAX, u64::MAX), (u64::MAX, 1), (0, u64::MAX), (1, 1)] {
        let mut recorder = Recorder::default();
        recorder.sent(0, 0, 1, u64::MAX - 1, 1, 100);
        recorder.came(0, 0, ok(1), 200);
        let slowest = (u32::MAX, u64::MAX);
        recorder.timed(0, 0, Timing { nanos: took, count: u32::MAX, ended, slowest }, 50, 210);
        recorder.timed(0, 9, Timing { nanos: took, count: 1, ended, slowest }, 50, 210);
        let recording = recorder.recording(300, [0; 3]);
        let times = nanos(&recording.spans[0]);
        assert!(times.is_sorted() && times[4] <= 210, "{times:?}");
        assert!(recording.totals.run.as_nanos() <= 110);
        assert!(recording.slowest.iter().all(|slow| slow.index == u64::MAX - 1 && slow.took.as_nanos() <= 110));
        assert_eq!(recording.task_times.iter().sum::<u64>(), 1);
    }
}

#[test]
fn of_a_dead_worker_the_batch_that_it_was_in_is_told_and_those_behind_it_are_not() {
    let mut recorder = Recorder::default();
    recorder.started(3, 8, 0);
    for batch in 0..3 {
        recorder.sent(3, batch, 1, batch, 1, 10);
    }
    recorder.ended(3, WorkerChange::Died(Exit::Signal(9)), 50);
    recorder.failed(&TaskError::Cancelled { reason: String::new() });
    let recording = recorder.recording(60, [0; 3]);
    let [span] = &recording.spans[..] else { panic!("{:?}", recording.spans) };
    assert_eq!((span.died, span.tasks, span.pid, nanos(span)), (true, 0, 8, [10, 10, 10, 50, 50]));
    let changes: Vec<_> = recording.events.iter().map(|event| event.what.clone()).collect();
    assert_eq!(changes, [WorkerChange::Started, WorkerChange::Died(Exit::Signal(9))]);
    assert_eq!((recording.totals.tasks, recording.totals.cancelled), (1, 1));
}

#[test]
fn the_task_in_which_a_worker_died_is_among_the_slowest_for_as_long_as_it_ran() {
    let mut recorder = Recorder::default();
    recorder.started(0, 8, 0);
    recorder.sent(0, 0, 1, 20, 4, 10);
    recorder.came(0, 0, ok(2), 200);
    recorder.timed(0, 0, Timing { nanos: 100, count: 2, ended: 150, slowest: (1, 60) }, 0, 200);
    recorder.ended(0, WorkerChange::Died(Exit::Signal(9)), 900);
    let recording = recorder.recording(1_000, [0; 3]);
    let slowest: Vec<_> = recording.slowest.iter().map(|slow| (slow.index, slow.took.as_nanos())).collect();
    assert_eq!(slowest, [(22, 750), (21, 60)]);
}

#[test]
fn a_batch_that_has_come_back_is_told_also_before_its_worker_has_said_how_long_it_took_and_then_once() {
    let mut recorder = Recorder::default();
    recorder.started(0, 8, 0);
    recorder.sent(0, 0, 1, 0, 2, 10);
    recorder.sent(0, 1, 1, 2, 3, 10);
    recorder.sent(0, 2, 1, 5, 1, 10);
    recorder.came(0, 0, ok(2), 40);
    recorder.timed(0, 0, timing(20, 2, 35), 0, 40);
    recorder.came(0, 1, ok(2), 60);
    // One batch and a part of one: the third is still with its worker.
    let told = |recorder: &Recorder, now| {
        let Recording { spans, totals, .. } = recorder.recording(now, [0; 3]);
        let tasks = spans.iter().map(|span| span.tasks).sum::<u64>();
        assert_eq!((tasks, spans.len() as u64), (totals.tasks, totals.batches));
        (spans.iter().map(nanos).collect::<Vec<_>>(), totals.tasks)
    };
    assert_eq!(told(&recorder, 65), (vec![[10, 10, 15, 35, 40], [10, 10, 35, 60, 60]], 4));
    recorder.came(0, 1, ok(1), 80);
    recorder.timed(0, 1, timing(30, 3, 75), 0, 80);
    assert_eq!(told(&recorder, 90), (vec![[10, 10, 15, 35, 40], [10, 10, 45, 75, 80]], 5));
}

#[test]
fn a_batch_that_was_taken_back_is_none() {
    let mut recorder = Recorder::default();
    recorder.sent(0, 0, 1, 0, 4, 10);
    recorder.sent(0, 1, 1, 4, 1, 10);
    recorder.came(0, 1, ok(1), 50);
    recorder.ended(0, WorkerChange::Left, 60);
    let recording = recorder.recording(70, [0; 3]);
    assert_eq!(recording.spans.len(), 1);
    assert_eq!((recording.spans[0].first, recording.totals.batches), (4, 1));
}

#[test]
fn a_million_batches_leave_a_list_that_is_bounded_and_sums_that_are_exact() {
    let mut recorder = Recorder::default();
    for nth in 0..1_000_000_u64 {
        let (worker, batch, at) = ((nth % 3) as usize, nth / 3, nth * 100);
        recorder.sent(worker, batch, 1, nth, 1, at);
        recorder.came(worker, batch, ok(1), at + 90);
        recorder.timed(worker, batch, timing(50, 1, at + 60), 0, at + 90);
        recorder.depth(at, || (nth, 1));
        recorder.ended(3, WorkerChange::Left, at);
    }
    let recording = recorder.recording(100_000_000, [0; 3]);
    assert!((8_000..=32_768).contains(&recording.spans.len()), "{}", recording.spans.len());
    assert!(!recording.resolution.is_zero());
    let sum = |of: fn(&BatchSpan) -> u64| recording.spans.iter().map(of).sum::<u64>();
    assert_eq!((sum(|span| span.tasks), sum(|span| span.batches)), (1_000_000, 1_000_000));
    assert_eq!(sum(|span| span.running.as_nanos() as u64), 50_000_000);
    assert_eq!((recording.totals.batches, recording.totals.run.as_nanos()), (1_000_000, 50_000_000));
    assert_eq!((recording.events.len(), recording.events_left_out), (4_096, 1_000_000 - 4_096));
    assert!(recording.depths.len() <= 4_096 && recording.depths.is_sorted_by_key(|depth| depth.at));
    for worker in 0..3 {
        let lane: Vec<_> = recording.spans.iter().filter(|span| span.worker == worker).collect();
        assert!(lane.windows(2).all(|pair| pair[0].ended <= pair[1].begun));
    }
}
