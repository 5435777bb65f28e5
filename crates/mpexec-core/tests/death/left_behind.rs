//! Nothing is left behind: after a thousand deaths the coordinator has what it had after ten, and after the end of its
//! pools what it had before them. Memory stays flat while an endless input goes to a slow consumer.

use std::time::{Duration, Instant};

use mpexec_core::{Process, TaskError, Transport};
use rustix::process::Signal;

use crate::common::Way;
use crate::common::census::{anonymous_memory, is_again, settled};
use crate::common::processes::{children, signal, threads};
use crate::common::{pool, wait_until};
use crate::{LINKS, alone};

/// What an allocator may keep for itself.
const SLACK: u64 = 4 << 20;

#[test]
fn after_a_thousand_deaths_all_is_as_after_ten() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 2);
        assert!(pool.wait_ready(None));
        let die = |times: u32| {
            for n in 0..times {
                assert!(matches!(pool.apply(|| Way::Killed.die_as_unit(), ()), Err(TaskError::Crashed { .. })));
                assert_eq!(pool.apply(|n: u32| n, (n,)).unwrap(), n);
            }
            assert!(pool.wait_ready(None));
        };
        die(10);
        let (before, memory) = (settled(), anonymous_memory());
        assert_eq!(before.children, 2);
        die(990);
        is_again(&before);
        let grown = anonymous_memory().saturating_sub(memory);
        println!("{link:?}: after 10 deaths and after 1,000 {before}; {memory} bytes of memory, and {grown} more");
        assert!(grown < SLACK, "{grown} bytes more after the deaths on {link:?}");
    }
}

#[test]
fn large_arguments_of_tasks_that_died_or_were_dropped_are_let_go() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        let large = vec![7u8; 3 << 20];
        let before = settled();
        for _ in 0..5 {
            let die = |_: Vec<u8>| Way::Killed.die_as_unit();
            assert!(pool.apply(die, (&large,)).is_err());
            assert!(pool.map(die, [&large, &large, &large]).is_err());
            assert_eq!(pool.map(|bytes: Vec<u8>| bytes.len(), [&large, &large]).unwrap(), [3 << 20; 2]);
            assert_eq!(pool.imap(|bytes: Vec<u8>| bytes.len(), std::iter::repeat(&large)).take(2).count(), 2);
        }
        assert!(pool.wait_ready(None));
        is_again(&before);
    }
}

#[test]
fn a_pool_that_is_over_leaves_nothing() {
    let _alone = alone();
    let once = |link: Transport| {
        let joined = pool(link, 2);
        joined.map(|n: u64| vec![n; 100], 0..1_000).unwrap();
        joined.apply(|bytes: Vec<u8>| bytes, (vec![1; 3 << 20],)).unwrap();
        let _ = joined.apply(|| Way::Aborts.die_as_unit(), ());
        joined.close();
        joined.join().unwrap();
        let dropped = pool(link, 2);
        drop(dropped.imap(|n: u64| n, 0..).take(5));
        drop(dropped.apply_async(|n: u64| n, (1,)));
        drop(dropped);
        let terminated = pool(link, 2);
        let pending = terminated.map_async(|_: u8| crate::common::forever(), 0..100);
        terminated.terminate();
        drop(terminated);
        assert!(pending.get().is_err());
        Process::spawn(|n: u8| n, (1,)).unwrap().join().unwrap();
    };
    // The first use starts what a process has once: the thread that spawns.
    LINKS.into_iter().for_each(once);
    wait_until("all workers are gone", || children().is_empty());
    // All threads of a pool end with it; the one that spawns is the process's, and the others are of the tests.
    wait_until("the threads of pools have ended", || {
        threads().iter().all(|name| !name.starts_with("mpexec-") || name.starts_with("mpexec-spawn"))
    });
    let before = settled();
    for _ in 0..5 {
        LINKS.into_iter().for_each(once);
    }
    is_again(&before);
    assert_eq!(before.children, 0);
}

/// By then its replacement may be on its way, before its place is free: it has no place any more.
#[test]
fn a_pool_that_ends_while_a_worker_dies_leaves_nothing() {
    let _alone = alone();
    let once = |link: Transport, way: u64| {
        let dying = pool(link, 2);
        assert!(dying.wait_ready(None));
        let pid = dying.apply(std::process::id, ()).unwrap();
        signal(pid, Signal::KILL);
        // From before anybody has heard of it to after its place has a worker again.
        let (struck, moment) = (Instant::now(), Duration::from_micros(20 * way));
        while struck.elapsed() < moment {
            std::hint::spin_loop();
        }
        match way % 3 {
            0 => dying.close(),
            1 => dying.terminate(),
            // The next one that dies is on its way already.
            _ => dying.resize(1).unwrap(),
        }
        drop(dying);
    };
    LINKS.into_iter().for_each(|link| once(link, 0));
    wait_until("all workers are gone", || children().is_empty());
    let before = settled();
    for link in LINKS {
        (0..90).for_each(|way| once(link, way));
    }
    is_again(&before);
    assert_eq!(before.children, 0);
}

#[test]
fn an_endless_input_and_a_slow_consumer_take_no_more_and_more_memory() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 2);
        let mut results = pool.imap(|row: Vec<u64>| row, (0u64..).map(|n| vec![n; 64]));
        let mut read = |count: u64| {
            for _ in 0..count {
                results.next().unwrap().unwrap();
            }
            anonymous_memory()
        };
        let (mut low, mut high) = (u64::MAX, 0);
        let warm = read(70_000);
        for _ in 0..10 {
            let now = read(8_000);
            (low, high) = (low.min(now), high.max(now));
        }
        assert!(high < warm + (48 << 20), "{warm} bytes grew to {high} on {link:?}");
        assert!(high < 400 << 20, "{high} bytes for a window of 64 MiB");
    }
}
