//! The end of a pool whose workers are processes: they are gone, however many tasks they had, and nobody waits for it.

use mpexec_core::{TaskError, Transport};

use crate::common::processes::alive;
use crate::common::{forever, pool, wait_until};

crate::process_contract!(
    terminating_ten_thousand_endless_tasks_is_prompt,
    a_terminated_pool_says_so,
    what_had_all_its_outcomes_is_whole_though_nobody_had_fetched_them_when_its_pool_was_terminated,
    the_workers_of_a_joined_pool_are_gone,
    the_workers_of_a_dropped_pool_leave,
);

fn terminating_ten_thousand_endless_tasks_is_prompt(transport: Transport) {
    let pool = pool(transport, 2);
    let calls: Vec<_> = (0..10_000).map(|_| pool.apply_async(forever, ())).collect();
    pool.terminate();
    // Were it not, it would never end.
    pool.join().unwrap();
    for call in calls {
        let error = call.get().unwrap_err();
        assert!(matches!(error, TaskError::Cancelled { .. }), "{error:?}");
    }
}

fn what_had_all_its_outcomes_is_whole_though_nobody_had_fetched_them_when_its_pool_was_terminated(
    transport: Transport,
) {
    let pool = pool(transport, 2);
    let together = pool.map_async(|n: u32| n + 1, 0..5u32);
    let alone = pool.apply_async(|n: u32| n + 1, (7,));
    together.wait();
    alone.wait();
    pool.terminate();
    assert_eq!(together.get().unwrap(), [1, 2, 3, 4, 5]);
    assert_eq!(alone.get().unwrap(), 8);
}

fn a_terminated_pool_says_so(transport: Transport) {
    let pool = pool(transport, 1);
    let endless = pool.map_async(|_: u8| forever(), [1, 2]);
    pool.terminate();
    pool.terminate();
    pool.close();
    let error = pool.apply(|n: u8| n, (1,)).unwrap_err();
    assert!(matches!(error, TaskError::PoolClosed { state: "terminated" }), "{error:?}");
    assert!(matches!(endless.get().unwrap_err().error, TaskError::Cancelled { .. }));
    pool.join().unwrap();
}

fn the_workers_of_a_joined_pool_are_gone(transport: Transport) {
    let pool = pool(transport, 3);
    assert!(pool.wait_ready(None));
    let pids = pool.pids();
    assert_eq!(pids.len(), 3);
    pool.close();
    pool.join().unwrap();
    assert!(!pids.into_iter().any(alive));
    assert_eq!(pool.pids(), [0; 0]);
}

fn the_workers_of_a_dropped_pool_leave(transport: Transport) {
    let pool = pool(transport, 2);
    assert!(pool.wait_ready(None));
    let pids = pool.pids();
    drop(pool);
    wait_until("the workers have left", || !pids.iter().copied().any(alive));
}
