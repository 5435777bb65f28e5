//! What this process has: children, threads, descriptors and shared mappings, as the kernel lists them.

use std::fmt;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(2);
/// Threads of a pool that is over, and the kernel's own accounts, may need a moment.
const SETTLES: Duration = Duration::from_secs(20);

/// All that must not grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Census {
    children: usize,
    threads: usize,
    descriptors: usize,
    mappings: usize,
}

impl fmt::Display for Census {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Census { children, threads, descriptors, mappings } = self;
        write!(out, "{children} children, {threads} threads, {descriptors} descriptors, {mappings} shared mappings")
    }
}

impl Census {
    fn take() -> Census {
        let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let count = |folder: &str| fs::read_dir(folder).map_or(0, Iterator::count);
        Census {
            children: children(),
            threads: count("/proc/self/task"),
            descriptors: count("/proc/self/fd"),
            mappings: maps.lines().filter(|line| line.contains("memfd:")).count(),
        }
    }

    /// What there is once nothing changes any more.
    pub(crate) fn settled() -> Census {
        let (mut last, mut same) = (Census::take(), 0);
        while same < 20 {
            thread::park_timeout(LOOK);
            let now = Census::take();
            same = if now == last { same + 1 } else { 0 };
            last = now;
        }
        last
    }

    /// Waits until all is as it was.
    ///
    /// # Errors
    /// What there is instead.
    pub(crate) fn is_again(&self) -> Result<(), Census> {
        let deadline = Instant::now() + SETTLES;
        loop {
            let now = Census::take();
            if now == *self {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(now);
            }
            thread::park_timeout(LOOK);
        }
    }
}

/// Children of this process, those that nobody waited for included.
fn children() -> usize {
    let own = std::process::id();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| parent_of(*pid) == Some(own)).count()
}

/// The parent of a process, if that is there.
pub(crate) fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    stat.get(stat.rfind(')')? + 2..)?.split(' ').nth(1)?.parse().ok()
}

/// Memory of this process that no file backs, in bytes.
pub(crate) fn anonymous_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// The threads of this process, each with where it waits in the kernel.
pub(crate) fn threads() -> String {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let read = |path| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let told = tasks.map(|task| format!("{} ({})", read(task.path().join("comm")), read(task.path().join("wchan"))));
    told.collect::<Vec<_>>().join(", ")
}
