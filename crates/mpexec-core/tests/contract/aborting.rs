//! Aborting: what runs is stopped with its worker, and no other task is harmed, whatever it does at that moment.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use mpexec_core::{TaskError, Transport};

use crate::common::{Scratch, forever, open, pool, spin, wait_until};

crate::process_contract!(
    a_running_call_is_aborted_without_its_neighbours,
    an_abort_that_comes_too_late_harms_nobody,
    a_job_is_aborted_without_the_others,
    aborts_one_after_another_are_no_crash_loop,
    a_job_that_waits_for_room_while_another_is_aborted_goes_on_when_that_is_over,
);

/// A task that never ends; `mark` says that it runs.
fn endless(mark: String) {
    open(&mark);
    forever();
}

fn a_running_call_is_aborted_without_its_neighbours(transport: Transport) {
    let (pool, mark) = (pool(transport, 1), Scratch::new());
    let before = pool.pids();
    let first = pool.apply_async(endless, (mark.text(),));
    let others: Vec<_> = (0..100u32).map(|n| pool.apply_async(|n: u32| n, (n,))).collect();
    wait_until("it runs", || mark.is_open());
    assert!(first.abort());
    assert!(matches!(first.get(), Err(TaskError::Cancelled { .. })));
    for (n, other) in others.into_iter().enumerate() {
        assert_eq!(other.get().unwrap(), n as u32);
    }
    assert_ne!(pool.pids(), before);
}

fn an_abort_that_comes_too_late_harms_nobody(transport: Transport) {
    let pool = pool(transport, 2);
    for round in 0..100u64 {
        let work = |micros: u64| spin(Duration::from_micros(micros));
        let calls: Vec<_> = (0..20).map(|n| pool.apply_async(work, (round * 2 % (n + 10),))).collect();
        let aborted = calls[(round % 20) as usize].abort();
        for (n, call) in calls.into_iter().enumerate() {
            let struck = n as u64 == round % 20 && aborted;
            match call.get() {
                Ok(()) => assert!(!struck, "{n} was said to be stopped"),
                Err(error) => assert!(struck && matches!(error, TaskError::Cancelled { .. }), "{n}: {error}"),
            }
        }
    }
}

fn a_job_is_aborted_without_the_others(transport: Transport) {
    let (pool, marks) = (pool(transport, 2), [Scratch::new(), Scratch::new()]);
    let job = pool.map_async(endless, marks.iter().map(Scratch::text));
    wait_until("it runs", || marks.iter().all(Scratch::is_open));
    let other = pool.map_async(|n: u32| n, 0..1000);
    assert!(job.abort());
    assert!(matches!(job.get().unwrap_err().error, TaskError::Cancelled { .. }));
    assert_eq!(other.get().unwrap().len(), 1000);
}

fn aborts_one_after_another_are_no_crash_loop(transport: Transport) {
    let pool = pool(transport, 1);
    for _ in 0..60 {
        let mark = Scratch::new();
        let call = pool.apply_async(endless, (mark.text(),));
        wait_until("it runs", || mark.is_open());
        assert!(call.abort());
    }
    assert_eq!(pool.apply(|| 1, ()).unwrap(), 1);
}

fn a_job_that_waits_for_room_while_another_is_aborted_goes_on_when_that_is_over(transport: Transport) {
    let pool = pool(transport, 1);
    for _ in 0..300 {
        let (tell, under_way) = channel();
        thread::scope(|scope| {
            let pool = &pool;
            let input = (0..100u64).inspect(move |n| {
                if *n == 50 {
                    tell.send(()).unwrap();
                }
            });
            let job = scope.spawn(move || pool.call().chunk_size(1).map(|n: u64| n, input));
            under_way.recv().unwrap();
            // The only worker gets nothing until it is known whether one of these has begun, or is over; after the last nothing else happens.
            let calls: Vec<_> = (0..16).map(|_| pool.apply_async(|| (), ())).collect();
            for call in &calls {
                assert!(call.abort() || call.is_ready());
            }
            assert_eq!(job.join().unwrap().unwrap().len(), 100);
        });
    }
}
