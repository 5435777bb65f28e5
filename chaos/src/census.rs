//! What this process has: children, threads, descriptors and shared mappings, each by what it is, as the kernel lists them.
//!
//! The first census is taken when nothing of any pool can be left, so that every later one can be held to it exactly. What is
//! more than was is *left behind* only when it has come to rest: as long as a process or thread of it does anything, or is about
//! to, it may yet go away by itself.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::patience::Patience;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(2);
/// Longer than whatever a pool may wait for without a sign of life: the longest limit of a task is four seconds, and while
/// it runs the supervisor looks at it.
const RESTS: Duration = Duration::from_secs(6);
/// Whatever goes on for so long is left behind too.
const GOES_ON: Duration = Duration::from_secs(90);

/// The thread that watches; no part of what is watched.
pub(crate) const WATCHDOG: &str = "watchdog";

/// All that must not grow, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census(BTreeSet<String>);

impl fmt::Display for Census {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self.0.iter().map(String::as_str).collect();
        out.write_str(&if lines.is_empty() { "nothing".to_owned() } else { lines.join("; ") })
    }
}

/// What is not as it was.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) more: Census,
    pub(crate) less: Census,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.less.0.is_empty() {
            true => write!(out, "left behind: {}", self.more),
            false => write!(out, "left behind: {}; taken away, and not the pool's: {}", self.more, self.less),
        }
    }
}

impl Census {
    /// # Errors
    /// The system does not list what there is.
    pub(crate) fn take() -> io::Result<Census> {
        let mut found = BTreeSet::new();
        for pid in children()? {
            found.insert(format!("process {pid} ({})", word(&format!("/proc/{pid}/comm"))));
        }
        let own = std::process::id().to_string();
        for thread in names_in("/proc/self/task")? {
            // The first thread is the one that looks.
            if thread != own {
                found.insert(format!("thread {thread} ({})", word(&format!("/proc/self/task/{thread}/comm"))));
            }
        }
        for number in names_in("/proc/self/fd")? {
            let Ok(what) = fs::read_link(format!("/proc/self/fd/{number}")) else { continue };
            // That through which this list is read.
            if what != Path::new(&format!("/proc/{own}/fd")) {
                found.insert(format!("descriptor {number} ({})", what.display()));
            }
        }
        for line in fs::read_to_string("/proc/self/maps")?.lines().filter(|line| is_shared(line)) {
            found.insert(format!("mapping {line}"));
        }
        Ok(Census(found))
    }

    /// The census of a process in which no pool is left: it has no child, no shared mapping, and no thread but those of
    /// these names. Waits until it is so.
    ///
    /// # Errors
    /// What there is that should not be, or why nobody can tell.
    pub(crate) fn of_rest(threads: &[&str]) -> Result<Census, String> {
        let is_known = |line: &str| {
            line.starts_with("descriptor ")
                || threads.iter().any(|name| line.starts_with("thread ") && line.ends_with(&format!("({name})")))
        };
        let too_much = |now: &Census| Census(now.0.iter().filter(|line| !is_known(line)).cloned().collect());
        let now = wait_until(|now| too_much(now).0.is_empty()).map_err(|error| error.to_string())?;
        let over = too_much(&now);
        if over.0.is_empty() { Ok(now) } else { Err(format!("pools that have ended left behind: {over}")) }
    }

    /// Waits until all is as it was; the difference, if that does not come.
    ///
    /// # Errors
    /// The system does not list what there is.
    pub(crate) fn is_again(&self) -> io::Result<Option<Difference>> {
        let now = wait_until(|now| now == self)?;
        let beyond = |these: &Census, those: &Census| Census(these.0.difference(&those.0).cloned().collect());
        Ok((now != *self).then(|| Difference { more: beyond(&now, self), less: beyond(self, &now) }))
    }
}

/// The census at last: `enough` of it, or all that has come to rest.
fn wait_until(enough: impl Fn(&Census) -> bool) -> io::Result<Census> {
    let (mut rests, mut all) = (Patience::new(), Patience::new());
    let mut before = (Census::default(), Vec::new());
    loop {
        let now = Census::take()?;
        if enough(&now) {
            return Ok(now);
        }
        let signs = (now, signs_of_life());
        if signs != before || signs.1.iter().any(|sign| is_about_to(sign)) {
            rests.again();
            before = signs;
        }
        if rests.look() >= RESTS || all.look() >= GOES_ON {
            return Ok(before.0);
        }
        thread::park_timeout(LOOK);
    }
}

/// What the threads of this process and of its children have done so far: state, and how often each has given up a processor.
fn signs_of_life() -> Vec<String> {
    let own = std::process::id();
    let mut signs = Vec::new();
    for pid in children().unwrap_or_default().into_iter().chain([own]) {
        for thread in names_in(&format!("/proc/{pid}/task")).unwrap_or_default() {
            // This very thread is always about something.
            let comm = word(&format!("/proc/{pid}/task/{thread}/comm"));
            if pid == own && (thread == own.to_string() || comm == WATCHDOG) {
                continue;
            }
            let status = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status")).unwrap_or_default();
            let told = status.lines().filter(|line| line.starts_with("State:") || line.contains("ctxt_switches:"));
            signs.push(format!("{pid} {thread} {}", told.collect::<Vec<_>>().join(" ")));
        }
    }
    signs
}

/// Runs, or waits for a processor or a disk.
fn is_about_to(sign: &str) -> bool {
    sign.contains("State:\tR") || sign.contains("State:\tD")
}

/// Memory that other processes may see, and what was passed to this one as such.
fn is_shared(line: &str) -> bool {
    line.contains("memfd:") || line.split_whitespace().nth(1).is_some_and(|mode| mode.ends_with('s'))
}

fn names_in(folder: &str) -> io::Result<Vec<String>> {
    Ok(fs::read_dir(folder)?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

fn word(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// Children of this process, those that nobody waited for included.
///
/// # Errors
/// The system does not list processes.
pub(crate) fn children() -> io::Result<Vec<u32>> {
    let own = std::process::id();
    let pids = names_in("/proc")?.into_iter().filter_map(|name| name.parse().ok());
    Ok(pids.filter(|pid| parent_of(*pid) == Some(own)).collect())
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
    let all = names_in("/proc/self/task").unwrap_or_default();
    let about = |thread: &String, what: &str| word(&format!("/proc/self/task/{thread}/{what}"));
    let told = all.iter().map(|thread| format!("{} ({})", about(thread, "comm"), about(thread, "wchan")));
    told.collect::<Vec<_>>().join(", ")
}
