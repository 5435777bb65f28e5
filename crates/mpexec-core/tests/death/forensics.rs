//! What is told of a death beyond pid and exit: what it ran, for how long, and where in its code it was.

#![expect(unsafe_code, reason = "code that is wrong, to be told where")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use mpexec_core::{CrashBacktrace, Exit, Pool, Process, TaskError};
use rustix::process::{Signal, getpid, kill_process};

use crate::common::Way;
use crate::common::{at_some_pace, pool, spin};
use crate::{LINKS, alone};

#[inline(never)]
fn reads_what_is_not_there(address: usize) -> u8 {
    // SAFETY: none: it is wrong, and ends the worker that runs it.
    unsafe { std::ptr::read_volatile(black_box(address) as *const u8) }
}

#[inline(never)]
fn calls_what_is_not_there(address: usize) -> u8 {
    // SAFETY: none: it is wrong, and ends the worker that runs it.
    let function: extern "C" fn() -> u8 = unsafe { std::mem::transmute(black_box(address)) };
    function() + 1
}

/// Return addresses, saved registers and all lead to nowhere when it crashes.
#[inline(never)]
fn spoils_its_stack(words: usize, aborts: bool) -> u8 {
    let mut here = 0usize;
    // SAFETY: none: it is wrong, and ends the worker that runs it.
    unsafe { std::ptr::write_bytes(&raw mut here, 0x41, black_box(words)) };
    if black_box(aborts) { gives_up(1) } else { reads_what_is_not_there(0) }
}

#[inline(never)]
fn gives_up(way: usize) -> u8 {
    if black_box(way) > 0 {
        std::process::abort();
    }
    0
}

#[inline(never)]
#[expect(unconditional_recursion, reason = "the stack is to overflow")]
fn goes_ever_deeper(depth: usize) -> u8 {
    let room = black_box([depth as u8; 4096]);
    goes_ever_deeper(depth + 1).wrapping_add(room[depth % 4096])
}

#[inline(never)]
fn ends_in_a_thread_of_its_own(address: usize) -> u8 {
    std::thread::spawn(move || reads_what_is_not_there(address)).join().unwrap()
}

/// The death of `pool`'s worker by `task`.
struct Death {
    exit: Exit,
    function: String,
    ran_for: Option<Duration>,
    backtrace: Option<CrashBacktrace>,
    error: TaskError,
}

fn death<R: std::fmt::Debug>(outcome: Result<R, TaskError>) -> Death {
    let error = outcome.unwrap_err();
    let TaskError::Crashed { exit, function, ran_for, backtrace, .. } = error.clone() else { panic!("{error:?}") };
    Death { exit, function, ran_for, backtrace, error }
}

#[test]
fn a_fault_of_the_program_is_told_with_the_function_that_did_it() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        let tell = |task: fn(&Pool) -> Result<u8, TaskError>, signal, names: &[&str]| {
            let death = death(task(&pool));
            assert_eq!(death.exit, Exit::Signal(signal), "{names:?}");
            let told = death.backtrace.expect("a backtrace").to_string();
            for name in names {
                assert!(told.contains(name), "{name} on {link:?}: {told}");
            }
            assert!(!told.contains("worker::serve"), "it ends where the task began: {told}");
            assert!(format!("{:#}", death.error).contains(names[0]));
            assert!(!death.error.to_string().contains("   0: "), "not unless asked for");
        };
        let here = "tests/death/forensics.rs:";
        tell(
            |pool| pool.apply(reads_what_is_not_there, (0,)),
            11,
            &["reads_what_is_not_there", "at address 0x0", here],
        );
        tell(|pool| pool.apply(reads_what_is_not_there, (0x10,)), 11, &["reads_what_is_not_there", "at address 0x10"]);
        tell(|pool| pool.apply(calls_what_is_not_there, (0,)), 11, &["calls_what_is_not_there", "at address 0x0"]);
        tell(|pool| pool.apply(calls_what_is_not_there, (8,)), 11, &["calls_what_is_not_there", "at address 0x8"]);
        tell(|pool| pool.apply(gives_up, (1,)), 6, &["gives_up", "SIGABRT", here]);
        tell(|pool| pool.apply(goes_ever_deeper, (0,)), 11, &["goes_ever_deeper", here]);
        tell(|pool| pool.apply(ends_in_a_thread_of_its_own, (0x20,)), 11, &["reads_what_is_not_there", "0x20"]);
    }
}

#[test]
fn a_stack_that_is_rubbish_changes_neither_the_signal_nor_the_first_name() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        for (words, aborts) in [4, 16, 64, 512].into_iter().flat_map(|words| [(words, false), (words, true)]) {
            let death = death(pool.apply(spoils_its_stack, (words, aborts)));
            // Whoever walks such a stack may well fault in turn; it is the first fault that counts.
            assert_eq!(death.exit, Exit::Signal(if aborts { 6 } else { 11 }));
            let told = death.backtrace.unwrap().to_string();
            assert!(told.contains(if aborts { "gives_up" } else { "reads_what_is_not_there" }), "{told}");
        }
    }
}

#[test]
fn a_signal_from_outside_that_means_a_fault_shows_where_the_worker_was() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        for signal in [Signal::SEGV, Signal::ABORT, Signal::BUS, Signal::FPE, Signal::ILL, Signal::TRAP, Signal::SYS] {
            let task = |number: i32| {
                kill_process(getpid(), Signal::from_named_raw(number).unwrap()).unwrap();
                crate::common::forever();
            };
            let death = death(pool.apply(task, (signal.as_raw(),)));
            assert_eq!(death.exit, Exit::Signal(signal.as_raw()));
            let told = death.backtrace.unwrap().to_string();
            assert!(told.contains("forensics"), "{signal:?}: {told}");
        }
    }
}

#[test]
fn a_death_without_a_fault_has_no_backtrace_and_says_what_was_run() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        for way in [Way::Killed, Way::Terminated, Way::Exits(0), Way::Exits(42)] {
            let death = death(pool.apply(Way::die_as_unit, (way,)));
            assert_eq!((death.exit, death.function.as_str()), (way.exit(), "mpexec_testkit::ways::Way::die_as_unit"));
            assert!(death.backtrace.is_none());
            assert!(death.error.to_string().contains("Way::die_as_unit, for "), "{}", death.error);
        }
    }
}

#[test]
fn whoever_refuses_backtraces_of_panics_gets_none_of_crashes() {
    let _alone = alone();
    for link in LINKS {
        let pool = crate::common::builder(link, 1).env("RUST_BACKTRACE", "0").build().unwrap();
        let death = death(pool.apply(gives_up, (1,)));
        assert!(death.exit == Exit::Signal(6) && death.backtrace.is_none() && death.ran_for.is_some());
    }
}

#[test]
fn how_long_a_task_had_run_is_told_to_a_few_milliseconds() {
    let _alone = alone();
    // Whoever stands still when it begins takes it for begun later.
    at_some_pace(|slower| one_that_ran(Duration::from_millis(150) * slower, Duration::from_millis(20) * slower));
}

/// One that runs for `time`, which is told with less than `off` missing.
fn one_that_ran(time: Duration, off: Duration) {
    let spins = |(n, time): (u32, Duration)| {
        if n == 700 {
            spin(time);
            Way::Killed.die();
        }
    };
    for link in LINKS {
        let pool = pool(link, 1);
        let since = Instant::now();
        let alone = death(pool.apply(spins, ((700, time),))).ran_for.unwrap();
        assert!((time..since.elapsed()).contains(&alone), "{alone:?}");
        // Behind many short ones in the same batch, for which nobody looks at a clock.
        let since = Instant::now();
        let mut ran = None;
        for outcome in pool.imap(spins, (0..1_000).map(|n| (n, time))) {
            ran = outcome.err().map(|error| death::<()>(Err(error)).ran_for.unwrap()).or(ran);
        }
        let ran = ran.unwrap();
        let most = since.elapsed();
        assert!((time - off..most).contains(&ran), "{ran:?} of {most:?}");
    }
}

#[test]
fn a_process_of_its_own_is_told_of_likewise() {
    let _alone = alone();
    let death = death(Process::spawn(gives_up, (1,)).unwrap().join());
    assert!(
        death.function.ends_with("gives_up") && death.ran_for.is_some(),
        "{:?} {:?}",
        death.function,
        death.ran_for
    );
    let backtrace = death.backtrace.unwrap();
    assert!(backtrace.to_string().contains("gives_up"));
    assert!(format!("{backtrace:#}").contains("worker::serve"), "all of it, when asked for: {backtrace:#}");
}

#[test]
fn a_forked_child_that_crashes_says_nothing_in_its_parents_name() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        let task = || {
            // SAFETY: the child does nothing but crash.
            let child = unsafe { libc::fork() };
            if child == 0 {
                reads_what_is_not_there(0);
            }
            let mut status = 0;
            // SAFETY: waits for the child, and writes a local value.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSEGV, "{status:#x}");
            Way::Exits(3).die_as_unit();
        };
        let death = death(pool.apply(task, ()));
        assert!(death.exit == Exit::Code(3) && death.backtrace.is_none());
    }
}
