//! A child process, held by its pidfd: no pid can be mistaken for another, also after it was reaped.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, pidfd_send_signal,
    test_kill_process, waitid,
};

use super::family::Listed;
use crate::error::Exit;

/// See the head of this file. Dropping it neither kills nor waits.
#[derive(Debug)]
pub(crate) struct ChildProcess {
    pid: Pid,
    pidfd: OwnedFd,
    exit: Option<Exit>,
    /// It is over, and somebody traces it who has not taken note of that: until then it cannot be reaped.
    traced: bool,
    listed: Option<Listed>,
}

impl ChildProcess {
    /// Takes charge of a child that was just started and not waited for.
    #[cfg(test)]
    pub(crate) fn adopt(pid: u32) -> io::Result<ChildProcess> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(ChildProcess::held_by(pid, pidfd_open(pid, PidfdFlags::empty())?))
    }

    /// Takes charge of a child whose descriptor this is.
    pub(super) fn held_by(pid: Pid, pidfd: OwnedFd) -> ChildProcess {
        ChildProcess { pid, pidfd, exit: None, traced: false, listed: None }
    }

    /// Has it listed among the children of this process, until its end.
    pub(crate) fn list_as(&mut self, name: String) {
        self.listed = Some(Listed::new(self.pid(), name));
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Sends a signal to the process alone.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        match self.exit {
            Some(_) => Ok(()),
            None => Ok(pidfd_send_signal(&self.pidfd, signal)?),
        }
    }

    /// SIGKILL to the process and to everything in its group. `false`: this process, or the calling thread, may not kill it: one of
    /// both has become another user's.
    pub(crate) fn kill_group(&self) -> bool {
        if self.exit.is_some() {
            return true;
        }
        self.kill_members();
        pidfd_send_signal(&self.pidfd, Signal::KILL) != Err(rustix::io::Errno::PERM)
    }

    /// SIGKILL to everything in its group, also when the process itself was reaped.
    fn kill_members(&self) {
        match super::pidfd::kill_group(self.pidfd.as_fd()) {
            Ok(()) => {}
            // The good case: nobody is left.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
            Err(_) => self.kill_members_by_number(),
        }
    }

    /// The same where the kernel cannot do it by the descriptor. Before the process is reaped its number is no other's. When somebody
    /// else has reaped it, the number may be that of another process, and then nobody of its group is left: the kernel gives
    /// no number anew that a group has. So it is a stranger's group only if in this very moment the number goes once around.
    fn kill_members_by_number(&self) {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let own = match waitid(WaitId::PidFd(self.pidfd.as_fd()), look) {
            Ok(_) => true,
            Err(_) => test_kill_process(self.pid) == Err(rustix::io::Errno::SRCH),
        };
        if own {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
    }

    /// The processor time that it has used, all its threads together; not that of its own children.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        // Before the process is reaped its number is no other's.
        self.exit.is_none().then(|| super::clocks::cpu_time(self.pid)).flatten()
    }

    /// From now on it is refused memory of its own beyond so many bytes; if less was allowed already, that stands.
    pub(crate) fn limit_memory(&self, bytes: u64) -> io::Result<()> {
        super::memory::limit(self.pid, bytes)
    }

    /// How it ended, if it has: kills what is left of its group, then reaps it.
    pub(crate) fn try_wait(&mut self) -> Option<Exit> {
        if self.exit.is_some() {
            return self.exit;
        }
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::PidFd(self.pidfd.as_fd()), look) {
            // Its tracer, a debugger or a process that it has started itself, is to know first. Nobody waits for that.
            Ok(None) if self.is_over() && matches!(waitid(WaitId::PidFd(self.pidfd.as_fd()), look), Ok(None)) => {
                self.listed = None;
                self.kill_members();
                (self.traced, self.exit) = (true, Some(self.exit_of_reaped()));
            }
            Ok(None) => return None,
            Ok(Some(_)) => {
                // Before its number can be another's.
                self.listed = None;
                self.kill_members();
                let reap = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
                let status = waitid(WaitId::PidFd(self.pidfd.as_fd()), reap).ok().flatten();
                self.exit = Some(match status {
                    Some(status) if status.exited() => Exit::Code(status.exit_status().unwrap_or(0)),
                    Some(status) => status.terminating_signal().map_or(Exit::Unknown, Exit::Signal),
                    None => self.exit_of_reaped(),
                });
            }
            // Reaped by somebody else, or the host program ignores SIGCHLD.
            Err(rustix::io::Errno::CHILD) if self.is_over() => {
                self.listed = None;
                self.kill_members();
                self.exit = Some(self.exit_of_reaped());
            }
            Err(_) => return None,
        }
        self.exit
    }

    /// As [`try_wait`](ChildProcess::try_wait), and whether it is reaped too: `false` while its tracer has not taken note of its end.
    pub(crate) fn is_reaped(&mut self) -> bool {
        let reap = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        self.try_wait().is_some()
            && !(self.traced && matches!(waitid(WaitId::PidFd(self.pidfd.as_fd()), reap), Ok(None)))
    }

    /// One that is left to its tracer, by another descriptor: this one may be watched, and says without end that the child is over.
    pub(crate) fn unwatched(self) -> io::Result<ChildProcess> {
        if !self.traced {
            return Ok(self);
        }
        let pidfd = pidfd_open(self.pid, PidfdFlags::empty())?;
        Ok(ChildProcess { pidfd, ..self })
    }

    /// That it is gone is known; how, only to a kernel that keeps it.
    fn exit_of_reaped(&self) -> Exit {
        super::pidfd::exit_of_reaped(self.pidfd.as_fd()).unwrap_or(Exit::Unknown)
    }

    /// Whether the pidfd says that the process is over.
    fn is_over(&self) -> bool {
        self.wait_over(Some(Duration::ZERO))
    }

    /// Waits until the process is over (it is not reaped by this); `false` when the time was up first.
    pub(crate) fn wait_over(&self, limit: Option<Duration>) -> bool {
        let deadline = limit.map(|limit| std::time::Instant::now() + limit);
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(std::time::Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
            match poll(&mut fds, left.as_ref()) {
                Ok(0) => return false,
                Ok(_) => return true,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }
}

impl AsFd for ChildProcess {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

#[cfg(test)]
mod tests;
