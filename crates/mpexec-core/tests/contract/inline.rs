//! A pool without processes has the same face: what works, works as ever, and what needs a process says so.

use std::sync::atomic::{AtomicU32, Ordering};

use mpexec_core::{
    Affinity, Containment, Pool, PoolBuilder, PoolError, TaskError, Transport, Workers, active_children, current_task,
    in_worker, named, parent,
};

use crate::common::{Scratch, Watchdog, pass, wait_until};

fn builder() -> PoolBuilder {
    Pool::builder().workers(Workers::Inline)
}

static CALLS: AtomicU32 = AtomicU32::new(0);

fn count(n: u32) -> (u32, u32) {
    CALLS.fetch_add(n, Ordering::Relaxed);
    (std::process::id(), n)
}

#[test]
fn tasks_run_in_this_process_and_share_its_statics() {
    let _watchdog = Watchdog::new();
    let pool = builder().build().unwrap();
    assert_eq!((pool.workers(), pool.transport(), pool.pids()), (1, Transport::Memory, Vec::new()));
    assert!(pool.map(count, 1..=4).unwrap().into_iter().eq((1..=4).map(|n| (std::process::id(), n))));
    assert_eq!(CALLS.load(Ordering::Relaxed), 10);
    let task = pool.apply(|| current_task().map(|task| (task.index, task.worker)), ()).unwrap();
    assert_eq!(task, Some((0, 0)));
    assert_eq!(pool.apply(|| (in_worker(), parent().is_none()), ()).unwrap(), (false, true));
    assert!(active_children().iter().all(|child| child.pid != std::process::id()));
    pool.close();
    pool.join().unwrap();
}

#[test]
fn every_form_of_a_call_is_there() {
    let _watchdog = Watchdog::new();
    let pool = builder().context(&7u64).unwrap().build().unwrap();
    let add = |a: u64, b: u64| a + b + mpexec_core::context::<u64>();
    assert_eq!(pool.apply(add, (1, 2)).unwrap(), 10);
    assert_eq!(pool.apply_async(add, (1, 2)).get().unwrap(), 10);
    assert_eq!(pool.starmap(add, [(1, 1), (2, 2)]).unwrap(), [9, 11]);
    assert_eq!(pool.imap(|n: u64| n * n, 0..).take(3).map(Result::unwrap).collect::<Vec<_>>(), [0, 1, 4]);
    assert_eq!(pool.imap_unordered(|n: u64| n, 0..5).map(|(_, n)| n.unwrap()).sum::<u64>(), 10);
    let outcomes = pool.map_outcomes(|n: u32| 100 / n, [5, 0, 2]);
    assert!(matches!(outcomes[..], [Ok(20), Err(TaskError::Panicked { .. }), Ok(50)]));
}

/// Three times as much.
#[mpexec_core::task]
fn triple(n: u64) -> u64 {
    n * 3
}

#[test]
fn functions_are_called_by_their_names() {
    let _watchdog = Watchdog::new();
    for pool in [builder(), Pool::builder().transport(Transport::Memory).workers(Workers::Exact(2))] {
        let pool = pool.build().unwrap();
        assert_eq!(pool.apply(named("triple", triple), (14,)).unwrap(), 42);
        assert_eq!(pool.map(named("triple", triple), 0..3).unwrap(), [0, 3, 6]);
        let unknown = pool.apply(named("quadruple", triple), (14,)).unwrap_err();
        assert!(matches!(unknown, TaskError::UnknownFunction { .. }), "{unknown:?}");
        assert!(pool.functions().iter().any(|function| function.name == "triple"));
    }
}

#[test]
fn a_task_that_runs_is_let_finish() {
    let _watchdog = Watchdog::new();
    let pool = builder().build().unwrap();
    let (gate, begun, ended) = (Scratch::new(), Scratch::new(), Scratch::new());
    let task = |gate: String, begun: String, ended: String| {
        crate::common::open(&begun);
        pass(&gate);
        crate::common::open(&ended);
    };
    let running = pool.apply_async(task, (gate.text(), begun.text(), ended.text()));
    wait_until("it runs", || begun.is_open());
    pool.terminate();
    assert!(matches!(running.get(), Err(TaskError::Cancelled { .. })));
    assert!(!ended.is_open());
    gate.open();
    pool.join().unwrap();
    assert!(ended.is_open(), "it was let finish");
}

static OWN: std::sync::OnceLock<Pool> = std::sync::OnceLock::new();

#[test]
fn a_task_that_calls_its_own_pool_is_told_so_and_one_that_calls_another_is_served() {
    let _watchdog = Watchdog::new();
    let own = OWN.get_or_init(|| builder().build().unwrap());
    let error = own.apply(|| OWN.get().unwrap().apply(|| 1u8, ()).map_err(|error| error.to_string()), ()).unwrap();
    assert!(error.as_ref().is_err_and(|error| error.contains("use another pool there")), "{error:?}");
    let refused = || {
        let error = OWN.get().unwrap().map(|n: u8| n, [1]).unwrap_err().error;
        matches!(error, TaskError::Pool(PoolError::CallInTask))
    };
    assert!(own.apply(refused, ()).unwrap() && own.apply(|| 2u8, ()).unwrap() == 2);
    assert_eq!(own.apply(|| builder().build().unwrap().apply(|| 3u8, ()).unwrap(), ()).unwrap(), 3);
}

#[test]
fn what_needs_a_process_is_refused() {
    let _watchdog = Watchdog::new();
    for (builder, setting) in [
        (builder().transport(Transport::Shm), "transport"),
        (builder().transport(Transport::Socket), "transport"),
        (builder().worker_program(std::env::current_exe().unwrap()), "worker_program"),
        (builder().max_worker_memory(1 << 30), "max_worker_memory"),
        (builder().containment(Containment::Cgroup), "containment"),
        (builder().env("A", "1"), "environment"),
        (builder().env_clear(), "environment"),
        (builder().current_dir("/"), "environment"),
        (builder().nice(1), "environment"),
        (builder().affinity(Affinity::OneEach), "environment"),
    ] {
        match builder.build() {
            Err(PoolError::BadSetting { setting: named, .. }) => assert_eq!(named, setting),
            other => panic!("{other:?}"),
        }
    }
}
