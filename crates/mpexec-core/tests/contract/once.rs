//! Tasks that are started at most once, however their workers die.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mpexec_core::{TaskError, Transport};

use crate::common::{Scratch, at_some_pace, builder, forever, pass, pool, spin, wait_until};

crate::contract!(a_task_that_may_run_once_runs_once_when_nothing_happens,);

mod processes {
    use super::{
        a_task_that_may_run_once_is_not_tried_again, aborts_let_no_task_run_twice,
        kills_at_limits_and_from_outside_let_no_task_run_twice, nothing_waits_behind_one_that_runs_for_ever,
        tasks_that_had_not_started_run_elsewhere_and_none_runs_twice, what_lay_behind_a_task_at_its_limit_runs_once,
        whoever_kills_the_worker_from_outside,
    };

    crate::process_contract!(
        a_task_that_may_run_once_is_not_tried_again,
        tasks_that_had_not_started_run_elsewhere_and_none_runs_twice,
        whoever_kills_the_worker_from_outside,
        what_lay_behind_a_task_at_its_limit_runs_once,
        aborts_let_no_task_run_twice,
        nothing_waits_behind_one_that_runs_for_ever,
        kills_at_limits_and_from_outside_let_no_task_run_twice,
    );
}

fn log(path: &str, n: u64) {
    use std::io::Write;
    let line = format!("{n}\n");
    std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(line.as_bytes()).unwrap();
}

fn logged(log: &Scratch) -> Vec<u64> {
    let text = std::fs::read_to_string(log.path()).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

fn a_task_that_may_run_once_runs_once_when_nothing_happens(transport: Transport) {
    let pool = pool(transport, 2);
    let ran = Scratch::new();
    let task = |ran: String, n: u64| {
        log(&ran, n);
        n
    };
    let call = pool.call().attempts(3).at_most_once();
    assert!(call.starmap(task, (0..200).map(|n| (ran.text(), n))).unwrap().into_iter().eq(0..200));
    let mut all = logged(&ran);
    all.sort_unstable();
    assert!(all.into_iter().eq(0..200));
}

fn a_task_that_may_run_once_is_not_tried_again(transport: Transport) {
    let pool = builder(transport, 1).attempts(5).build().unwrap();
    let ran = Scratch::new();
    let task = |ran: String| -> u8 {
        log(&ran, 1);
        std::process::abort();
    };
    // Whichever is said last.
    for call in [pool.call().attempts(4).at_most_once(), pool.call().at_most_once().attempts(4)] {
        let error = call.apply(task, (ran.text(),)).unwrap_err();
        assert!(error.is_system() && error.to_string().contains("at most once"), "{error}");
        let TaskError::OutcomeUnknown { death } = error else { panic!("{error:?}") };
        assert!(matches!(*death, TaskError::Crashed { .. }), "{death:?}");
    }
    assert_eq!(logged(&ran), [1, 1]);
    // The same task without this.
    assert!(matches!(pool.apply(task, (ran.text(),)), Err(TaskError::Crashed { .. })));
    assert_eq!(logged(&ran).len(), 7);
}

fn tasks_that_had_not_started_run_elsewhere_and_none_runs_twice(transport: Transport) {
    let pool = builder(transport, 2).attempts(5).build().unwrap();
    let ran = Scratch::new();
    let task = |ran: String, n: u64| {
        log(&ran, n);
        if n % 50 == 7 {
            std::process::abort();
        }
        n
    };
    let outcomes = pool.call().at_most_once().chunk_size(25).starmap_outcomes(task, (0..200).map(|n| (ran.text(), n)));
    for (n, outcome) in (0..).zip(outcomes) {
        match n % 50 {
            7 => assert!(matches!(outcome, Err(TaskError::OutcomeUnknown { .. })), "{n}: {outcome:?}"),
            _ => assert_eq!(outcome.unwrap(), n),
        }
    }
    let mut all = logged(&ran);
    all.sort_unstable();
    assert!(all.into_iter().eq(0..200), "each was started once");
}

fn whoever_kills_the_worker_from_outside(transport: Transport) {
    let pool = builder(transport, 1).attempts(5).build().unwrap();
    let (ran, gate) = (Scratch::new(), Scratch::new());
    let task = |ran: String, gate: String, n: u64| {
        log(&ran, n);
        if n == 0 {
            pass(&gate);
            forever();
        }
        n
    };
    let items = (0..10).map(|n| (ran.text(), gate.text(), n));
    let job = pool.call().at_most_once().chunk_size(10).starmap_async(task, items);
    wait_until("the first runs", || logged(&ran).len() == 1);
    pool.pids().into_iter().for_each(crate::common::processes::kill);
    gate.open();
    let error = job.get().unwrap_err();
    assert_eq!(error.index, 0);
    assert!(matches!(error.error, TaskError::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
    assert_eq!(logged(&ran).iter().filter(|n| **n == 0).count(), 1);
}

fn what_lay_behind_a_task_at_its_limit_runs_once(transport: Transport) {
    at_some_pace(|slower| some_overrun(transport, Duration::from_millis(500) * slower));
}

fn some_overrun(transport: Transport, limit: Duration) {
    let pool = builder(transport, 2).attempts(5).build().unwrap();
    let ran = Scratch::new();
    let task = |ran: String, n: u64| {
        log(&ran, n);
        if n % 40 == 7 {
            forever();
        }
        n
    };
    let call = pool.call().at_most_once().chunk_size(40).time_limit(limit);
    for (n, outcome) in (0..).zip(call.starmap_outcomes(task, (0..80).map(|n| (ran.text(), n)))) {
        match n % 40 {
            7 => assert!(matches!(outcome, Err(TaskError::TimedOut { .. })), "{n}: {outcome:?}"),
            _ => assert_eq!(outcome.unwrap(), n),
        }
    }
    let mut all = logged(&ran);
    all.sort_unstable();
    assert!(all.into_iter().eq(0..80), "each was started once");
}

/// Each task ran at most once; one that has a result did.
#[track_caller]
fn none_ran_twice(ran: &Scratch, has_result: &[bool]) {
    let mut times = vec![0; has_result.len()];
    logged(ran).into_iter().for_each(|n| times[n as usize] += 1);
    for (n, (times, has_result)) in times.into_iter().zip(has_result).enumerate() {
        assert!(times <= 1 && times >= i32::from(*has_result), "{n} ran {times} times");
    }
}

fn aborts_let_no_task_run_twice(transport: Transport) {
    let pool = builder(transport, 2).attempts(5).build().unwrap();
    for round in 0..15u64 {
        let ran = Scratch::new();
        let task = |ran: String, n: u64, micros: u64| {
            log(&ran, n);
            spin(Duration::from_micros(micros));
        };
        let once = pool.call().at_most_once();
        let calls: Vec<_> = (0..20).map(|n| once.apply_async(task, (ran.text(), n, n * 13 % 11 * 30))).collect();
        let stopped: Vec<bool> = (0..20)
            .map(|n| match (n + round) % 4 {
                0 => calls[n as usize].abort(),
                1 => calls[n as usize].cancel(),
                _ => false,
            })
            .collect();
        let mut has_result = Vec::new();
        for (call, stopped) in calls.into_iter().zip(stopped) {
            let outcome = call.get();
            let cancelled = matches!(outcome, Err(TaskError::Cancelled { .. }));
            assert!(if stopped { cancelled } else { outcome.is_ok() }, "{outcome:?}");
            has_result.push(outcome.is_ok());
        }
        none_ran_twice(&ran, &has_result);
    }
}

fn nothing_waits_behind_one_that_runs_for_ever(transport: Transport) {
    let pool = builder(transport, 2).attempts(5).build().unwrap();
    assert!(pool.wait_ready(None));
    let ran = Scratch::new();
    let task = |ran: String, n: u64| {
        log(&ran, n);
        if n == 0 {
            forever();
        }
        std::process::id()
    };
    let outcomes = std::thread::scope(|scope| {
        let (pool, ran) = (&pool, &ran);
        let items = (0..50).map(|n| (ran.text(), n));
        let job = scope.spawn(move || pool.call().at_most_once().chunk_size(50).starmap_outcomes(task, items));
        // Each is sent by itself, whatever is said of batches, to a worker that has nothing.
        wait_until("the others run elsewhere", || logged(ran).len() == 50);
        pool.pids().into_iter().for_each(crate::common::processes::kill);
        job.join().unwrap()
    });
    let has_result: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    let error = outcomes[0].as_ref().unwrap_err();
    assert!(matches!(error, TaskError::OutcomeUnknown { .. }), "{error:?}");
    none_ran_twice(&ran, &has_result);
    assert!(has_result.iter().filter(|has| **has).count() >= 48, "all but the last may have been told: {has_result:?}");
}

fn kills_at_limits_and_from_outside_let_no_task_run_twice(transport: Transport) {
    // Where all of them overrun, and nothing ever comes to its end, that is a crash loop.
    at_some_pace(|slower| kills_of_both_kinds(transport, slower));
}

fn kills_of_both_kinds(transport: Transport, slower: u32) {
    let pool = builder(transport, 2).attempts(5).build().unwrap();
    let (ran, over) = (Scratch::new(), AtomicBool::new(false));
    let task = |ran: String, n: u64, slower: u32| {
        log(&ran, n);
        // Some of them pass their limit, and some just do not.
        spin(Duration::from_micros(n * 37 % 11 * 400) * slower);
    };
    let call = pool.call().at_most_once().chunk_size(8).time_limit(Duration::from_millis(3) * slower);
    let outcomes = std::thread::scope(|scope| {
        scope.spawn(|| {
            // With each further 16 tasks, one of the workers, whichever it is.
            let mut next = 16;
            while !over.load(Ordering::Relaxed) {
                if logged(&ran).len() >= next {
                    next += 16;
                    pool.pids().into_iter().take(1).for_each(crate::common::processes::kill);
                }
                std::thread::yield_now();
            }
        });
        let outcomes = call.starmap_outcomes(task, (0..320).map(|n| (ran.text(), n, slower)));
        over.store(true, Ordering::Relaxed);
        outcomes
    });
    let died = |outcome: &Result<(), TaskError>| {
        matches!(outcome, Err(TaskError::TimedOut { .. } | TaskError::OutcomeUnknown { .. }))
    };
    assert!(outcomes.iter().all(|outcome| outcome.is_ok() || died(outcome)), "{outcomes:?}");
    assert!(outcomes.iter().any(died) && outcomes.iter().any(Result::is_ok));
    none_ran_twice(&ran, &outcomes.iter().map(Result::is_ok).collect::<Vec<_>>());
}
