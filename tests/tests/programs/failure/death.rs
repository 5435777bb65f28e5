//! Processes that are killed: workers are replaced and the answer stays right; with the coordinator everything goes.

use crate::common::files::{ENDLESS_ROWS, endless, folder, names_in, zeros};
use crate::common::program::{Started, mpexec};
use mpexec_testkit::processes::Held;
use rustix::process::Signal;

/// Long enough that its lines do not fit into any pipe: the program waits for its reader while we kill.
const ROWS: usize = 600_000;
const MEBIBYTE: u64 = 1 << 20;

fn all_gone(processes: &[Held]) {
    for process in processes {
        assert!(process.ends(), "process {} is left", process.pid);
    }
}

/// Starts a count that prints every row and stops in the middle, because nobody reads.
fn printing(path: &std::path::Path, transport: &str, mode: &str) -> Started {
    let call = mpexec(["-v", "count-range", "--min", "0", "--workers", "2", "--transport", transport]);
    call.args(["--output", "-", "--mode", mode]).arg(path).start()
}

/// How many different rows were printed; every one of them must have the count 5.
fn rows_in(printed: &[u8], mode: &str) -> usize {
    let mut seen = vec![false; ROWS];
    let lines = std::str::from_utf8(printed).expect("it prints text").lines();
    for (at, line) in lines.enumerate() {
        let (row, count) = match line.split_once('\t') {
            Some((row, count)) if mode == "async" => (row.parse().expect("a row's number"), count),
            _ => (at, line),
        };
        assert!(count == "5" && !seen[row], "row {row}: {line:?}");
        seen[row] = true;
    }
    seen.into_iter().filter(|&seen| seen).count()
}

#[test]
fn the_answer_is_right_when_every_worker_is_killed_again_and_again() {
    let folder = folder();
    let path = zeros(&folder, ROWS as u64, 5);
    for transport in ["shm", "socket"] {
        for mode in ["sync", "async"] {
            let mut started = printing(&path, transport, mode);
            let mut printed = Vec::new();
            for _ in 0..3 {
                // What comes says that tasks are being finished: this is no crash loop.
                printed.extend(started.bytes(200_000));
                for worker in started.workers(1) {
                    worker.signal(Signal::KILL);
                    assert!(worker.ends());
                }
            }
            let done = started.finish();
            assert_eq!(done.code(), 0, "{}", done.stderr);
            printed.extend(&done.stdout);
            assert_eq!(rows_in(&printed, mode), ROWS, "{transport} {mode}");
            assert!(done.stderr.contains("SIGKILL"), "no note of the death: {}", done.stderr);
        }
    }
}

#[test]
fn all_workers_killed_at_one_stroke_are_replaced() {
    let folder = folder();
    let path = zeros(&folder, ROWS as u64, 5);
    let mut started = mpexec(["count-range", "--min", "0", "--output", "-", "--workers", "8"]).arg(&path).start();
    let mut printed = started.bytes(2);
    for worker in started.workers(8) {
        worker.signal(Signal::KILL);
    }
    let done = started.finish();
    assert_eq!((done.code(), done.stderr.as_str()), (0, ""));
    printed.extend(&done.stdout);
    assert_eq!(rows_in(&printed, "sync"), ROWS);
}

#[test]
fn a_worker_killed_at_its_start_is_replaced() {
    let folder = folder();
    let path = zeros(&folder, ROWS as u64, 5);
    for transport in ["shm", "socket"] {
        // Nobody reads what it prints, so it cannot be done before its first worker is seen.
        let started = printing(&path, transport, "sync");
        started.workers(1).remove(0).signal(Signal::KILL);
        let done = started.finish();
        assert_eq!((done.code(), rows_in(&done.stdout, "sync")), (0, ROWS), "{transport}: {}", done.stderr);
    }
}

#[test]
fn nothing_survives_a_coordinator_that_is_killed() {
    let folder = folder();
    let path = endless(&folder);
    for transport in ["shm", "socket"] {
        let call = mpexec(["count-range", "--workers", "3", "--transport", transport, "--output", "out.npy"]);
        let started = call.arg(&path).in_folder(folder.path()).start();
        let workers = started.workers_on(&path, 3);
        started.signal(Signal::KILL);
        all_gone(&workers);
        drop(started);
        assert_eq!(names_in(&folder), ["zeros.bin"]);
    }
}

#[test]
fn a_stopped_worker_does_not_survive_its_coordinator_either() {
    let folder = folder();
    let path = endless(&folder);
    let started = mpexec(["count-range", "--workers", "2"]).arg(&path).start();
    let workers = started.workers_on(&path, 2);
    for worker in &workers {
        worker.signal(Signal::STOP);
    }
    started.signal(Signal::KILL);
    all_gone(&workers);
}

#[test]
fn no_worker_is_left_when_the_work_is_done() {
    let folder = folder();
    let path = zeros(&folder, ROWS as u64, 5);
    let mut started = printing(&path, "shm", "sync");
    started.line();
    let workers = started.workers(2);
    assert_eq!(started.finish().code(), 0);
    all_gone(&workers);
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let folder = folder();
    let path = endless(&folder);
    for transport in ["shm", "socket"] {
        let call = mpexec([
            "count-range",
            "--min",
            "0",
            "--output",
            "-",
            "--mode",
            "async",
            "--workers",
            "2",
            "--transport",
            transport,
        ]);
        let mut started = call.arg(&path).start();
        // Over a hundred megabytes of the file, in pieces as large as pieces get.
        let mut rows = 0;
        while rows < 400_000 {
            rows += started.bytes(1 << 20).iter().filter(|&&byte| byte == b'\n').count();
        }
        assert!(rows < usize::try_from(ENDLESS_ROWS).unwrap());
        let own = Held::new(started.pid()).unwrap().peak_memory();
        assert!(own < 64 * MEBIBYTE, "coordinator: {} MiB", own / MEBIBYTE);
        for worker in started.workers(2) {
            let peak = worker.peak_memory();
            assert!(peak < 96 * MEBIBYTE, "worker: {} MiB", peak / MEBIBYTE);
        }
    }
}
