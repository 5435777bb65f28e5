//! What tasks print, captured: each task's own, also of one that takes its worker down, and never more than was asked for.

use std::io::{Write, stderr, stdout};
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use mpexec_core::{
    Captured, Exit, Output, Pool, PoolBuilder, PoolError, TaskError, Transport, Workers, context, named,
};

use crate::common::{Scratch, Watchdog, builder, forever, open, wait_until};

crate::process_contract![
    each_task_has_what_it_printed_and_no_other,
    what_ordinary_calls_print_is_nobodys,
    a_task_that_closes_its_streams_takes_nothing_from_the_next,
    a_task_that_takes_its_worker_down_leaves_what_it_had_printed,
    a_task_that_is_tried_again_has_what_its_last_attempt_printed,
    every_failure_keeps_its_type_and_its_output,
    as_much_is_kept_as_was_asked_for_and_the_rest_is_counted,
    a_task_that_prints_without_end_does_not_fill_the_memory,
    what_a_tasks_children_print_is_its_own,
    large_results_and_no_output_travel_well,
    each_item_has_its_outcome_when_the_pool_ends_meanwhile,
    a_pool_that_does_not_capture_says_so,
];

fn each_item_has_its_outcome_when_the_pool_ends_meanwhile(link: Transport) {
    let begun = Scratch::new();
    let pool = capturing(link, 1).context(&begun.text()).unwrap().build().unwrap();
    let stays = |n: u32| {
        println!("task {n}");
        if n == 1 {
            open(context::<String>());
            forever();
        }
        n
    };
    let (ended, late) = std::thread::scope(|scope| {
        let waits = scope.spawn(|| pool.map_captured(stays, 0..100));
        wait_until("a task stays", || begun.is_open());
        pool.terminate();
        (waits.join().unwrap(), pool.map_captured(stays, 0..3))
    });
    assert_eq!(ended.len(), 100);
    for (n, captured) in ended.iter().enumerate() {
        match &captured.outcome {
            // The first may have been heard of in time.
            Ok(0) => assert_eq!((n, &captured.stdout[..]), (0, &b"task 0\n"[..])),
            Err(TaskError::Cancelled { .. }) => {}
            other => panic!("task {n}: {other:?}"),
        }
    }
    assert_eq!(late.len(), 3);
    assert!(late.iter().all(|captured| matches!(captured.outcome, Err(TaskError::PoolClosed { .. }))));
}

fn capturing(link: Transport, workers: usize) -> PoolBuilder {
    builder(link, workers).capture_output(1 << 20)
}

#[track_caller]
fn said<R>(captured: &Captured<R>, out: &str, err: &str) {
    assert_eq!(String::from_utf8_lossy(&captured.stdout), out);
    assert_eq!(String::from_utf8_lossy(&captured.stderr), err);
    assert_eq!((captured.stdout_cut, captured.stderr_cut), (0, 0));
}

fn each_task_has_what_it_printed_and_no_other(link: Transport) {
    let pool = capturing(link, 2).build().unwrap();
    let speaks = |n: u64| {
        // Without a line end, it lies in a buffer of the standard library.
        print!("out {n}");
        if n.is_multiple_of(3) {
            eprintln!("err {n}");
        }
        n * n
    };
    let mut all: Vec<_> = pool.imap_captured(speaks, 0..500).collect();
    all.sort_by_key(|(index, _)| *index);
    assert_eq!(all.len(), 500);
    for (n, (index, captured)) in (0..).zip(all) {
        said(&captured, &format!("out {n}"), &if n % 3 == 0 { format!("err {n}\n") } else { String::new() });
        assert_eq!((index, captured.outcome.unwrap()), (n, n * n));
    }
    for (n, captured) in (0u64..).zip(pool.map_captured(speaks, 0..100)) {
        said(&captured, &format!("out {n}"), &if n % 3 == 0 { format!("err {n}\n") } else { String::new() });
        assert_eq!(captured.outcome.unwrap(), n * n);
    }
    let two = pool.call().attempts(2).apply_captured(|a: u8, b: u8| println!("{a} and {b}"), (1, 2));
    said(&two, "1 and 2\n", "");
}

fn what_ordinary_calls_print_is_nobodys(link: Transport) {
    let pool = capturing(link, 1).build().unwrap();
    assert_eq!(pool.map(|n: u32| print!("ordinary {n}"), 0..10).unwrap().len(), 10);
    said(&pool.apply_captured(|| println!("mine"), ()), "mine\n", "");
    pool.apply(|| print!("ordinary"), ()).unwrap();
    said(&pool.apply_captured(|| eprintln!("mine"), ()), "", "mine\n");
}

fn a_task_that_closes_its_streams_takes_nothing_from_the_next(link: Transport) {
    let pool = capturing(link, 1).build().unwrap();
    let closes = |writable: bool| {
        print!("before");
        stdout().flush().unwrap();
        // What is open for reading only refuses every write, as one that is closed does.
        let null = std::fs::File::options().read(true).write(writable).open("/dev/null").unwrap();
        rustix::stdio::dup2_stdout(&null).unwrap();
        rustix::stdio::dup2_stderr(&null).unwrap();
        let _ = writeln!(stdout(), "lost").and_then(|()| writeln!(stderr(), "lost"));
    };
    for writable in [false, true] {
        said(&pool.apply_captured(closes, (writable,)), "before", "");
        let (pid, after) = (
            pool.pids(),
            pool.apply_captured(
                || {
                    println!("mine");
                    eprint!("too")
                },
                (),
            ),
        );
        said(&after, "mine\n", "too");
        assert_eq!(pool.pids(), pid, "the same worker");
        pool.apply(closes, (writable,)).unwrap();
        said(&pool.apply_captured(|| println!("mine"), ()), "mine\n", "");
    }
}

fn prints_and_dies(n: u32) -> u32 {
    println!("task {n}");
    eprintln!("warning {n}");
    if n == 3 {
        print!("half a li");
        stdout().flush().unwrap();
        std::process::abort();
    }
    n
}

fn a_task_that_takes_its_worker_down_leaves_what_it_had_printed(link: Transport) {
    let pool = capturing(link, 1).build().unwrap();
    for (index, captured) in pool.imap_captured(prints_and_dies, 0..6) {
        let half = if index == 3 { "half a li" } else { "" };
        said(&captured, &format!("task {index}\n{half}"), &format!("warning {index}\n"));
        match captured.outcome {
            Ok(n) => assert!(n != 3 && u64::from(n) == index),
            Err(TaskError::Crashed { exit, stderr, .. }) => {
                assert_eq!((index, exit, stderr.as_str()), (3, Exit::Signal(6), "warning 3"));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    let Err(TaskError::Crashed { stderr, .. }) = pool.apply(prints_and_dies, (3,)) else { panic!("it lived") };
    assert!(stderr.ends_with("warning 3"), "{stderr:?}");
}

fn a_task_that_is_tried_again_has_what_its_last_attempt_printed(link: Transport) {
    let pool = capturing(link, 1).attempts(2).build().unwrap();
    let second_time_lucky = || {
        let attempt = mpexec_core::current_task().unwrap().attempt;
        eprintln!("attempt {attempt}");
        if attempt == 1 {
            std::process::abort();
        }
    };
    let captured = pool.apply_captured(second_time_lucky, ());
    said(&captured, "", "attempt 2\n");
    captured.outcome.unwrap();
}

/// Its value is refused where it is read.
#[derive(Debug, serde::Serialize)]
struct Unreadable(u8);

impl<'de> serde::Deserialize<'de> for Unreadable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Unreadable, D::Error> {
        Err(serde::de::Error::custom("never"))
    }
}

fn every_failure_keeps_its_type_and_its_output(link: Transport) {
    let pool = capturing(link, 1).build().unwrap();
    let captured = pool.apply_captured(
        |n: u32| {
            println!("before");
            assert!(n > 5, "too few: {n}");
        },
        (3,),
    );
    said(&captured, "before\n", "");
    assert!(matches!(captured.outcome, Err(TaskError::Panicked { message, .. }) if message == "too few: 3"));
    let captured = pool.apply_captured(
        || {
            println!("before");
            Unreadable(1)
        },
        (),
    );
    said(&captured, "before\n", "");
    assert!(matches!(captured.outcome, Err(TaskError::ResultUndecodable { .. })));
    let captured = pool.apply_captured(|text: String| text.parse::<u8>().map_err(|error| error.to_string()), ("x",));
    assert!(captured.outcome.unwrap().is_err(), "an Err is a value");
    let captured = pool.apply_captured(|_: Unreadable| println!("never"), (Unreadable(1),));
    said(&captured, "", "");
    assert!(matches!(captured.outcome, Err(TaskError::ArgumentUndecodable { .. })));
}

fn as_much_is_kept_as_was_asked_for_and_the_rest_is_counted(link: Transport) {
    let pool = builder(link, 1).capture_output(1_000).build().unwrap();
    let floods = |bytes: usize, dies: bool| {
        stdout().write_all(&vec![b'o'; bytes]).unwrap();
        stdout().flush().unwrap();
        stderr().write_all(&vec![b'e'; bytes / 2]).unwrap();
        if dies {
            std::process::abort();
        }
    };
    for dies in [false, true] {
        let captured = pool.apply_captured(floods, (3_000_000, dies));
        assert_eq!(captured.outcome.is_err(), dies);
        assert_eq!((captured.stdout, captured.stdout_cut), (vec![b'o'; 1_000], 2_999_000));
        assert_eq!((captured.stderr, captured.stderr_cut), (vec![b'e'; 1_000], 1_499_000));
        let captured = pool.apply_captured(floods, (1_000, false));
        assert_eq!((captured.stdout.len(), captured.stdout_cut), (1_000, 0));
        assert_eq!((captured.stderr.len(), captured.stderr_cut), (500, 0));
    }
}

fn a_task_that_prints_without_end_does_not_fill_the_memory(link: Transport) {
    let pool = builder(link, 1).capture_output(1 << 16).build().unwrap();
    let floods = || {
        let file = || std::fs::metadata("/proc/self/fd/1").unwrap();
        for _ in 0..256 {
            stdout().write_all(&[b'x'; 1 << 16]).unwrap();
        }
        stdout().flush().unwrap();
        wait_until("the memory is given back", || file().blocks() * 512 < 1 << 20);
        file().len()
    };
    assert_eq!(pool.apply_captured(floods, ()).outcome.unwrap(), 16 << 20);
    // Ordinary calls print there too.
    assert!(pool.apply(floods, ()).unwrap() >= 16 << 20);
}

fn what_a_tasks_children_print_is_its_own(link: Transport) {
    let pool = capturing(link, 1).build().unwrap();
    let asks = || {
        println!("first");
        Command::new("sh").args(["-c", "echo second; echo third >&2"]).status().unwrap().success()
    };
    let captured = pool.apply_captured(asks, ());
    said(&captured, "first\nsecond\n", "third\n");
    assert!(captured.outcome.unwrap());
}

fn large_results_and_no_output_travel_well(link: Transport) {
    let pool = capturing(link, 1).build().unwrap();
    let many = |bytes: usize| {
        println!("{bytes}");
        vec![7u8; bytes]
    };
    for bytes in [0, 1, 2_048, (1 << 20) - 8, 1 << 20, 5 << 20] {
        let captured = pool.apply_captured(many, (bytes,));
        said(&captured, &format!("{bytes}\n"), "");
        assert!(captured.outcome.unwrap() == vec![7; bytes], "{bytes}");
    }
    said(&pool.apply_captured(|| (), ()), "", "");
}

fn twice(n: u64) -> u64 {
    println!("{n}");
    n * 2
}

fn a_pool_that_does_not_capture_says_so(link: Transport) {
    let pool = builder(link, 1).stdout(Output::Null).build().unwrap();
    let refused = |outcome: Result<u64, TaskError>| match outcome {
        Err(TaskError::Pool(PoolError::BadSetting { setting, .. })) => assert_eq!(setting, "capture_output"),
        other => panic!("{other:?}"),
    };
    refused(pool.apply_captured(twice, (1,)).outcome);
    let all: Vec<_> = pool.imap_captured(twice, 0..3).collect();
    assert_eq!(all.len(), 1, "told once");
    refused(all.into_iter().next().unwrap().1.outcome);
    assert_eq!(pool.apply(twice, (4,)).unwrap(), 8);
    // A function that is named is captured all the same.
    let captured = capturing(link, 1).build().unwrap().apply_captured(named("any name", twice), (2,));
    said(&captured, "2\n", "");
    assert_eq!(captured.outcome.unwrap(), 4);
}

#[test]
fn captures_that_make_no_sense_are_refused() {
    let _watchdog = Watchdog::new();
    for builder in [
        Pool::builder().capture_output(0),
        Pool::builder().capture_output(usize::MAX),
        Pool::builder().workers(Workers::Inline).capture_output(1 << 20),
    ] {
        let error = builder.build().unwrap_err();
        assert!(matches!(error, PoolError::BadSetting { setting: "capture_output", .. }), "{error:?}");
    }
}
