//! Other processes, seen from outside: which there are, and when they end.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

/// A process held by a descriptor, so that nothing else is ever mistaken for it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) pid: u32,
    descriptor: OwnedFd,
}

impl Held {
    /// Holds the process with this id; `None` if it has ended.
    pub(crate) fn new(pid: u32) -> Option<Held> {
        let descriptor = pidfd_open(pid_of(pid), PidfdFlags::empty()).ok()?;
        Some(Held { pid, descriptor })
    }

    /// Waits until the process has ended; `false` if the time was up first.
    pub(crate) fn ends_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).expect("a short time");
            match poll(&mut [PollFd::new(&self.descriptor, PollFlags::IN)], Some(&left)) {
                Ok(0) => return false,
                Ok(_) => return true,
                Err(Errno::INTR) => {}
                Err(error) => panic!("cannot wait for process {}: {error}", self.pid),
            }
        }
    }

    /// Sends a signal; one that comes too late is no error.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill_process(pid_of(self.pid), signal);
    }

    /// The words it was started with.
    pub(crate) fn words(&self) -> Vec<String> {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let words = line.split(|&byte| byte == 0).filter(|word| !word.is_empty());
        words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    /// Whether it has opened this file.
    pub(crate) fn has_open(&self, path: &Path) -> bool {
        let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", self.pid)) else {
            return false;
        };
        entries.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|open| open == path))
    }

    /// The most memory it ever had resident, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the process is alive");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kilobytes") << 10
    }
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed()).expect("a process id is positive")
}

/// The living children of a process.
pub(crate) fn children_of(parent: u32) -> Vec<Held> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = pids.filter(|&pid| parent_of(pid) == Some(parent));
    children.filter_map(Held::new).collect()
}

/// The parent of a process that is alive.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may hold anything, brackets and blanks too.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let (state, parent) = (fields.next()?, fields.next()?);
    (state != "Z" && state != "X").then(|| parent.parse().ok())?
}
