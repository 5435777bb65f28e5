//! Signals that ask the program to end: one message, the right exit code, no file, no process left.

use std::time::{Duration, Instant};

use crate::common::files::{endless, folder, names_in, zeros};
use crate::common::program::{Started, mpexec, program, programs};
use mpexec_testkit::processes::{Held, marked};
use mpexec_testkit::wait_until;
use rustix::process::Signal;
use tempfile::TempDir;

/// A long count, and its workers when all are at work.
fn counting(folder: &TempDir, more: &[&str]) -> (Started, Vec<Held>) {
    let path = endless(folder);
    let call = mpexec(["count-range", "--workers", "2", "--output", "out.npy"]);
    let started = call.args(more).arg(&path).in_folder(folder.path()).start();
    let workers = started.workers_on(&path, 2);
    (started, workers)
}

fn gone(workers: &[Held]) {
    for worker in workers {
        assert!(worker.ends(), "worker {} is left", worker.pid);
    }
}

#[test]
fn a_signal_ends_the_program_with_its_code_one_message_and_no_file() {
    let signals = [(Signal::INT, 130, "interrupted"), (Signal::TERM, 143, "terminated"), (Signal::HUP, 129, "hung up")];
    for (signal, code, word) in signals {
        for transport in ["shm", "socket"] {
            let folder = folder();
            let (started, workers) = counting(&folder, &["--transport", transport]);
            started.signal(signal);
            let done = started.finish();
            assert_eq!((done.code(), done.text()), (code, ""), "{}", done.stderr);
            let messages: Vec<_> = done.stderr.lines().filter(|line| line.starts_with(word)).collect();
            assert_eq!(messages.len(), 1, "{}", done.stderr);
            assert!(messages[0].ends_with(" of 171,798,691 rows counted; no file written"), "{}", messages[0]);
            assert!(!done.stderr.contains("error"), "{}", done.stderr);
            gone(&workers);
            assert_eq!(names_in(&folder), ["zeros.bin"]);
        }
    }
}

#[test]
fn a_signal_that_whoever_started_the_program_held_back_is_heard_all_the_same() {
    let folder = folder();
    let path = endless(&folder);
    let call = program("env").args(["--block-signal=INT,TERM"]).arg(programs().join("mpexec"));
    let started = call.args(["count-range", "--workers", "2"]).arg(&path).in_folder(folder.path()).start();
    let workers = started.workers_on(&path, 2);
    started.signal(Signal::INT);
    assert_eq!(started.finish().code(), 130);
    gone(&workers);
}

#[test]
fn a_worker_that_hangs_is_given_the_grace_and_no_more() {
    let folder = folder();
    let (started, workers) = counting(&folder, &[]);
    for worker in &workers {
        worker.signal(Signal::STOP);
    }
    let begun = Instant::now();
    started.signal(Signal::INT);
    let done = started.finish();
    assert_eq!(done.code(), 130);
    assert!(begun.elapsed() >= Duration::from_millis(1900), "{:?}", begun.elapsed());
    assert_eq!(done.stderr.matches("interrupted").count(), 1, "{}", done.stderr);
    gone(&workers);
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let folder = folder();
    // The grace alone would end it long after the watchdog.
    let (started, workers) = counting(&folder, &["--grace", "3600s"]);
    for worker in &workers {
        worker.signal(Signal::STOP);
    }
    started.held().takes(Signal::TERM);
    // Not to be merged with the first, it is another signal.
    started.signal(Signal::INT);
    let done = started.finish();
    assert_eq!(done.code(), 143, "the first one says why: {}", done.stderr);
    gone(&workers);
}

#[test]
fn of_signals_that_follow_each_other_at_once_the_first_gives_the_exit_code() {
    let folder = folder();
    let path = endless(&folder);
    let pairs = [(Signal::TERM, Signal::INT, 143), (Signal::INT, Signal::TERM, 130), (Signal::HUP, Signal::INT, 129)];
    for (first, second, code) in pairs {
        for _ in 0..8 {
            let started = mpexec(["count-range", "--workers", "1"]).arg(&path).start();
            started.workers_on(&path, 1);
            started.held().takes(first);
            started.signal(second);
            assert_eq!(started.finish().code(), code);
        }
    }
}

#[test]
fn the_grace_is_as_long_as_was_asked_for() {
    // Shorter than it is where nothing is said, and longer.
    for (grace, least, most) in [("0", 0, 1500), ("300ms", 300, 1800), ("2500ms", 2500, u64::MAX)] {
        let [least, most] = [least, most].map(Duration::from_millis);
        // On a slow machine one may come late, but not all of them.
        let took = (0..20).map(|_| ends_after(grace)).inspect(|took| assert!(*took >= least, "{grace}: {took:?}"));
        assert!(took.into_iter().any(|took| took < most), "{grace}: later than {most:?} each time");
    }
    let long = mpexec(["count-range", "--grace", "long", "f"]).run();
    assert!(long.code() == 2 && long.stderr.contains("not a time"), "{}", long.stderr);
}

/// How long a program takes to end whose workers do not, with this grace.
fn ends_after(grace: &str) -> Duration {
    let folder = folder();
    {
        let (started, workers) = counting(&folder, &["--grace", grace]);
        for worker in &workers {
            worker.signal(Signal::STOP);
        }
        let begun = Instant::now();
        started.signal(Signal::INT);
        let done = started.finish();
        let took = begun.elapsed();
        assert_eq!(done.code(), 130);
        gone(&workers);
        assert_eq!(names_in(&folder), ["zeros.bin"]);
        took
    }
}

#[test]
fn lines_that_were_printed_stay_when_the_program_is_interrupted() {
    let folder = folder();
    // More than the pipe holds, so that it cannot be done before the signal comes.
    let path = zeros(&folder, 1_000_000, 5);
    for (mode, line) in [("sync", "5\n"), ("async", "\t5\n")] {
        let call = mpexec(["count-range", "--min", "0", "--output", "-", "--mode", mode, "--workers", "2"]);
        let mut started = call.arg(&path).start();
        let first = started.line();
        assert!(first.ends_with(line), "{first}");
        started.signal(Signal::INT);
        let done = started.finish();
        assert_eq!(done.code(), 130);
        assert!(done.text().ends_with(line), "half a line at the end");
        let told = done.stderr.trim_end().replace(',', "");
        let counted = told.strip_prefix("interrupted: ").and_then(|told| told.strip_suffix(" rows counted"));
        let (counted, _) = counted.and_then(|told| told.split_once(" of ")).expect("the message");
        // What ran came to its end in good order, so that nothing that was counted is missing.
        assert_eq!((1 + done.text().lines().count()).to_string(), counted, "{mode}");
    }
}

#[test]
fn a_reader_that_does_not_read_cannot_hold_the_program() {
    let folder = folder();
    let path = zeros(&folder, 1_000_000, 5);
    // The second time its message has to go through the same full pipe.
    for redirection in ["", "2>&1"] {
        let script = format!("exec \"$0\" count-range --min 0 --output - \"$1\" {redirection}");
        let call = program("sh").args(["-c", &script]).arg(programs().join("mpexec"));
        let mut started = call.arg(&path).start();
        started.line();
        let workers = started.workers(1);
        started.signal(Signal::INT);
        assert!(started.ends(), "{redirection}");
        assert_eq!(started.finish().code(), 130);
        gone(&workers);
    }
}

#[test]
fn a_program_started_to_ignore_a_signal_goes_on_ignoring_it() {
    let folder = folder();
    let path = zeros(&folder, 1_000_000, 5);
    for (name, signal) in [("HUP", Signal::HUP), ("INT", Signal::INT)] {
        let script = format!("trap '' {name}; exec \"$0\" count-range --min 0 --output - \"$1\"");
        let call = program("sh").args(["-c", &script]).arg(programs().join("mpexec"));
        let mut started = call.arg(&path).start();
        let first = started.line();
        started.signal(signal);
        let done = started.finish();
        assert_eq!((first.as_str(), done.code(), done.stderr.as_str()), ("5\n", 0, ""), "{name}");
        assert_eq!(done.text().lines().count(), 999_999);
    }
}

#[test]
fn a_signal_before_the_work_begins_ends_the_program_too() {
    let folder = folder();
    // A worker program that never says a word.
    let silent = folder.path().join("silent");
    crate::common::files::write_script(&silent, "exec sleep 1000");
    let call =
        mpexec(["count-range", "--workers", "1"]).arg(zeros(&folder, 1000, 5)).arg("--worker-program").arg(&silent);
    let started = call.start();
    let workers = started.workers(1);
    started.signal(Signal::INT);
    assert!(started.ends());
    // What never became a worker cannot know that it should end; and it holds our standard output.
    for stranger in workers {
        stranger.signal(Signal::KILL);
    }
    let done = started.finish();
    assert_eq!(done.code(), 130);
    assert_eq!(done.stderr, "interrupted before any row was counted\n");
}

#[test]
fn a_signal_to_a_whole_pipeline_is_no_reader_that_left() {
    let folder = folder();
    let path = endless(&folder);
    for mode in ["sync", "async"] {
        for _ in 0..4 {
            let call = mpexec(["count-range", "--workers", "2", "--output", "-", "--mode", mode]).arg(&path);
            let mut counting = call.in_group_of(None).start();
            let reader = program("cat").stdin(counting.hand_on_stdout()).stdout(std::process::Stdio::null());
            let reader = reader.in_group_of(Some(&counting)).start();
            counting.workers_on(&path, 1);
            counting.held().signal_group(Signal::INT);
            let done = counting.finish();
            assert!(done.code() == 130 && done.stderr.starts_with("interrupted: "), "{mode}: {}", done.stderr);
            drop(reader);
        }
    }
}

#[test]
fn a_terminal_that_is_gone_ends_the_program_as_a_hangup() {
    for grace in ["2s", "0"] {
        let folder = folder();
        let path = endless(&folder);
        let (terminal, theirs) = crate::common::terminal::pair();
        // It leads a session with this terminal, as a shell's programs do, and speaks to it alone.
        let script =
            "exec setsid --ctty \"$0\" count-range --grace \"$2\" --workers 2 --output out.npy \"$1\" >&0 2>&0";
        let call = program("sh").args(["-c", script]).arg(programs().join("mpexec")).arg(&path).arg(grace);
        let started = call.stdin(theirs).in_folder(folder.path()).start();
        let workers = started.workers_on(&path, 2);
        drop(terminal);
        assert_eq!(started.finish().code(), 129);
        gone(&workers);
        assert_eq!(names_in(&folder), ["zeros.bin"]);
    }
}

#[test]
fn a_terminal_that_is_gone_and_was_nobodys_is_an_output_that_cannot_be_written() {
    let folder = folder();
    let path = zeros(&folder, 1_000_000, 5);
    let (mut terminal, theirs) = crate::common::terminal::pair();
    let started =
        mpexec(["count-range", "--min", "0", "--output", "-", "--workers", "2"]).arg(&path).stdout(theirs).start();
    let mut line = [0; 3];
    std::io::Read::read_exact(&mut terminal, &mut line).unwrap();
    assert_eq!(&line, b"5\r\n");
    let workers = started.workers(1);
    drop(terminal);
    assert!(started.finish().fault(3).starts_with("standard output: cannot be written: "));
    gone(&workers);
}

#[test]
fn a_reader_that_leaves_after_the_signal_changes_nothing() {
    let folder = folder();
    let path = zeros(&folder, 1_000_000, 5);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let call = mpexec(["count-range", "--min", "0", "--output", "-", "--workers", "2"]);
        let mut started = call.arg(&path).start();
        started.line();
        started.signal(signal);
        started.close_stdout();
        let done = started.finish();
        assert_eq!((done.code(), done.stderr.lines().count()), (code, 1), "{}", done.stderr);
    }
}

#[test]
fn two_signals_leave_no_half_of_a_line() {
    let folder = folder();
    let path = zeros(&folder, 1_000_000, 5);
    for mode in ["sync", "async"] {
        let call = mpexec(["count-range", "--min", "0", "--output", "-", "--mode", mode, "--workers", "2"]);
        let mut started = call.arg(&path).start();
        let first = started.line();
        started.held().takes(Signal::INT);
        started.signal(Signal::TERM);
        // Nobody reads before its end, so it is ended in the middle of a write.
        assert!(started.ends());
        let done = started.finish();
        assert_eq!(done.code(), 130, "{}", done.stderr);
        assert!(first.ends_with("5\n") && done.text().ends_with('\n'), "{mode}: half a line");
    }
}

#[test]
fn no_worker_outlives_a_program_that_is_ended_while_it_starts_them() {
    let folder = folder();
    let path = endless(&folder);
    for children in [0, 1, 2, 3, 4] {
        for round in 0..2 {
            let mark = format!("{}-{children}-{round}", std::process::id());
            let call = mpexec(["count-range", "--workers", "4"]).arg(&path).env("MPEXEC_TEST_MARK", &mark);
            let started = call.start();
            assert!(started.held().catches(Signal::TERM));
            started.workers(children);
            started.signal(Signal::TERM);
            let done = started.finish();
            assert_eq!(done.code(), 143, "{children}: {}", done.stderr);
            wait_until("nobody is left", || marked(&format!("MPEXEC_TEST_MARK={mark}")).is_empty());
            assert!(done.stderr.starts_with("terminated"), "{}", done.stderr);
        }
    }
}

#[test]
fn the_workers_pause_and_go_on_with_the_program() {
    let folder = folder();
    let path = zeros(&folder, 600_000, 5);
    for transport in ["shm", "socket"] {
        let call = mpexec(["count-range", "--min", "0", "--output", "-", "--workers", "2", "--transport", transport]);
        let mut started = call.arg(&path).in_group_of(None).start();
        // Nobody reads on, so it cannot be done before it is paused.
        let first = started.line();
        let workers = started.workers(2);
        started.held().signal_group(Signal::TSTP);
        for process in workers.iter().chain([started.held()]) {
            assert!(process.stops(), "{} goes on, {transport}", process.pid);
        }
        started.held().signal_group(Signal::CONT);
        let done = started.finish();
        assert_eq!((first.as_str(), done.code(), done.stderr.as_str()), ("5\n", 0, ""));
        assert!(done.stdout.len() == 2 * 599_999 && done.stdout.chunks(2).all(|line| line == b"5\n"));
        gone(&workers);
    }
}
