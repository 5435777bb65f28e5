//! Deaths one after another: a loop of them ends with one clear error and the next call starts afresh, and kills from
//! outside of a pool that makes progress never end a call, at whatever moment they strike.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use mpexec_core::{Exit, PoolError, TaskError};

use crate::common::Way;
use crate::common::{builder, forever, pool, processes, spin};
use crate::{LINKS, alone};

#[test]
fn five_deaths_in_a_row_end_the_call_with_one_clear_error_and_the_next_call_is_served() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 2).attempts(100).build().unwrap();
        for _ in 0..2 {
            let error = pool.map(|_: u32| Way::Exits(3).die_as_unit(), 0..100).unwrap_err().error;
            let TaskError::Pool(PoolError::CrashLoop { deaths, exit, .. }) = &error else { panic!("{error:?}") };
            assert_eq!((*deaths, *exit), (5, Way::Exits(3).exit()));
            assert!(error.to_string().contains("exited with code 3"), "{error}");
            assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
            assert_eq!(pool.map(|n: u8| n, 0..10).unwrap().len(), 10);
        }
        pool.close();
        pool.join().unwrap();
    }
}

#[test]
fn tasks_that_kill_each_worker_they_meet_are_named_one_by_one_however_many_there_are() {
    let _alone = alone();
    let dies = |n: u32| (3..23).contains(&n) || n % 2 == 1;
    let task = move |n: u32| if dies(n) { Way::Aborts.die() } else { n };
    for (link, workers, attempts) in LINKS.into_iter().flat_map(|link| [(link, 1, 1), (link, 2, 5), (link, 1, 3)]) {
        let pool = builder(link, workers).attempts(attempts).build().unwrap();
        for (n, outcome) in (0..).zip(pool.map_outcomes(task, 0..40)) {
            match outcome {
                Ok(same) => assert!(same == n && !dies(n)),
                Err(error) => assert!(dies(n) && matches!(error, TaskError::Crashed { .. }), "{n}: {error:?}"),
            }
        }
        let each = pool.stats().crashed / u64::from(attempts);
        assert_eq!(each, (0..40).filter(|n| dies(*n)).count() as u64, "each was tried as often as it may be");
    }
}

#[test]
fn a_task_that_may_be_tried_without_end_and_kills_each_worker_it_meets_takes_no_other_with_it() {
    let _alone = alone();
    let task = |n: u32| if n % 7 == 2 { Way::Aborts.die() } else { n };
    for (link, workers, attempts) in LINKS.into_iter().flat_map(|link| [(link, 1, 11), (link, 2, 1_000)]) {
        let pool = builder(link, workers).attempts(attempts).build().unwrap();
        let beside = pool.call().chunk_size(1).map_async(|n: u32| n + 1, 0..10);
        for (n, outcome) in (0..).zip(pool.map_outcomes(task, 0..24)) {
            match outcome {
                Ok(same) => assert!(same == n && n % 7 != 2),
                Err(TaskError::Pool(PoolError::CrashLoop { exit, .. }) | TaskError::Crashed { exit, .. }) => {
                    assert!(n % 7 == 2 && exit == Way::Aborts.exit(), "{n}: {exit:?}");
                }
                Err(error) => panic!("{n}: {error:?}"),
            }
        }
        assert!(beside.get().unwrap().into_iter().eq(1..11));
    }
}

#[test]
fn every_call_that_waits_in_a_crash_loop_is_told() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 1).attempts(100).build().unwrap();
        let calls: Vec<_> = (0..20).map(|_| pool.apply_async(|| Way::Aborts.die_as_unit(), ())).collect();
        for call in calls {
            let error = call.get().unwrap_err();
            assert!(matches!(error, TaskError::Pool(PoolError::CrashLoop { .. })), "{error:?}");
        }
        assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
    }
}

#[test]
fn kills_from_outside_that_leave_no_time_for_any_progress_end_each_call_with_an_error_that_says_which() {
    let _alone = alone();
    for link in LINKS {
        let over = AtomicBool::new(false);
        let pool = builder(link, 2).attempts(1_000).build().unwrap();
        std::thread::scope(|scope| {
            let _over = SetOnDrop(&over);
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    // As soon as one has begun, and nothing ever comes to its end.
                    for worker in pool.stats().workers.iter().filter(|worker| worker.task.is_some()) {
                        processes::kill(worker.pid);
                    }
                    std::thread::yield_now();
                }
            });
            // Which of the two comes first is told.
            let error = pool.map(|_: u32| forever(), 0..10).unwrap_err().error;
            let TaskError::Pool(PoolError::CrashLoop { deaths, exit, .. }) = &error else { panic!("{error:?}") };
            assert_eq!((*deaths, *exit), (50, Exit::Signal(9)), "more kills are borne than deaths of its own");
            let few = pool.call().attempts(3).apply(forever, ()).unwrap_err();
            assert!(matches!(few, TaskError::Crashed { exit: Exit::Signal(9), .. }), "{few:?}");
        });
        // When they end, all is well.
        assert_eq!(pool.map(|n: u8| n, 0..10).unwrap().len(), 10);
        pool.close();
        pool.join().unwrap();
    }
}

#[test]
fn deaths_with_work_done_in_between_are_no_crash_loop() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        for n in 0..12u32 {
            assert!(matches!(pool.apply(|| Way::Killed.die_as_unit(), ()), Err(TaskError::Crashed { .. })));
            assert_eq!(pool.apply(|n: u32| n, (n,)).unwrap(), n);
        }
    }
}

/// Ends the other thread also when this one panics.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn kills_at_random_moments_lose_double_and_change_no_result() {
    let _alone = alone();
    const KILLS: u32 = 40;
    for link in LINKS {
        let pool = builder(link, 2).attempts(1_000).ring_capacity(1 << 16).build().unwrap();
        let (kills, read, over) = (AtomicU32::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let task = |n: u64| {
            spin(Duration::from_micros(n % 40));
            vec![n; (n * 7 % 600) as usize]
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = 88_172_645_463_325_252u64;
                let mut read_before = 0;
                while !over.load(Ordering::Relaxed) {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    spin(Duration::from_micros(random % 3_000));
                    // Only a pool that makes progress is struck: five deaths without any are a crash loop.
                    let progress = read.load(Ordering::Relaxed) > read_before;
                    if progress && let Some(pid) = pool.pids().get(random as usize % 2) {
                        read_before = read.load(Ordering::Relaxed);
                        processes::kill(*pid);
                        kills.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
            let _over = SetOnDrop(&over);
            let mut results = pool.imap(task, 0u64..);
            let mut n = 0;
            while kills.load(Ordering::Relaxed) < KILLS {
                let result = results.next().unwrap().unwrap_or_else(|error| panic!("task {n} on {link:?}: {error}"));
                assert!(result.len() as u64 == n * 7 % 600 && result.iter().all(|value| *value == n), "task {n}");
                n += 1;
                read.store(n, Ordering::Relaxed);
            }
        });
        assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
    }
}
