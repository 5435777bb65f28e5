//! Closing, joining, terminating and dropping: what was promised is finished, the rest is cancelled, nothing hangs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mpexec_core::{Pool, PoolError, TaskError, Transport, Workers};

use crate::common::{Scratch, builder, open, pass, pool, wait_until};

crate::contract!(
    close_and_join_finish_everything,
    a_closed_pool_says_so_and_closing_twice_is_harmless,
    joining_an_open_pool_is_an_error,
    a_join_with_a_limit_says_what_was_left,
    a_terminated_pool_is_over_when_its_last_task_is_however_long_that_takes,
    a_dropped_pool_finishes_what_has_a_handle,
    a_dropped_pool_returns_at_once_while_a_task_runs,
    a_half_read_iterator_is_work_that_is_left,
    a_stream_that_was_given_up_holds_up_no_join,
    a_half_read_iterator_that_is_dropped_holds_up_nothing,
    an_input_that_panics_ends_its_own_call_only,
    bad_settings_are_refused_with_a_remedy,
);

fn close_and_join_finish_everything(transport: Transport) {
    let pool = pool(transport, 2);
    let calls: Vec<_> = (0..500u32).map(|n| pool.apply_async(|n: u32| n, (n,))).collect();
    let job = pool.map_async(|n: u32| n + 1, 0..5_000);
    pool.close();
    pool.join().unwrap();
    assert!(job.is_ready());
    assert!(job.get().unwrap().into_iter().eq(1..5_001));
    assert!(calls.into_iter().map(|call| call.get().unwrap()).eq(0..500));
    pool.join().unwrap();
}

fn a_closed_pool_says_so_and_closing_twice_is_harmless(transport: Transport) {
    let pool = pool(transport, 1);
    pool.close();
    pool.close();
    let closed = |error: TaskError| match error {
        TaskError::PoolClosed { state } => assert_eq!(state, "closed"),
        other => panic!("{other:?}"),
    };
    let square = |n: u32| n * n;
    closed(pool.apply(square, (1,)).unwrap_err());
    closed(pool.apply_async(square, (1,)).get().unwrap_err());
    closed(pool.map(square, 0..3).unwrap_err().error);
    closed(pool.map_async(square, 0..3).get().unwrap_err().error);
    let lazy: Vec<_> = pool.imap(square, 0..3).collect();
    assert_eq!(lazy.len(), 1);
    closed(lazy.into_iter().next().unwrap().unwrap_err());
    pool.join().unwrap();
    closed(pool.apply(square, (1,)).unwrap_err());
}

fn joining_an_open_pool_is_an_error(transport: Transport) {
    let pool = pool(transport, 1);
    assert!(matches!(pool.join(), Err(PoolError::StillOpen)));
    assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
}

fn a_join_with_a_limit_says_what_was_left(transport: Transport) {
    let pool = pool(transport, 1);
    let gate = Scratch::new();
    let calls: Vec<_> = (0..3).map(|_| pool.apply_async(|gate: String| pass(&gate), (gate.text(),))).collect();
    pool.close();
    let error = pool.join_timeout(Duration::from_millis(20)).unwrap_err();
    assert!(matches!(error, PoolError::JoinTimedOut { left: 3, .. }), "{error:?}");
    gate.open();
    pool.join().unwrap();
    calls.into_iter().for_each(|call| call.get().unwrap());
}

/// A thread cannot be killed.
fn a_terminated_pool_is_over_when_its_last_task_is_however_long_that_takes(transport: Transport) {
    let pool = builder(transport, 1).response_limit(Duration::from_millis(20)).build().unwrap();
    let [begun, gate] = [Scratch::new(), Scratch::new()];
    let task = |begun: String, gate: String| {
        open(&begun);
        pass(&gate);
    };
    let call = pool.apply_async(task, (begun.text(), gate.text()));
    wait_until("it has begun", || begun.is_open());
    pool.terminate();
    // Longer than a worker may take to respond.
    let joined = pool.join_timeout(Duration::from_millis(100));
    gate.open();
    joined.or_else(|_| pool.join()).unwrap();
    assert!(matches!(call.get(), Err(TaskError::Cancelled { .. })));
}

fn a_dropped_pool_finishes_what_has_a_handle(transport: Transport) {
    let pool = pool(transport, 2);
    let calls: Vec<_> = (0..100u32).map(|n| pool.apply_async(|n: u32| n, (n,))).collect();
    let job = pool.map_async(|n: u32| n, 0..1_000);
    drop(pool);
    assert!(calls.into_iter().map(|call| call.get().unwrap()).eq(0..100));
    assert!(job.get().unwrap().into_iter().eq(0..1_000));
}

fn a_dropped_pool_returns_at_once_while_a_task_runs(transport: Transport) {
    let (pool, gate) = (pool(transport, 1), Scratch::new());
    let call = pool.apply_async(|gate: String| pass(&gate), (gate.text(),));
    drop(pool);
    assert!(!call.is_ready());
    gate.open();
    call.get().unwrap();
}

fn a_half_read_iterator_is_work_that_is_left(transport: Transport) {
    let pool = pool(transport, 1);
    let mut half_read = pool.imap(|n: u32| n, 0..);
    assert_eq!(half_read.next().unwrap().unwrap(), 0);
    pool.close();
    match pool.join_timeout(Duration::from_millis(50)) {
        Err(PoolError::JoinTimedOut { left, .. }) => assert!(left > 0),
        other => panic!("{other:?}"),
    }
    assert_eq!(half_read.next().unwrap().unwrap(), 1);
    drop(half_read);
    pool.join().unwrap();
}

fn a_stream_that_was_given_up_holds_up_no_join(transport: Transport) {
    let pool = pool(transport, 1);
    let mut given_up = pool.call().max_failures(1).imap(|n: u32| 1 / n, 0..);
    assert!(given_up.next().unwrap().is_err());
    pool.close();
    pool.join().unwrap();
    assert!(given_up.all(|outcome| outcome.is_err()), "the end of it is told all the same");
}

fn a_half_read_iterator_that_is_dropped_holds_up_nothing(transport: Transport) {
    let pool = pool(transport, 2);
    for _ in 0..20 {
        assert_eq!(pool.imap(|n: u64| n, 0..).take(10).map(Result::unwrap).sum::<u64>(), 45);
        assert_eq!(pool.imap_unordered(|n: u64| n, 0..).take(10).count(), 10);
    }
    assert_eq!(pool.map(|n: u64| n, 0..3).unwrap(), [0, 1, 2]);
    pool.close();
    pool.join().unwrap();
}

fn an_input_that_panics_ends_its_own_call_only(transport: Transport) {
    let pool = pool(transport, 2);
    for _ in 0..2 {
        let input = || (0..500u32).inspect(|n| assert!(*n != 100, "the input panics on purpose"));
        assert!(catch_unwind(AssertUnwindSafe(|| pool.map(|n: u32| n, input()))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| pool.map_async(|n: u32| n, input()))).is_err());
        let mut lazy = pool.imap(|n: u32| n, input());
        let read = catch_unwind(AssertUnwindSafe(|| lazy.by_ref().map(Result::unwrap).for_each(drop)));
        assert!(read.is_err());
        drop(lazy);
        assert_eq!(pool.map(|n: u32| n, 0..3).unwrap(), [0, 1, 2]);
    }
    pool.close();
    pool.join().unwrap();
}

fn bad_settings_are_refused_with_a_remedy(transport: Transport) {
    let builder = || Pool::builder().transport(transport).workers(Workers::Exact(1));
    for (setting, builder) in [
        ("workers", builder().workers(Workers::Exact(0))),
        ("attempts", builder().attempts(0)),
        ("ring_capacity", builder().ring_capacity(0)),
        ("ring_capacity", builder().ring_capacity(100_000)),
    ] {
        let Err(PoolError::BadSetting { setting: named, remedy, .. }) = builder.build() else {
            panic!("a bad {setting} was taken")
        };
        assert_eq!(named, setting);
        assert!(!remedy.is_empty());
    }
}
