//! Who is there: processes, threads, descriptors, mappings and files, as the kernel lists them.

use std::collections::BTreeMap;
use std::fs;

use crate::processes::{children, threads};
use crate::wait_until;

/// All that must not grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// Children of this process, those that nobody waited for included.
    pub children: usize,
    /// Threads of this process.
    pub threads: usize,
    /// Descriptors of this process.
    pub descriptors: usize,
    /// Memory files that this process has mapped.
    pub shared_mappings: usize,
    /// Files in the folder where it runs and so do its workers: a core dump would be one.
    pub files: usize,
}

impl Census {
    /// Counts all.
    pub fn take() -> Census {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        Census {
            children: children().len(),
            threads: threads().len(),
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
            shared_mappings: maps.lines().filter(|line| line.contains("memfd:")).count(),
            files: fs::read_dir(".").unwrap().count(),
        }
    }
}

/// The census once nothing changes any more: a worker that serves may still be in the hands of its starter.
pub fn settled() -> Census {
    let (mut last, mut same) = (Census::take(), 0);
    wait_until("the census is settled", || {
        let now = Census::take();
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same == 20
    });
    last
}

/// Waits until all is as it was before.
///
/// # Panics
/// When it does not come to that within any reasonable time; says what is there.
#[track_caller]
pub fn is_again(before: &Census) {
    let mut last = Census::take();
    let deadline = std::time::Instant::now() + crate::hangs() / 3;
    while last != *before {
        let told = (threads(), open_descriptors());
        assert!(std::time::Instant::now() < deadline, "{last:?} is not {before:?} again: {told:?}");
        std::thread::park_timeout(crate::LOOK);
        last = Census::take();
    }
}

/// What this process's descriptors lead to, and how many to each.
fn open_descriptors() -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for open in fs::read_dir("/proc/self/fd").unwrap().flatten() {
        let to = fs::read_link(open.path()).unwrap_or_default().to_string_lossy().into_owned();
        let kind = to.split(":[").next().unwrap_or_default().to_owned();
        *found.entry(kind).or_default() += 1;
    }
    found
}

/// Memory of this process that no file backs, in bytes.
pub fn anonymous_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}
