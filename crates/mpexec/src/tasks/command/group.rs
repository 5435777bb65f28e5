//! The end of a command with all that it has started: they are in the worker's process group, and so is the worker, which goes on.

use std::fs;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, getpgrp, getpid, kill_process_group, pidfd_open, pidfd_send_signal};

use super::Left;

/// Asks all in the worker's group to end, but for the worker. `false`: called without a pool, the group is somebody else's, and nobody was asked.
pub(super) fn ask_to_end() -> bool {
    if getpid() != getpgrp() {
        return false;
    }
    static CAUGHT: Once = Once::new();
    CAUGHT.call_once(|| {
        // Caught and not ignored: what is ignored stays ignored in commands.
        let _ = signal_hook::flag::register(Signal::TERM.as_raw(), Arc::new(AtomicBool::new(false)));
    });
    kill_process_group(getpgrp(), Signal::TERM).is_ok()
}

/// Who starts others faster than they are found is left to the pool's limit.
const LOOKS: u32 = 100;

/// How often it is looked who is there yet.
const LOOK: Duration = Duration::from_millis(10);

/// Kills the command and all in the worker's group, but for the worker. Where the system lists no processes, the command alone.
pub(super) fn kill_all(command: &mut Child) {
    // It may be over.
    let _ = command.kill();
    kill_others();
}

/// A command has ended when it was asked to: what it has started, and was asked too, has the time that is left, and is killed then.
pub(super) fn kill_what_stays(mut left: Left) {
    while !members().is_empty() {
        if left.nap().is_some_and(|nap| nap.is_zero()) {
            kill_others();
            return;
        }
        std::thread::park_timeout(LOOK);
        left.goes(Instant::now());
    }
}

fn kill_others() {
    for _ in 0..LOOKS {
        let others = members();
        if others.is_empty() {
            return;
        }
        for process in others {
            let _ = pidfd_send_signal(&process, Signal::KILL);
        }
    }
}

/// The processes of the worker's group that go on, but for the worker: held, so that none is another by the time it is killed.
fn members() -> Vec<OwnedFd> {
    let (own, group) = (getpid(), getpgrp());
    if own != group {
        // Called without a pool: the group is somebody else's.
        return Vec::new();
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    let held = pids.filter(|pid| *pid != own && is_in(*pid, group)).filter_map(|pid| {
        let process = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        is_in(pid, group).then_some(process)
    });
    held.collect()
}

/// Whether a process is in a group, and not over.
fn is_in(pid: Pid, group: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    // Its name, in brackets, may hold anything; behind it come its state, its parent and its group.
    let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let goes_on = fields.next().is_some_and(|state| !matches!(state, "Z" | "X"));
    goes_on && fields.nth(1) == Some(group.as_raw_nonzero().to_string().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{CommandExit, CommandJob, run_command};

    #[test]
    fn without_a_pool_a_late_command_is_asked_to_end_and_nobody_else_of_the_group() {
        let mut neighbour = std::process::Command::new("sleep").arg("900").spawn().unwrap();
        let words = ["sleep", "900"].map(|word| word.as_bytes().to_vec().into()).to_vec();
        let timeout = Some(Duration::from_millis(50));
        let end = run_command(CommandJob { words, timeout, tries: 1, folder: None });
        assert_eq!(end.exit, CommandExit::TimedOut);
        assert!(neighbour.try_wait().unwrap().is_none(), "it was ended too");
        neighbour.kill().unwrap();
        neighbour.wait().unwrap();
    }
}
