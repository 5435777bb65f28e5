//! Who is there: processes, threads, descriptors, mappings and files, as the kernel lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

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
    /// What this process has mapped that has a name: memory files, and files. How often each is there. Memory without a name is that of heap
    /// and stacks: the allocator and the C library keep what is free again, so it is judged by its sum ([`anonymous_memory`]).
    pub mappings: BTreeMap<String, usize>,
    /// Files in the folder where it runs and so do its workers (a core dump would be one), in the folder for temporary files, in the user's
    /// runtime folder, and shared memory that has a name. Of a folder that others use too, only what is ours by its name.
    pub files: BTreeSet<PathBuf>,
}

impl Census {
    /// Counts all.
    pub fn take() -> Census {
        Census {
            children: children().len(),
            threads: threads().len(),
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
            mappings: mappings(),
            files: files(),
        }
    }
}

impl fmt::Display for Census {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mappings: usize = self.mappings.values().sum();
        let Census { children, threads, descriptors, files, .. } = self;
        write!(
            out,
            "{children} children, {threads} threads, {descriptors} descriptors, {mappings} mappings with a name, {} files",
            files.len()
        )
    }
}

fn mappings() -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
        // Range, rights, offset, device, inode; a name may have blanks.
        let mut rest = line;
        for _ in 0..5 {
            rest = rest.trim_start().split_once(' ').map_or("", |(_, rest)| rest);
        }
        if !rest.trim().is_empty() {
            *found.entry(rest.trim().to_owned()).or_default() += 1;
        }
    }
    found
}

fn files() -> BTreeSet<PathBuf> {
    let here = std::env::current_dir().unwrap();
    let mut found: BTreeSet<PathBuf> = entries(&here).collect();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    for folder in [Some(std::env::temp_dir()), runtime, Some("/dev/shm".into())].into_iter().flatten() {
        let own = folder.starts_with(&here);
        found.extend(entries(&folder).filter(|path| own || is_ours(path)));
    }
    found
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Whether this process has made it, by its name.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let own = std::process::id().to_string();
    name.contains("mpexec") && name.split(|letter: char| !letter.is_ascii_digit()).any(|number| number == own)
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
