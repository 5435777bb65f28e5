//! Tasks that do to their own process what none should: close what is not theirs, come back twice.
#![expect(unsafe_code, reason = "what a careless C library does")]

use std::os::fd::AsRawFd;
use std::time::Duration;

use mpexec_core::{Exit, TaskError};

use crate::common::processes::{children, kill};
use crate::common::{Scratch, Way, builder, end_this_thread, forever, pool, wait_until};
use crate::{LINKS, alone};

/// Closes every descriptor that is none of the standard streams, as libraries do that mean well.
fn closes_all(n: u32) -> u32 {
    for fd in 3..1024 {
        // SAFETY: wrong on purpose, and in a worker: what it breaks there is what the test is about.
        unsafe { libc::close(fd) };
    }
    n + 1
}

#[test]
fn a_task_that_closes_the_workers_descriptors_ends_and_holds_nobody_up() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        for n in 0..20 {
            match pool.apply(closes_all, (n,)) {
                Ok(answer) => assert_eq!(answer, n + 1),
                Err(error) => assert!(matches!(error, TaskError::Crashed { .. }), "{error:?}"),
            }
        }
        let pool = builder(link, 2).attempts(3).build().unwrap();
        let outcomes = pool.map_outcomes(|n: u32| if n % 50 == 7 { closes_all(n) } else { n + 1 }, 0..200);
        for (n, outcome) in (0..).zip(outcomes) {
            match outcome {
                Ok(answer) => assert_eq!(answer, n + 1),
                Err(error) => assert!(n % 50 == 7 && matches!(error, TaskError::Crashed { .. }), "{n}: {error:?}"),
            }
        }
    }
}

/// Puts another file in the place of the worker's bell, as who closes what is not his and opens something.
fn replaces_the_bell(n: u32) -> u32 {
    let nowhere = std::fs::File::options().write(true).open("/dev/null").unwrap();
    for entry in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
        let is_bell = std::fs::read_link(entry.path()).is_ok_and(|file| file.to_string_lossy().contains("eventfd"));
        if let Some(fd) = entry.file_name().to_str().and_then(|fd| fd.parse().ok()).filter(|_| is_bell) {
            // SAFETY: wrong on purpose, as above.
            unsafe { libc::dup2(nowhere.as_raw_fd(), fd) };
        }
    }
    n + 1
}

#[test]
fn a_task_that_puts_another_file_in_the_place_of_the_workers_bell_holds_nobody_up_for_long() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 1).response_limit(Duration::from_millis(200)).build().unwrap();
        for n in 0..5 {
            assert_eq!(pool.apply(replaces_the_bell, (n,)).unwrap(), n + 1);
        }
        assert!(pool.map(|n: u32| n, 0..100).unwrap().into_iter().eq(0..100));
    }
}

/// The process in which it returned.
fn forks(really: bool) -> (u32, bool) {
    // SAFETY: wrong on purpose: the child has one thread of the worker's two, and returns into the worker's loop.
    let in_child = really && unsafe { libc::fork() } == 0;
    (std::process::id(), in_child)
}

#[test]
fn a_task_that_forks_and_returns_in_both_has_the_workers_answer() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        let [pid] = pool.pids()[..] else { panic!("one worker") };
        for _ in 0..20 {
            assert_eq!(pool.apply(forks, (true,)).unwrap(), (pid, false));
        }
        let all = pool.map(forks, (0..300).map(|n| n % 10 == 0)).unwrap();
        assert!(all.into_iter().all(|answer| answer == (pid, false)));
        assert_eq!(pool.pids(), [pid], "it lives on, alone");
        let panics = |n: u32| {
            // SAFETY: as above.
            assert!(n > 0 || unsafe { libc::fork() } != 0, "only in the child");
            n
        };
        assert_eq!(pool.apply(panics, (0,)).unwrap(), 0);
    }
}

/// Asks for more memory than there may be, and copes with it; `errno` says so from then on.
fn copes_with_a_refusal() {
    // SAFETY: none of it is touched.
    assert!(unsafe { libc::malloc(1000 << 20) }.is_null());
}

fn aborts_as_c_does() -> u8 {
    // SAFETY: it only ends the process.
    unsafe { libc::abort() };
}

#[test]
fn what_a_c_library_aborts_for_is_told_by_what_the_system_refused_last_since_the_task_began() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 1).memory_limit(64 << 20).build().unwrap();
        let runs_out = || {
            copes_with_a_refusal();
            aborts_as_c_does()
        };
        let error = pool.apply(runs_out, ()).unwrap_err();
        assert!(matches!(error, TaskError::OutOfMemory { had: None, .. }), "{error:?}");
        // In one batch: what one task was refused is no reason for the next.
        let task = |n: u8| {
            if n == 0 {
                copes_with_a_refusal();
                return 0;
            }
            aborts_as_c_does()
        };
        let outcomes = pool.call().chunk_size(2).map_outcomes(task, [0, 1]);
        assert!(outcomes[0].is_ok() && matches!(outcomes[1], Err(TaskError::Crashed { .. })), "{outcomes:?}");
    }
}

#[test]
fn a_signal_that_is_sent_is_no_abort_whatever_was_refused_before() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 1).memory_limit(64 << 20).build().unwrap();
        let is_sent_it = || {
            copes_with_a_refusal();
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::ABORT).unwrap();
            forever();
        };
        let error = pool.apply(is_sent_it, ()).unwrap_err();
        assert!(matches!(error, TaskError::Crashed { .. }), "{error:?}");
    }
}

#[test]
fn a_task_that_ends_its_thread_alone_has_an_outcome_that_says_so() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 1).response_limit(Duration::from_millis(400)).build().unwrap();
        let ended = pool.apply(end_this_thread, ());
        let Err(TaskError::Crashed { exit, stderr, .. }) = ended else { panic!("{ended:?}") };
        assert!(exit == Exit::Signal(9) && stderr.contains("the thread that ran its tasks has ended"), "{stderr:?}");
        assert_eq!(pool.apply(|n: u8| n, (3,)).unwrap(), 3);
    }
}

/// Has a process trace this one that never takes note of anything, and tells which; then dies.
fn dies_under_a_tracer(told: String, how: Way) {
    // SAFETY: the child makes system calls alone, and waits for ever.
    let tracer = unsafe { libc::fork() };
    if tracer == 0 {
        // SAFETY: numbers and null pointers; no memory of anybody's is touched.
        unsafe {
            // The kill of the worker's group is not to end it.
            libc::setsid();
            let parent = libc::getppid();
            if libc::ptrace(libc::PTRACE_SEIZE, parent, 0, 0) != 0 {
                libc::_exit(1);
            }
            loop {
                libc::pause();
            }
        }
    }
    let traced = || std::fs::read_to_string("/proc/self/status").unwrap().contains(&format!("TracerPid:\t{tracer}\n"));
    // Where a child may not trace its parent, it is gone.
    let mut status = 0;
    // SAFETY: it writes to where the pointer points, which lives for the call.
    while !traced() && unsafe { libc::waitpid(tracer, &raw mut status, libc::WNOHANG) } == 0 {
        std::thread::yield_now();
    }
    let draft = format!("{told}.draft");
    std::fs::write(&draft, if traced() { tracer.to_string() } else { "0".to_owned() }).unwrap();
    std::fs::rename(&draft, &told).unwrap();
    how.die();
}

#[test]
fn a_worker_that_somebody_traces_who_takes_no_note_of_its_end_is_buried_and_its_call_ends() {
    let _alone = alone();
    for link in LINKS {
        for how in [Way::Exits(3), Way::Killed] {
            let pool = pool(link, 1);
            let told = Scratch::new();
            let ended = pool.apply(dies_under_a_tracer, (told.text(), how));
            let tracer: u32 = std::fs::read_to_string(told.path()).unwrap().parse().unwrap();
            if tracer == 0 {
                crate::common::skipped("no child may trace its parent here");
                return;
            }
            let Err(TaskError::Crashed { pid, exit, .. }) = ended else { panic!("{ended:?}") };
            // The kernel may know how it ended, or not yet.
            assert!(exit == Exit::Unknown || exit == how.exit(), "{exit:?}");
            assert_eq!(pool.apply(|n: u8| n, (3,)).unwrap(), 3);
            pool.close();
            pool.join().unwrap();
            assert_eq!(children(), [pid], "it waits for its tracer alone");
            kill(tracer);
            wait_until("it is reaped", || children().is_empty());
        }
    }
}
