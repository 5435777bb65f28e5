//! The spare of a pool with limits: it takes the place of who is killed, is counted nowhere, and leaves with the pool.

use std::collections::HashSet;
use std::time::Duration;

use mpexec_core::{Pool, PoolError, TaskError};

use crate::common::processes::{alive, children, kill};
use crate::common::{Way, builder, forever, pool, wait_until};
use crate::{LINKS, alone};

const LIMIT: Duration = Duration::from_millis(100);

/// The children of this process that are no workers of the pool.
fn others(pool: &Pool) -> Vec<u32> {
    let workers = pool.pids();
    children().into_iter().filter(|pid| alive(*pid) && !workers.contains(pid)).collect()
}

#[track_caller]
fn spare_of(pool: &Pool) -> u32 {
    wait_until("all workers are up and a spare is there", || pool.wait_ready(None) && others(pool).len() == 1);
    others(pool)[0]
}

fn overrun(pool: &Pool) -> u32 {
    match pool.call().time_limit(LIMIT).apply(forever, ()) {
        Err(TaskError::TimedOut { pid, .. }) => pid,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_spare_takes_the_place_of_who_is_killed_and_is_counted_nowhere() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 2).start_hook(|| ()).end_hook(|()| std::process::id()).build().unwrap();
        assert!(pool.wait_ready(None));
        pool.call().time_limit(LIMIT * 100).apply(|| (), ()).unwrap();
        for kills in 0..3 {
            let spare = spare_of(&pool);
            let stats = pool.stats();
            assert_eq!((pool.workers(), stats.workers.len(), stats.started), (2, 2, 2 + kills));
            assert!(stats.workers.iter().all(|worker| worker.pid != spare));
            let killed = overrun(&pool);
            wait_until("the spare serves", || pool.pids().contains(&spare));
            assert!(!pool.pids().contains(&killed));
        }
        let spare = spare_of(&pool);
        let workers = pool.pids();
        pool.close();
        pool.join().unwrap();
        assert!(!alive(spare) && children().is_empty());
        let mut ended: Vec<u32> = pool.end_results().into_iter().map(|end| end.result.unwrap()).collect();
        let mut expected = workers;
        ended.sort_unstable();
        expected.sort_unstable();
        assert_eq!(ended, expected, "a spare runs no hooks");
    }
}

#[test]
fn between_a_kill_and_the_next_task_no_process_is_started_and_each_kill_costs_one() {
    const KILLS: u64 = 5;
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 1).build().unwrap();
        // With the first limit there is a spare.
        pool.call().time_limit(LIMIT * 100).apply(|| (), ()).unwrap();
        let mut serving = pool.pids()[0];
        let mut started = HashSet::from([serving]);
        for kills in 1..=KILLS {
            let spare = spare_of(&pool);
            assert!(started.insert(spare), "{spare} was started before");
            let hangs = pool.call().time_limit(LIMIT).apply_async(forever, ());
            let next = pool.apply_async(std::process::id, ());
            let Err(TaskError::TimedOut { pid, .. }) = hangs.get() else { panic!("it ended otherwise") };
            assert_eq!(pid, serving);
            assert_eq!(next.get().unwrap(), spare, "it runs in the process that was there before the kill");
            assert_eq!(pool.stats().started, 1 + kills);
            serving = spare;
        }
        started.insert(spare_of(&pool));
        assert_eq!(started.len() as u64, KILLS + 2, "the first worker, the first spare, and one for each kill");
    }
}

#[test]
fn a_pool_without_limits_has_no_spare() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 2);
        assert!(pool.wait_ready(None));
        assert!(pool.apply(|| std::process::exit(3), ()).map(|(): ()| ()).is_err());
        wait_until("both are up", || pool.wait_ready(None) && pool.pids().len() == 2);
        pool.map(|n: u32| n, 0..1_000).unwrap();
        assert!(others(&pool).is_empty());
        pool.terminate();
        pool.join().unwrap();
    }
}

#[test]
fn a_spare_that_dies_is_missed_once_and_then_there_is_another() {
    let _alone = alone();
    let is_killed = |pool: &Pool| assert!(overrun(pool) > 0);
    let exits = |pool: &Pool| assert!(pool.apply(|| std::process::exit(3), ()).map(|(): ()| ()).is_err());
    for (link, dies) in LINKS.into_iter().flat_map(|link| [(link, is_killed as fn(&Pool)), (link, exits)]) {
        let pool = builder(link, 1).time_limit(LIMIT * 100).build().unwrap();
        pool.apply(|| (), ()).unwrap();
        let spare = spare_of(&pool);
        kill(spare);
        wait_until("it is gone and taken note of", || !children().contains(&spare));
        assert_eq!(pool.map(|n: u32| n, 0..100).unwrap().len(), 100);
        assert!(others(&pool).is_empty(), "nobody starts spares for ever");
        dies(&pool);
        let next = spare_of(&pool);
        assert!(next != spare);
        // It goes on through a change of size.
        pool.resize(3).unwrap();
        wait_until("it has a place", || pool.pids().contains(&next));
        spare_of(&pool);
        pool.resize(1).unwrap();
        wait_until("one is left", || pool.pids().len() == 1 && others(&pool).len() == 1);
        assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
        drop(pool);
        wait_until("all have left", || children().is_empty());
    }
}

#[test]
fn a_spare_ends_with_a_pool_that_is_terminated() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 1).memory_limit(1 << 30).build().unwrap();
        pool.apply(|| (), ()).unwrap();
        spare_of(&pool);
        pool.terminate();
        pool.join().unwrap();
        assert!(children().is_empty());
    }
}

#[test]
fn where_workers_are_replaced_after_some_tasks_the_spare_takes_the_place_and_there_is_one_again() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 1).time_limit(LIMIT * 600).max_tasks_per_worker(3).build().unwrap();
        // With the first call there are limits.
        let mut serving = pool.apply(std::process::id, ()).unwrap();
        let mut missed = 0;
        for turn in 0..4 {
            let spare = spare_of(&pool);
            let served: Vec<u32> = (0..3).map(|_| pool.apply(std::process::id, ()).unwrap()).collect();
            assert_eq!(served[..2], [serving, serving], "{turn}");
            serving = served[2];
            // A spare is a child before its pool has heard that it is up: then it comes too late once, and has the next place.
            missed = if serving == spare { 0 } else { missed + 1 };
            assert!(missed < 2, "{turn}: whose place is free gets the spare");
        }
        pool.close();
        pool.join().unwrap();
        assert!(children().is_empty());
    }
}

#[test]
fn a_crash_loop_of_a_pool_with_a_spare_ends_as_one_without_and_leaves_nobody() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 1).time_limit(LIMIT * 600).attempts(100).build().unwrap();
        pool.apply(|| (), ()).unwrap();
        for _ in 0..2 {
            spare_of(&pool);
            let error = pool.apply(|| Way::Exits(3).die_as_unit(), ()).unwrap_err();
            let TaskError::Pool(PoolError::CrashLoop { deaths, .. }) = &error else { panic!("{error:?}") };
            assert_eq!(*deaths, 5);
            assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
            assert!(children().len() <= 2, "a worker and a spare at most: {:?}", children());
        }
        pool.close();
        pool.join().unwrap();
        assert!(children().is_empty());
    }
}
