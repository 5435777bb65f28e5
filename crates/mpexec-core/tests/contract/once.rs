//! Tasks that are started at most once, however their workers die.

use mpexec_core::{TaskError, Transport};

use crate::common::{Scratch, builder, forever, pass, pool, wait_until};

crate::contract!(a_task_that_may_run_once_runs_once_when_nothing_happens,);

mod processes {
    use super::{
        a_task_that_may_run_once_is_not_tried_again, tasks_that_had_not_started_run_elsewhere_and_none_runs_twice,
        whoever_kills_the_worker_from_outside,
    };

    crate::process_contract!(
        a_task_that_may_run_once_is_not_tried_again,
        tasks_that_had_not_started_run_elsewhere_and_none_runs_twice,
        whoever_kills_the_worker_from_outside,
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
