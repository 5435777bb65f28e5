//! The workers' stderr: all of it, in order, and before the error that tells of a death; and a coordinator whose own
//! stderr takes nothing, because nobody reads it or because a thread that waits for the pool holds its lock, goes on.

use std::io::{Read, Write, stderr};
use std::process::{Child, Command, Stdio};

use mpexec_core::{Pool, TaskError, Transport, Workers};

use crate::common::Watchdog;

const LINK: &str = "MPEXEC_TEST_LINK";

/// The program started again as the coordinator of one of the tests below. Its stderr is a pipe.
fn start(link: &str, test: &str) -> Child {
    let _turn = crate::writing_or_starting();
    Command::new(std::env::current_exe().unwrap())
        .args([&format!("stderr::{test}"), "--exact", "--ignored"])
        .env(LINK, link)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn pool() -> Option<Pool> {
    let link: Transport = std::env::var(LINK).ok()?.parse().unwrap();
    Some(Pool::builder().workers(Workers::Exact(1)).transport(link).build().unwrap())
}

fn prints_and_dies(bytes: usize) {
    stderr().write_all(&vec![b'x'; bytes]).unwrap();
    eprintln!("last words");
    std::process::abort();
}

#[track_caller]
fn dies_with_last_words(pool: &Pool, bytes: usize) {
    let Err(TaskError::Crashed { stderr, .. }) = pool.apply(prints_and_dies, (bytes,)) else { panic!("it lived") };
    assert!(stderr.ends_with("xlast words") && stderr.len() <= 4 << 10, "{stderr:?}");
}

#[test]
#[ignore = "the coordinator of another test"]
fn a_coordinator_whose_stderr_takes_nothing() {
    let Some(pool) = pool() else {
        return;
    };
    let _watchdog = Watchdog::new();
    let locked = stderr().lock();
    dies_with_last_words(&pool, 10);
    assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
    drop(locked);
    // More than the pipe takes, and than is kept for it.
    for _ in 0..4 {
        dies_with_last_words(&pool, 600_000);
    }
    assert_eq!(pool.map(|n: u64| n, 0..1_000).unwrap().len(), 1_000);
    pool.close();
    pool.join().unwrap();
}

#[test]
fn a_stderr_that_is_locked_or_that_nobody_reads_holds_nobody() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        let mut coordinator = start(link, "a_coordinator_whose_stderr_takes_nothing");
        assert!(coordinator.wait().unwrap().success(), "on {link}");
        let mut text = String::new();
        coordinator.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(text.starts_with("xxxxxxxxxxlast words\nxxx"), "{:?}", text.get(..100));
    }
}

#[test]
#[ignore = "the coordinator of another test"]
fn a_coordinator_whose_workers_print() {
    let Some(pool) = pool() else {
        return;
    };
    let _watchdog = Watchdog::new();
    for round in 0..5u32 {
        let lines = |round: u32| {
            for n in 0..1_000 {
                writeln!(stderr(), "line {round} {n}").unwrap();
            }
            std::process::abort();
        };
        let died: Result<(), TaskError> = pool.apply(lines, (round,));
        assert!(matches!(died, Err(TaskError::Crashed { .. })));
        writeln!(stderr(), "error {round}").unwrap();
    }
    pool.apply(|| writeln!(stderr(), "end").is_ok(), ()).unwrap();
    pool.close();
    pool.join().unwrap();
    std::process::exit(0);
}

#[test]
fn what_workers_print_comes_whole_in_order_and_before_their_error() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        let output = start(link, "a_coordinator_whose_workers_print").wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        let round = |round| (0..1_000).map(move |n| format!("line {round} {n}")).chain([format!("error {round}")]);
        let wanted: Vec<String> = (0..5).flat_map(round).chain(["end".to_owned()]).collect();
        assert!(text.lines().eq(wanted), "on {link}: {text}");
    }
}
