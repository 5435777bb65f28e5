//! Who is there: processes, threads, descriptors and mappings, as the kernel lists them.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// All that must not grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) children: usize,
    pub(crate) threads: usize,
    pub(crate) descriptors: usize,
    pub(crate) shared_mappings: usize,
}

impl Census {
    pub(crate) fn take() -> Census {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        Census {
            children: children().len(),
            threads: threads().len(),
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
            shared_mappings: maps.lines().filter(|line| line.contains("memfd:")).count(),
        }
    }
}

/// The names of this process's threads.
pub(crate) fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks.filter_map(|task| Some(fs::read_to_string(task.path().join("comm")).ok()?.trim_end().to_owned())).collect()
}

/// The state letter, parent and group of a process, if it is there.
fn stat(pid: u32) -> Option<(char, u32, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let mut fields = stat[stat.rfind(')')? + 2..].split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Whether a process runs: one that has ended and was not waited for does not.
pub(crate) fn alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, ..)| state != 'Z' && state != 'X')
}

/// Whether a process is stopped.
pub(crate) fn stopped(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, ..)| state == 'T')
}

/// Children of this process, those that nobody waited for included.
pub(crate) fn children() -> Vec<u32> {
    let own = std::process::id();
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, parent, _)| parent == own)).collect()
}

/// Memory of this process that no file backs, in bytes.
pub(crate) fn anonymous_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // It may be gone already.
    let _ = kill_process(pid, signal);
}

pub(crate) fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}
