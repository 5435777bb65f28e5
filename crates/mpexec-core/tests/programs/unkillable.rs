//! A worker that this process may not kill and that no guard kills either, because a task has put another program in its place.
//!
//! It may not be killed because the kernel refuses it to the threads of this very pool, as it would if the other program had become another user's.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use mpexec_core::{Exit, Process, TaskError};

use crate::common::processes::{alive, children, kill};
use crate::common::{LINKS, Scratch, Watchdog, open, pool, wait_until};
use crate::refusing::refuse;

/// Three seconds, and what a slow and busy machine needs; far below the hour that it would last.
const GIVEN_UP: Duration = Duration::from_secs(200);

fn becomes_another_program(gate: String) {
    open(&gate);
    // The worker's socket is closed with its program, and the guard is gone.
    let error = Command::new("sleep").arg("3600").exec();
    panic!("{error}");
}

#[test]
fn one_that_may_not_be_killed_and_has_no_guard_any_more_is_given_up_and_goes_on_alone() {
    let _watchdog = Watchdog::new();
    for link in LINKS {
        // The thread that starts processes is there, and nothing is refused to it nor to them.
        assert_eq!(pool(link, 1).apply(|n: u8| n, (1,)).unwrap(), 1);
        let began = Scratch::new();
        let (pid, ended, exit) = std::thread::scope(|scope| {
            let run = || {
                refuse(libc::SYS_kill, libc::EPERM);
                refuse(libc::SYS_pidfd_send_signal, libc::EPERM);
                let process = Process::builder().transport(link).spawn(becomes_another_program, (began.text(),));
                let mut process = process.unwrap();
                wait_until("it is about to be another program", || began.is_open());
                let since = Instant::now();
                let ended = process.join();
                assert!(since.elapsed() < GIVEN_UP, "{:?} on {link:?}", since.elapsed());
                (process.pid(), ended, process.exit_status())
            };
            scope.spawn(run).join().unwrap()
        });
        let Err(TaskError::Crashed { stderr, .. }) = &ended else { panic!("{ended:?} on {link:?}") };
        assert!(stderr.contains("the system has not ended it within 3s of its kill"), "{stderr:?} on {link:?}");
        assert_eq!(exit, Some(Exit::Signal(9)), "{ended:?} on {link:?}");
        assert!(alive(pid), "nobody could kill it");
        assert_eq!(pool(link, 1).apply(|n: u8| n, (2,)).unwrap(), 2);
        kill(pid);
        wait_until("it is reaped when it has ended", || !children().contains(&pid));
    }
}
