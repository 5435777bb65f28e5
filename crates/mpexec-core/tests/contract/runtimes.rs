//! Handles in the runtimes that people have: tokio, with one thread and with many, and the executor of futures.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use futures::stream::{FuturesUnordered, StreamExt};
use mpexec_core::{Pool, TaskError, Transport};
use tokio::runtime::{Builder, Runtime};

use crate::common::{Scratch, pass, pool};

crate::contract!(
    handles_are_awaited_where_tokio_has_one_thread,
    handles_are_awaited_in_tasks_of_many_threads_of_tokio,
    handles_are_awaited_by_the_executor_of_futures,
    results_stream_as_they_finish,
    a_time_limit_of_the_runtime_leaves_the_task_alone,
    a_failure_is_awaited_as_what_it_is,
);

mod processes {
    use super::who_loses_the_race_can_be_aborted;

    crate::process_contract!(who_loses_the_race_can_be_aborted);
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn many_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap()
}

/// A chain of calls, each with what the one before it brought, beside a job.
async fn steps(pool: &Pool, start: u64) -> Result<u64, TaskError> {
    let job = pool.map_async(|n: u64| n * 2, 0..start);
    let mut value = start;
    for _ in 0..5 {
        value = pool.apply_async(|n: u64| n + 1, (value,)).await?;
    }
    let doubled = job.await.map_err(|failed| failed.error)?;
    Ok(value + doubled.into_iter().sum::<u64>())
}

/// What [`steps`] comes to.
fn expected(start: u64) -> u64 {
    start + 5 + (0..start).map(|n| n * 2).sum::<u64>()
}

fn handles_are_awaited_where_tokio_has_one_thread(transport: Transport) {
    let pool = pool(transport, 2);
    one_thread().block_on(async {
        let (one, other) = tokio::join!(steps(&pool, 40), steps(&pool, 60));
        assert_eq!((one.unwrap(), other.unwrap()), (expected(40), expected(60)));
    });
}

fn handles_are_awaited_in_tasks_of_many_threads_of_tokio(transport: Transport) {
    let pool = Arc::new(pool(transport, 2));
    let runtime = many_threads();
    let start = |start: u64| {
        let pool = pool.clone();
        runtime.spawn(async move { steps(&pool, start).await })
    };
    let tasks: Vec<_> = (0..50).map(start).collect();
    for (start, task) in (0..).zip(tasks) {
        assert_eq!(runtime.block_on(task).unwrap().unwrap(), expected(start));
    }
}

fn handles_are_awaited_by_the_executor_of_futures(transport: Transport) {
    let pool = pool(transport, 2);
    let both = block_on(futures::future::join(steps(&pool, 30), steps(&pool, 70)));
    assert_eq!((both.0.unwrap(), both.1.unwrap()), (expected(30), expected(70)));
}

fn results_stream_as_they_finish(transport: Transport) {
    let pool = pool(transport, 2);
    let gate = Scratch::new();
    let held = |gate: String, n: u64| {
        if n == 0 {
            pass(&gate);
        }
        n
    };
    let calls: FuturesUnordered<_> = (0..20).map(|n| pool.apply_async(held, (gate.text(), n))).collect();
    let mut came = block_on(calls.take(19).map(Result::unwrap).collect::<Vec<_>>());
    came.sort_unstable();
    assert!(came.into_iter().eq(1..20), "the one that is held came before another, or one is missing");
    gate.open();
}

fn a_time_limit_of_the_runtime_leaves_the_task_alone(transport: Transport) {
    let pool = pool(transport, 1);
    let gate = Scratch::new();
    let mut held = pool.apply_async(|gate: String| pass(&gate), (gate.text(),));
    one_thread().block_on(async {
        let limited = tokio::time::timeout(Duration::from_millis(1), &mut held).await;
        assert!(limited.is_err() && !held.is_ready());
        gate.open();
        held.await.unwrap();
    });
}

fn a_failure_is_awaited_as_what_it_is(transport: Transport) {
    let pool = pool(transport, 1);
    one_thread().block_on(async {
        let failed = pool.apply_async(|n: u32| 1 / n, (0,)).await;
        assert!(matches!(failed, Err(TaskError::Panicked { .. })), "{failed:?}");
        let failed = pool.map_async(|n: u32| 1 / n, [1, 1, 0]).await.unwrap_err();
        assert_eq!(failed.index, 2);
    });
}

fn who_loses_the_race_can_be_aborted(transport: Transport) {
    let pool = pool(transport, 2);
    let never = Scratch::new();
    many_threads().block_on(async {
        let mut slow = pool.apply_async(|gate: String| pass(&gate), (never.text(),));
        let quick = pool.apply_async(|n: u32| n + 1, (1,));
        let won = tokio::select! {
            _ = &mut slow => None,
            quick = quick => Some(quick.unwrap()),
        };
        assert_eq!(won, Some(2));
        assert!(slow.abort());
        assert!(matches!(slow.await, Err(TaskError::Cancelled { .. })));
    });
}
