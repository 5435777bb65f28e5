//! Workers that come and go while the pool works: a pool that grows or shrinks, and workers that are replaced after so many
//! tasks or when they have grown too large.

use std::collections::{HashMap, HashSet};

use mpexec_core::{PoolError, Transport};

use crate::common::{Scratch, at_some_pace, builder, open, pass, pool, spin, wait_until};

crate::contract!(
    a_pool_that_shrinks_finishes_what_runs_and_moves_the_rest,
    a_pool_that_shrinks_and_grows_all_the_time_loses_nothing,
    a_worker_that_is_too_many_starts_nothing_more,
    sizes_that_make_no_sense_are_refused,
    a_worker_gets_no_more_tasks_than_it_may,
);

mod processes {
    use super::{
        a_leaking_worker_is_replaced, a_pool_grows_while_it_works,
        a_pool_that_shrinks_while_it_grows_has_no_worker_too_many, a_worker_that_dies_in_a_shrunk_pool_is_replaced,
        a_worker_that_is_too_large_from_the_start_serves_all_the_same,
        a_worker_that_leaks_a_little_in_each_of_many_short_calls_is_replaced,
        replaced_workers_lose_nothing_when_the_pool_closes_at_once,
    };

    crate::process_contract!(
        a_pool_that_shrinks_while_it_grows_has_no_worker_too_many,
        a_worker_that_is_too_large_from_the_start_serves_all_the_same,
        a_pool_grows_while_it_works,
        a_worker_that_dies_in_a_shrunk_pool_is_replaced,
        replaced_workers_lose_nothing_when_the_pool_closes_at_once,
        a_leaking_worker_is_replaced,
        a_worker_that_leaks_a_little_in_each_of_many_short_calls_is_replaced,
    );
}

/// Says that it runs, and waits to be let go.
fn held(running: String, gate: String, n: u64) -> u64 {
    open(&running);
    pass(&gate);
    n
}

fn a_pool_grows_while_it_works(transport: Transport) {
    let pool = pool(transport, 1);
    let (running, gate) = (Scratch::new(), Scratch::new());
    let slow = pool.apply_async(held, (running.text(), gate.text(), 7));
    wait_until("the only worker is busy", || running.is_open());
    pool.resize(3).unwrap();
    assert_eq!(pool.workers(), 3);
    assert_eq!(pool.map(|n: u64| n + 1, 0..1_000).unwrap(), (1..=1_000).collect::<Vec<_>>());
    assert!(pool.wait_ready(None) && pool.pids().len() == 3);
    gate.open();
    assert_eq!(slow.get().unwrap(), 7);
}

fn a_pool_that_shrinks_finishes_what_runs_and_moves_the_rest(transport: Transport) {
    let pool = pool(transport, 3);
    assert!(pool.wait_ready(None));
    let running: Vec<_> = (0..3).map(|_| Scratch::new()).collect();
    let gate = Scratch::new();
    let slow: Vec<_> = (0..3).map(|n| pool.apply_async(held, (running[n].text(), gate.text(), n as u64))).collect();
    wait_until("all are busy", || running.iter().all(Scratch::is_open));
    let waiting: Vec<_> = (0..50).map(|n: u64| pool.apply_async(|n: u64| n, (n,))).collect();
    pool.resize(1).unwrap();
    assert_eq!(pool.workers(), 1);
    assert!(slow.iter().all(|slow| !slow.is_ready()), "what runs goes on");
    gate.open();
    for (n, slow) in (0..).zip(slow) {
        assert_eq!(slow.get().unwrap(), n);
    }
    for (n, quick) in (0..).zip(waiting) {
        assert_eq!(quick.get().unwrap(), n);
    }
    if transport != Transport::Memory {
        wait_until("two have left", || pool.pids().len() == 1);
    }
    assert_eq!(pool.map(|n: u64| n, 0..100).unwrap().len(), 100);
}

fn a_pool_that_shrinks_and_grows_all_the_time_loses_nothing(transport: Transport) {
    let pool = pool(transport, 2);
    let ended = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let job = scope.spawn(|| {
            let all = pool.map(|n: u64| n * 3, 0..30_000).unwrap();
            ended.store(true, std::sync::atomic::Ordering::Relaxed);
            all
        });
        let mut calls = 0;
        for size in [1, 4, 2, 3].into_iter().cycle() {
            pool.resize(size).unwrap();
            assert_eq!(pool.apply(|n: u64| n, (calls,)).unwrap(), calls);
            calls += 1;
            if ended.load(std::sync::atomic::Ordering::Relaxed) && calls > 40 {
                break;
            }
        }
        assert_eq!(job.join().unwrap(), (0..30_000).map(|n| n * 3).collect::<Vec<_>>());
    });
}

fn a_worker_that_is_too_many_starts_nothing_more(transport: Transport) {
    let pool = pool(transport, 2);
    assert!(pool.wait_ready(None));
    let (running, gate) = ([Scratch::new(), Scratch::new()], Scratch::new());
    let task = |n: usize, running: String, gate: String| {
        if n.is_multiple_of(10) {
            open(&running);
            pass(&gate);
        }
        mpexec_core::current_task().unwrap().worker
    };
    let items = (0..20).map(|n| (n, running[n / 10].text(), gate.text()));
    let job = pool.call().chunk_size(10).starmap_async(task, items);
    wait_until("both are at the head of ten tasks", || running.iter().all(Scratch::is_open));
    pool.resize(1).unwrap();
    // Over a socket it is told so, and may have been about to begin the next.
    let left = || pool.stats().workers.iter().find(|worker| worker.number == 1).map(|worker| worker.held);
    wait_until("what it had not begun is taken back", || left() == Some(1));
    gate.open();
    let by = job.get().unwrap();
    assert_eq!(by.iter().filter(|worker| **worker == 1).count(), 1, "what it ran, and no more: {by:?}");
}

fn a_worker_that_dies_in_a_shrunk_pool_is_replaced(transport: Transport) {
    let pool = pool(transport, 3);
    assert!(pool.wait_ready(None));
    pool.resize(1).unwrap();
    wait_until("two have left", || pool.pids().len() == 1);
    let before = pool.pids();
    assert!(
        pool.apply(
            |n: u8| if n > 0 {
                std::process::abort()
            },
            (1,)
        )
        .is_err()
    );
    assert_eq!(pool.apply(|n: u8| n, (3,)).unwrap(), 3);
    let after = pool.pids();
    assert!(after.len() == 1 && after != before, "{before:?} {after:?}");
}

fn sizes_that_make_no_sense_are_refused(transport: Transport) {
    let pool = pool(transport, 1);
    for size in [0, 4097] {
        assert!(matches!(pool.resize(size), Err(PoolError::BadSetting { setting: "workers", .. })));
    }
    assert_eq!(pool.workers(), 1);
    pool.close();
    assert!(matches!(pool.resize(2), Err(PoolError::Closed { state: "closed" })));
    pool.terminate();
    assert!(matches!(pool.resize(2), Err(PoolError::Closed { state: "terminated" })));
    let none = builder(transport, 1).max_tasks_per_worker(0).build();
    assert!(matches!(none, Err(PoolError::BadSetting { setting: "max_tasks_per_worker", .. })));
}

/// How many tasks each process ran.
fn by_process(pids: impl IntoIterator<Item = u64>) -> HashMap<u64, usize> {
    let mut counts = HashMap::new();
    for pid in pids {
        *counts.entry(pid).or_default() += 1;
    }
    counts
}

/// The worker that runs it, and how many it has run: a thread is a worker on the in-process link.
fn worker_and_count() -> (String, u32) {
    std::thread_local! { static COUNT: std::cell::Cell<u32> = const { std::cell::Cell::new(0) }; }
    COUNT.set(COUNT.get() + 1);
    (format!("{} {:?}", std::process::id(), std::thread::current().id()), COUNT.get())
}

fn a_worker_gets_no_more_tasks_than_it_may(transport: Transport) {
    let pool = builder(transport, 2).max_tasks_per_worker(5).build().unwrap();
    for chunk in [1, 3, 100] {
        let ran = pool.call().chunk_size(chunk).map(|n: u32| (n, worker_and_count()), 0..60).unwrap();
        let mut seen = HashSet::new();
        for (n, (index, (worker, count))) in (0..).zip(ran) {
            assert_eq!(n, index);
            assert!(count <= 5, "{worker} ran {count} tasks");
            assert!(seen.insert((worker, count)), "each count of a worker comes once");
        }
    }
    for _ in 0..12 {
        let (worker, count) = pool.apply(worker_and_count, ()).unwrap();
        assert!(count <= 5, "{worker} ran {count} tasks");
    }
}

fn replaced_workers_lose_nothing_when_the_pool_closes_at_once(transport: Transport) {
    let pool = builder(transport, 2).max_tasks_per_worker(3).build().unwrap();
    let job = pool.map_async(|n: u64| (n, u64::from(std::process::id())), 0..40);
    pool.close();
    let all = job.get().unwrap();
    assert!(all.iter().map(|(n, _)| *n).eq(0..40));
    let counts = by_process(all.into_iter().map(|(_, pid)| pid));
    assert!(counts.len() >= 14 && counts.values().all(|count| *count <= 3), "{counts:?}");
    pool.join().unwrap();
}

fn a_leaking_worker_is_replaced(transport: Transport) {
    at_some_pace(|slower| one_leaks(transport, slower));
}

fn one_leaks(transport: Transport, millis: u32) {
    let pool = builder(transport, 1).max_worker_memory(100 << 20).build().unwrap();
    let leak = |n: u64, millis: u32| {
        std::mem::forget(std::hint::black_box(vec![1u8; 1 << 20]));
        // As long as the leak is slow enough to be seen.
        spin(std::time::Duration::from_millis(millis.into()));
        (n, u64::from(std::process::id()))
    };
    let all = pool.starmap(leak, (0..400).map(|n| (n, millis))).unwrap();
    assert!(all.iter().map(|(n, _)| *n).eq(0..400));
    let counts = by_process(all.into_iter().map(|(_, pid)| pid));
    assert!((2..=5).contains(&counts.len()), "{counts:?}");
}

fn a_worker_that_leaks_a_little_in_each_of_many_short_calls_is_replaced(transport: Transport) {
    let pool = builder(transport, 1).max_worker_memory(32 << 20).build().unwrap();
    let leak = |length: usize| {
        std::mem::forget(std::hint::black_box(vec![1u8; length]));
        std::process::id()
    };
    // Bounded, so that a failure is no danger to the machine.
    let mut pids = (0..16_000).map(|_| pool.apply(leak, (1 << 16,)).unwrap());
    let first = pids.next().unwrap();
    assert!(pids.any(|pid| pid != first), "a worker with 1 GiB was let be");
}

fn a_pool_that_shrinks_while_it_grows_has_no_worker_too_many(transport: Transport) {
    let pool = pool(transport, 1);
    for _ in 0..10 {
        pool.resize(20).unwrap();
        pool.resize(1).unwrap();
        wait_until("one is left", || pool.pids().len() == 1);
        assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
    }
    let mut same = 0;
    wait_until("it stays so", || {
        same = if pool.pids().len() == 1 { same + 1 } else { 0 };
        same == 20
    });
}

fn a_worker_that_is_too_large_from_the_start_serves_all_the_same(transport: Transport) {
    let model = || std::hint::black_box(vec![1u8; 96 << 20]);
    let pool = builder(transport, 1).max_worker_memory(64 << 20).start_hook(model).build().unwrap();
    assert!((0..5).map(|n| pool.apply(|n: u8| n, (n,)).unwrap()).eq(0..5));
}
