//! What a pool keeps of what it did when.

use std::time::Duration;

use mpexec_core::{Exit, Pool, Recording, Transport, WorkerChange, Workers};

use crate::common::{pool, spin};

crate::contract!(
    every_task_is_in_one_batch_and_the_times_of_a_batch_follow_each_other,
    the_slowest_task_is_found_among_many_of_its_batch,
    failures_are_counted_by_what_they_were,
    single_calls_are_recorded_and_counted_through,
    where_nothing_was_asked_for_nothing_is_recorded,
);

mod processes {
    use super::a_death_is_told_with_its_exit_and_the_worker_that_follows;

    crate::process_contract!(a_death_is_told_with_its_exit_and_the_worker_that_follows);
}

fn recorded(transport: Transport, workers: usize) -> Pool {
    Pool::builder().workers(Workers::Exact(workers)).transport(transport).record().build().unwrap()
}

/// The recording, checked: nothing overlaps, nothing is out of order.
fn checked(pool: &Pool) -> Recording {
    let recording = pool.recording().unwrap();
    for span in &recording.spans {
        let times = [span.queued, span.sent, span.begun, span.ended, span.received];
        assert!(times.is_sorted() && times[4] <= recording.elapsed, "{span:?}");
        assert!(span.running <= span.ended - span.begun, "{span:?}");
    }
    for worker in 0..4 {
        let lane: Vec<_> = recording.spans.iter().filter(|span| span.worker == worker).collect();
        assert!(lane.windows(2).all(|pair| pair[0].ended <= pair[1].begun), "{lane:?}");
    }
    recording
}

fn every_task_is_in_one_batch_and_the_times_of_a_batch_follow_each_other(transport: Transport) {
    let pool = recorded(transport, 2);
    assert_eq!(pool.map(|n: u64| n + 1, 0..5_000).unwrap().len(), 5_000);
    assert_eq!(pool.imap(|n: u64| n + 1, 0..500).count(), 500);
    pool.close();
    pool.join().unwrap();
    let recording = checked(&pool);
    let mut tasks: Vec<_> = recording.spans.iter().map(|span| (span.job, span.first, span.tasks)).collect();
    tasks.sort_unstable();
    let mut next = [0, 0];
    for (job, first, count) in tasks {
        let next = &mut next[job as usize - 1];
        assert_eq!(first, *next);
        *next += count;
    }
    assert_eq!(next, [5_000, 500]);
    let totals = recording.totals;
    assert_eq!((totals.tasks, totals.failed(), totals.batches), (5_500, 0, recording.spans.len() as u64));
    assert_eq!(recording.batch_sizes.iter().sum::<u64>(), totals.batches);
    assert_eq!(recording.task_times.iter().sum::<u64>(), 5_500);
    let times = [totals.input, totals.encode, totals.queue, totals.transfer, totals.run, totals.decode];
    assert!(times.iter().all(|time| !time.is_zero()), "{times:?}");
    assert_eq!((totals.cancelled, totals.otherwise_failed), (0, 0));
    // So short a run is kept as it was.
    assert_eq!((recording.resolution, recording.events_left_out), (Duration::ZERO, 0));
    assert!(!recording.depths.is_empty());
}

fn the_slowest_task_is_found_among_many_of_its_batch(transport: Transport) {
    let pool = recorded(transport, 1);
    let task = |n: u64| {
        if n == 137 {
            spin(Duration::from_millis(30));
        }
    };
    pool.call().chunk_size(200).map(task, 0..400).unwrap();
    let slowest = checked(&pool).slowest;
    // Where the machine stood still in another one, that is slower yet.
    let known = slowest.iter().find(|slow| (slow.job, slow.index) == (1, 137)).expect("it is among the slowest");
    assert!(known.took >= Duration::from_millis(30), "{known:?}");
    assert!(slowest.is_sorted_by_key(|slow| std::cmp::Reverse(slow.took)));
}

fn failures_are_counted_by_what_they_were(transport: Transport) {
    let pool = recorded(transport, 2);
    let task = |n: u64| if n % 10 == 3 { panic!("three") } else { n };
    assert_eq!(pool.map_outcomes(task, 0..100).len(), 100);
    let parse = |text: String| text.parse::<u8>();
    assert_eq!(pool.try_imap(parse, ["1", "two", "three"]).count(), 3);
    let totals = checked(&pool).totals;
    assert_eq!((totals.tasks, totals.panicked, totals.returned_errors, totals.failed()), (103, 10, 2, 12));
}

fn single_calls_are_recorded_and_counted_through(transport: Transport) {
    let pool = recorded(transport, 2);
    let handles: Vec<_> = (0..300_u64).map(|n| pool.apply_async(|n: u64| n * 2, (n,))).collect();
    let sum: u64 = handles.into_iter().map(|handle| handle.get().unwrap()).sum();
    assert_eq!((sum, pool.apply(|n: u64| n * 2, (1,)).unwrap()), (89_700, 2));
    let recording = checked(&pool);
    assert_eq!(recording.totals.tasks, 301);
    assert!(recording.spans.iter().map(|span| span.tasks).sum::<u64>() <= 301);
    assert!(!recording.totals.decode.is_zero() && !recording.totals.encode.is_zero());
}

fn where_nothing_was_asked_for_nothing_is_recorded(transport: Transport) {
    let pool = pool(transport, 1);
    assert_eq!(pool.apply(|n: u64| n, (1,)).unwrap(), 1);
    assert!(pool.recording().is_none());
}

fn a_death_is_told_with_its_exit_and_the_worker_that_follows(transport: Transport) {
    let pool = recorded(transport, 1);
    assert!(pool.apply(|| std::process::exit(7), ()).map(|(): ()| ()).is_err());
    assert_eq!(pool.apply(|n: u64| n, (1,)).unwrap(), 1);
    pool.close();
    pool.join().unwrap();
    let recording = checked(&pool);
    let changes: Vec<_> = recording.events.iter().map(|event| event.what.clone()).collect();
    let life = [WorkerChange::Started, WorkerChange::Ready];
    let wanted = [&life[..], &[WorkerChange::Died(Exit::Code(7))], &life, &[WorkerChange::Left]].concat();
    assert_eq!(changes, wanted);
    assert_ne!(recording.events[0].pid, recording.events[3].pid);
    assert_eq!((recording.totals.crashed, recording.totals.tasks), (1, 2));
    assert_eq!(recording.spans.iter().filter(|span| span.died).count(), 1);
}
