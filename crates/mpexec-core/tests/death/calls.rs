//! Workers that die in calls of all forms, with retries and with callers beside: who is told what, and what is run again. What comes
//! of each failure at each moment stands in the table of deaths (the crate `mpexec-testkit`).

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write;

use mpexec_core::{Exit, TaskError, current_task};

use crate::common::{Scratch, builder, forever, open, pass, pool, processes, wait_until};
use crate::common::{WAYS, Way};
use crate::{LINKS, alone};

fn last_words(way: Way) -> u8 {
    eprintln!("these are my last words");
    way.die()
}

#[test]
fn what_was_finished_before_a_death_is_not_run_again() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        let log = Scratch::new();
        let task = |pair: (u64, String)| {
            let (n, log) = pair;
            let mut log = OpenOptions::new().create(true).append(true).open(log).unwrap();
            writeln!(log, "{n}").unwrap();
            if n % 100 == 77 {
                Way::Killed.die();
            }
        };
        let failed = pool.imap(task, (0..1_000).map(|n| (n, log.text()))).filter(Result::is_err).count();
        assert_eq!(failed, 10);
        let text = std::fs::read_to_string(log.path()).unwrap();
        let mut ran: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
        ran.sort_unstable();
        assert!(ran.into_iter().eq(0..1_000), "a task ran twice, or never, on {link:?}");
    }
}

#[test]
fn a_single_call_that_dies_says_pid_exit_and_last_words() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        for way in WAYS {
            let [pid] = pool.pids()[..] else { panic!("one worker") };
            let error = pool.apply(last_words, (way,)).unwrap_err();
            let TaskError::Crashed { pid: told, exit, stderr, .. } = &error else { panic!("{error:?}") };
            assert_eq!((*told, *exit), (pid, way.exit()));
            assert!(stderr.contains("these are my last words"), "{way:?}: {stderr:?}");
            assert!(error.to_string().contains(&pid.to_string()) && error.is_system());
            assert_eq!(pool.apply(|n: u8| n, (5,)).unwrap(), 5);
        }
    }
}

#[test]
fn an_idle_worker_that_dies_is_replaced_and_no_call_notices() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        for way in WAYS {
            let gate = Scratch::new();
            let task = |way: Way, gate: String| {
                // The task is over when its worker dies.
                std::thread::spawn(move || {
                    pass(&gate);
                    way.die();
                });
                std::process::id()
            };
            let pid = pool.apply(task, (way, gate.text())).unwrap();
            gate.open();
            wait_until("another worker has its place", || {
                !matches!(pool.pids()[..], [same] if same == pid) && pool.pids().len() == 1
            });
            assert!(!processes::alive(pid));
            assert_ne!(pool.apply(std::process::id, ()).unwrap(), pid, "{way:?}");
        }
    }
}

#[test]
fn a_running_worker_killed_from_outside_fails_its_task_at_once() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 2);
        let started = Scratch::new();
        let task = |started: String| {
            open(&started);
            forever();
        };
        let pending = pool.apply_async(task, (started.text(),));
        wait_until("the task runs", || started.is_open());
        // It would run for ever.
        pool.pids().into_iter().for_each(processes::kill);
        let Err(TaskError::Crashed { exit, .. }) = pending.get() else { panic!("it ended well") };
        assert_eq!(exit, Exit::Signal(9));
        assert_eq!(pool.map(|n: u8| n, 0..10).unwrap(), (0..10).collect::<Vec<u8>>());
    }
}

#[test]
fn a_task_is_tried_again_as_often_as_it_was_asked_for() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 2).attempts(3).build().unwrap();
        let third_time_lucky = |n: u32| {
            let attempt = current_task().map_or(0, |task| task.attempt);
            if n == 30 && attempt < 3 {
                Way::Aborts.die();
            }
            (n, attempt)
        };
        let results = pool.map(third_time_lucky, 0..100).unwrap();
        let wanted = (0..100).map(|n| (n, if n == 30 { 3 } else { 1 }));
        assert!(results.iter().copied().eq(wanted), "{results:?}");
        assert_eq!(pool.apply(third_time_lucky, (30,)).unwrap(), (30, 3));
    }
}

#[test]
fn a_task_that_kills_every_worker_it_meets_is_named_after_its_attempts_and_the_others_succeed_and_run_once() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 2).attempts(3).build().unwrap();
        let log = Scratch::new();
        let poison = |n: u32, log: String| {
            note(&log, &format!("{n} {} {}", current_task().map_or(0, |task| task.attempt), std::process::id()));
            if n == 42 {
                Way::Killed.die();
            }
            n
        };
        let tuples = |from: u32, to: u32| (from..to).map(|n| (n, log.text()));
        for (n, outcome) in (0..).zip(pool.call().chunk_size(8).starmap_outcomes(poison, tuples(0, 100))) {
            match outcome {
                Ok(value) => assert!(value == n && n != 42, "{n}: {value}"),
                Err(TaskError::Crashed { pid, exit: Exit::Signal(9), .. }) => {
                    assert_eq!(n, 42);
                    let last = runs(&log).into_iter().rfind(|(other, ..)| *other == 42);
                    assert_eq!(last, Some((42, 3, pid)), "it is told of the last attempt");
                }
                Err(other) => panic!("{n}: {other:?}"),
            }
        }
        let mut all = runs(&log);
        let attempts: Vec<_> = all.extract_if(.., |(n, ..)| *n == 42).collect();
        assert!(attempts.iter().map(|(_, attempt, _)| *attempt).eq([1, 2, 3]), "{attempts:?}");
        let workers: HashSet<u32> = attempts.iter().map(|(.., pid)| *pid).collect();
        assert_eq!(workers.len(), 3, "each attempt has cost a worker");
        all.sort_unstable();
        let others = (0..100).filter(|n| *n != 42).map(|n| (n, 1));
        assert!(all.iter().map(|(n, attempt, _)| (*n, *attempt)).eq(others), "each of the others ran once: {all:?}");
        // Five deaths in a row would be a loop of them.
        for attempts in [1, 2, 4] {
            let before = runs(&log).len();
            let one = pool.call().attempts(attempts).apply(poison, (42, log.text()));
            assert!(matches!(one, Err(TaskError::Crashed { .. })), "{one:?}");
            assert_eq!(runs(&log).len() - before, attempts as usize);
            assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
        }
        assert_eq!(pool.starmap(poison, tuples(40, 50)).unwrap_err().index, 2);
    }
}

fn note(log: &str, line: &str) {
    let mut log = OpenOptions::new().create(true).append(true).open(log).unwrap();
    log.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Which tasks ran, in order: the number, the attempt, and the process.
fn runs(log: &Scratch) -> Vec<(u32, u32, u32)> {
    let text = std::fs::read_to_string(log.path()).unwrap_or_default();
    let numbers = |line: &str| line.split(' ').map(|word| word.parse().unwrap()).collect::<Vec<u32>>();
    text.lines().map(numbers).map(|numbers| (numbers[0], numbers[1], numbers[2])).collect()
}

#[test]
fn calls_of_other_threads_do_not_notice_a_death() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 2).attempts(10).build().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        assert!(pool.map(|n: u64| n * 2, 0..200).unwrap().into_iter().eq((0..200).map(|n| n * 2)));
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..5 {
                    let dies_at_first = |_: u8| {
                        if current_task().is_some_and(|task| task.attempt == 1) {
                            Way::Killed.die();
                        }
                    };
                    pool.apply(dies_at_first, (0,)).unwrap();
                }
            });
        });
    }
}
