//! Limits of what a task may use: processor time.

use std::time::Duration;

use mpexec_core::{PoolError, TaskError, Transport};

use crate::common::processes::alive;
use crate::common::{Scratch, at_some_pace, builder, pool, spin, wait_until};

crate::contract!(budgets_that_make_no_sense_are_refused,);

mod processes {
    use super::{
        a_cpu_limit_counts_all_threads_and_none_of_the_tasks_before,
        a_cpu_limit_holds_for_each_task_of_a_batch_by_itself, a_task_that_waits_uses_no_cpu_time,
        both_limits_of_time_hold_beside_each_other, the_kill_takes_the_group_whatever_the_signals_are,
    };

    crate::process_contract!(
        a_cpu_limit_holds_for_each_task_of_a_batch_by_itself,
        a_task_that_waits_uses_no_cpu_time,
        a_cpu_limit_counts_all_threads_and_none_of_the_tasks_before,
        both_limits_of_time_hold_beside_each_other,
        the_kill_takes_the_group_whatever_the_signals_are,
    );
}

const LIMIT: Duration = Duration::from_millis(300);

fn computes() {
    loop {
        spin(Duration::from_secs(1));
    }
}

#[track_caller]
fn used_up<R: std::fmt::Debug>(outcome: Result<R, TaskError>, wanted: Duration) -> u32 {
    match outcome {
        Err(TaskError::CpuTimeExceeded { pid, limit }) if limit == wanted => pid,
        other => panic!("{other:?}"),
    }
}

/// The processor time that this process has used.
fn own_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

fn a_cpu_limit_holds_for_each_task_of_a_batch_by_itself(transport: Transport) {
    at_some_pace(|slower| some_compute(transport, LIMIT * slower));
}

fn some_compute(transport: Transport, limit: Duration) {
    let pool = pool(transport, 2);
    let task = |n: u32| {
        if n % 40 == 7 {
            computes();
        }
        n
    };
    let outcomes = pool.call().chunk_size(100).cpu_limit(limit).map_outcomes(task, 0..100);
    for (n, outcome) in (0..).zip(outcomes) {
        match n % 40 {
            7 => assert!(!alive(used_up(outcome, limit)), "{n}"),
            _ => assert_eq!(outcome.unwrap(), n),
        }
    }
    // Of the pool's builder, and nobody waits.
    let pool = builder(transport, 1).cpu_limit(limit).build().unwrap();
    used_up(pool.apply_async(computes, ()).get(), limit);
    assert_eq!(pool.map(|n: u32| n, 0..100).unwrap().len(), 100);
}

fn a_task_that_waits_uses_no_cpu_time(transport: Transport) {
    at_some_pace(|slower| one_waits(transport, LIMIT * slower));
}

fn one_waits(transport: Transport, limit: Duration) {
    let pool = pool(transport, 1);
    let before = pool.pids();
    let waits = |wait: Duration| {
        let begin = std::time::Instant::now();
        while begin.elapsed() < wait {
            std::thread::park_timeout(wait);
        }
    };
    pool.call().cpu_limit(limit / 3).apply(waits, (limit,)).unwrap();
    assert_eq!(pool.pids(), before);
}

fn a_cpu_limit_counts_all_threads_and_none_of_the_tasks_before(transport: Transport) {
    // A machine that stands still may have counted that as time of whoever was at work.
    at_some_pace(|slower| some_use_a_third_each(transport, LIMIT * slower));
}

fn some_use_a_third_each(transport: Transport, limit: Duration) {
    let pool = pool(transport, 1);
    let before = pool.pids();
    // Together they use more than the limit, in one batch and as calls.
    let uses = |time: Duration| {
        let begin = own_cpu_time();
        while own_cpu_time() < begin + time {
            spin(Duration::from_millis(1));
        }
    };
    pool.call().chunk_size(5).cpu_limit(limit).map(uses, [limit / 3; 5]).unwrap();
    (0..4).for_each(|_| pool.call().cpu_limit(limit).apply(uses, (limit / 3,)).unwrap());
    assert_eq!(pool.pids(), before, "nobody was killed");
    let threads = || {
        let thread = std::thread::spawn(computes);
        thread.join().unwrap();
    };
    assert_eq!([used_up(pool.call().cpu_limit(limit).apply(threads, ()), limit)], *before);
}

fn both_limits_of_time_hold_beside_each_other(transport: Transport) {
    let pool = pool(transport, 1);
    let both = pool.call().cpu_limit(LIMIT).time_limit(LIMIT * 1000);
    used_up(both.apply(computes, ()), LIMIT);
    let both = pool.call().cpu_limit(LIMIT * 1000).time_limit(LIMIT);
    let waited = both.apply(crate::common::forever, ());
    assert!(matches!(waited, Err(TaskError::TimedOut { limit: LIMIT, .. })), "{waited:?}");
}

/// A shell and its child, both deaf to the signals that ask, and the worker itself too.
fn ignores_signals_and_has_descendants(told: String) {
    let deaf = format!(
        "trap '' TERM INT HUP; sh -c 'trap \"\" TERM INT HUP; echo $$ $PPID > {told}.draft; mv {told}.draft {told}; \
                        while :; do :; done' & while :; do wait; done"
    );
    let mut shell = std::process::Command::new("sh").args(["-c", &deaf]).spawn().unwrap();
    wait_until("the grandchild runs", || std::path::Path::new(&told).exists());
    shell.wait().unwrap();
}

fn the_kill_takes_the_group_whatever_the_signals_are(transport: Transport) {
    // So long that both are there by then.
    at_some_pace(|slower| a_deaf_group(transport, LIMIT * slower));
}

fn a_deaf_group(transport: Transport, limit: Duration) {
    let pool = pool(transport, 1);
    for cpu in [false, true] {
        let told = Scratch::new();
        let call = if cpu { pool.call().cpu_limit(limit) } else { pool.call().time_limit(limit * 2) };
        let task = |told: String, cpu: bool| {
            if cpu {
                std::thread::spawn(computes);
            }
            ignores_signals_and_has_descendants(told);
        };
        let outcome = call.apply(task, (told.text(), cpu));
        assert!(matches!(outcome, Err(TaskError::TimedOut { .. } | TaskError::CpuTimeExceeded { .. })), "{outcome:?}");
        let pids = std::fs::read_to_string(told.path()).unwrap();
        let pids: Vec<u32> = pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        assert_eq!(pids.len(), 2);
        wait_until("both are gone", || !pids.iter().copied().any(alive));
    }
}

fn budgets_that_make_no_sense_are_refused(transport: Transport) {
    let pool = pool(transport, 1);
    let refused = |outcome: Result<u8, TaskError>| match outcome {
        Err(TaskError::Pool(PoolError::BadSetting { setting, .. })) => setting,
        other => panic!("{other:?}"),
    };
    let id = |n: u8| n;
    assert_eq!(refused(pool.call().cpu_limit(Duration::ZERO).apply(id, (1,))), "cpu_limit");
    if transport == Transport::Memory {
        assert_eq!(refused(pool.call().cpu_limit(LIMIT).apply(id, (1,))), "cpu_limit");
    }
}
