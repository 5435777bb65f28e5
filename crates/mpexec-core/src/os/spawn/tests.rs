//! A forked child of a process that has started children starts its own.
#![expect(unsafe_code, reason = "fork, as a user's program may do it")]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::{Bell, ChildProcess, spawn};
use crate::error::Exit;

/// Starts a program and waits for it.
fn start() -> bool {
    let bell = Arc::new(Bell::new().unwrap());
    let child = spawn(Command::new("true"), bell.clone()).and_then(|spawning| {
        poll(&mut [PollFd::new(&*bell, PollFlags::IN)], None)?;
        spawning.take().unwrap()
    });
    child.is_ok_and(|mut child| {
        assert!(child.wait_over(Some(Duration::from_secs(20))));
        child.try_wait() == Some(Exit::Code(0))
    })
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
