//! Who is started is safe from the first moment on; a forked child of a process that has started children starts its own.
#![expect(unsafe_code, reason = "fork, as a user's program may do it")]

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process};

use super::{Bell, ChildProcess, spawn};
use crate::error::Exit;

fn started(command: Command) -> std::io::Result<ChildProcess> {
    let bell = Arc::new(Bell::new().unwrap());
    spawn(command, bell.clone()).and_then(|spawning| {
        poll(&mut [PollFd::new(&*bell, PollFlags::IN)], None)?;
        spawning.take().unwrap()
    })
}

/// Starts a program and waits for it.
fn start() -> bool {
    started(Command::new("true")).is_ok_and(|mut child| {
        assert!(child.wait_over(Some(Duration::from_secs(20))));
        child.try_wait() == Some(Exit::Code(0))
    })
}

#[test]
fn who_asks_for_the_status_does_not_end_a_child_that_has_done_nothing_yet() {
    // It never does anything about signals: what holds for it holds for a worker before its first step.
    let mut command = Command::new("sleep");
    command.arg("3600").process_group(0);
    let mut child = started(command).unwrap();
    let pid = Pid::from_raw(child.pid().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::USR1).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.pid())).unwrap();
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap();
    let pending = u64::from_str_radix(pending.trim(), 16).unwrap();
    assert_eq!(pending & 1 << (libc::SIGUSR1 - 1), 1 << (libc::SIGUSR1 - 1), "it waits: {status}");
    assert_eq!(child.try_wait(), None);
    child.kill_group();
    assert!(child.wait_over(Some(Duration::from_secs(20))));
}

#[test]
fn a_forked_child_starts_processes_of_its_own_and_so_does_its_child() {
    assert!(start());
    // SAFETY: the child calls nothing but what this test is about, whose locks no other thread of this program
    // holds for longer than an instant, and leaves by `_exit` without a look at the rest of the program.
    let forked = unsafe { libc::fork() };
    if forked == 0 {
        // SAFETY: as above.
        let forked = unsafe { libc::fork() };
        let well = match forked {
            0 => start() && start(),
            _ => ended_well(forked) && start(),
        };
        // SAFETY: it does not return and runs nothing of the program that was forked.
        unsafe { libc::_exit(i32::from(!well)) };
    }
    assert!(ended_well(forked));
    assert!(start());
}

fn ended_well(pid: libc::pid_t) -> bool {
    let Ok(mut child) = ChildProcess::adopt(pid.unsigned_abs()) else { return false };
    let over = child.wait_over(Some(Duration::from_secs(20)));
    if !over {
        child.kill_group();
    }
    over && child.try_wait() == Some(Exit::Code(0))
}
