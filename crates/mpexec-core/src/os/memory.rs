//! How much memory a process has of its own, and may have; and who is to go first when the machine has none left.

use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Rlimit, prlimit};

use super::rlimits::{self, Limits, Resource};

/// Added to the score by which the kernel chooses whom it kills when memory runs out: as if the process had half of the
/// machine's memory more than it has.
const FIRST_TO_GO: i32 = 500;
/// The highest score there is.
const HIGHEST: i32 = 1000;
const SCORE: &str = "/proc/self/oom_score_adj";

/// The names of a backtrace need so much at least, and twice the length of the program where they are in it.
const NAMES: u64 = 48 << 20;

/// Lets process `pid` have no more than so many bytes in its data segment: all memory that is private and can be written, its
/// main stack excepted, whether it was touched or not. Less than that, allowed already, stands.
pub(crate) fn limit(pid: Pid, bytes: u64) -> io::Result<()> {
    let bytes = own_limit().map_or(bytes, |own| own.min(bytes));
    // It may move the wall itself, which a task can do too; but what it holds is looked at as well.
    let wall = Rlimit { current: Some(bytes), maximum: rlimits::of(Resource::RLIMIT_DATA).hard };
    Ok(prlimit(Some(pid), rustix::process::Resource::Data, wall).map(drop)?)
}

/// So many bytes this process may have in its data segment, if that is limited; its children inherit this.
pub(crate) fn own_limit() -> Option<u64> {
    let Limits { soft, hard } = rlimits::of(Resource::RLIMIT_DATA);
    soft.into_iter().chain(hard).min()
}

/// Whether this process may map so many bytes more, where that is limited (`ulimit -v`).
pub(crate) fn has_addresses_for(bytes: usize) -> bool {
    !addresses_are_limited() || Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
}

pub(crate) fn addresses_are_limited() -> bool {
    rlimits::of(Resource::RLIMIT_AS).soft.is_some()
}

/// How many threads have moved the wall now, and where it was.
static MOVED: Mutex<(usize, Option<Limits>)> = Mutex::new((0, None));

/// Tells of a panic: with the wall moved as far as that is allowed, and told whether there is memory for the names of a backtrace without that. Whoever
/// looks these up and gets no memory waits for a lock that he holds himself (in the standard library), for ever.
pub(crate) fn with_leeway<R>(tells: impl FnOnce(bool) -> R) -> R {
    let program = std::fs::metadata("/proc/self/exe").map_or(0, |program| program.len());
    let names = usize::try_from(NAMES.max(program.saturating_mul(2))).unwrap_or(usize::MAX);
    let room = own_limit().is_none() || Vec::<u8>::new().try_reserve_exact(names).is_ok();
    let moved = || MOVED.lock().unwrap_or_else(PoisonError::into_inner);
    {
        let mut moved = moved();
        if moved.0 == 0 {
            let wall = rlimits::of(Resource::RLIMIT_DATA);
            let further = Limits { soft: wall.hard, ..wall };
            moved.1 = (wall.soft != wall.hard && rlimits::set(Resource::RLIMIT_DATA, further)).then_some(wall);
        }
        moved.0 += 1;
    }
    let done = tells(room);
    let mut moved = moved();
    moved.0 -= 1;
    if moved.0 == 0
        && let Some(wall) = moved.1.take()
    {
        // What was allowed before is allowed again.
        let _ = rlimits::set(Resource::RLIMIT_DATA, wall);
    }
    done
}

/// When the machine has no memory left, this process is to go before those that have not asked for this.
pub(crate) fn be_first_to_go() -> io::Result<()> {
    let own = std::fs::read_to_string(SCORE)?.trim().parse::<i32>().map_err(io::Error::other)?;
    std::fs::write(SCORE, (own + FIRST_TO_GO).min(HIGHEST).to_string())
}

/// The anonymous memory in bytes that process `pid` holds now: its heap and stacks, not files that it maps nor memory that it
/// shares. `None` where the system does not tell.
pub(crate) fn own_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    kilobytes(&status, "RssAnon:").map(|count| count * 1024)
}

fn kilobytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status = "Name:\tx\nVmRSS:\t    9 kB\nRssAnon:\t  1234 kB\nThreads:\t1\n";
        assert_eq!(kilobytes(status, "RssAnon:"), Some(1234));
        assert_eq!(kilobytes(status, "RssFile:"), None);
        assert_eq!(kilobytes("RssAnon:\t12 MB\n", "RssAnon:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_that_is_touched_counts() {
        let touch = || {
            let before = own_memory(std::process::id()).unwrap();
            let block = std::hint::black_box(vec![1u8; 64 << 20]);
            let after = own_memory(std::process::id()).unwrap();
            drop(block);
            after >= before + (48 << 20)
        };
        // Other tests of this process may give memory back just then, but not each time.
        assert!((0..100).any(|_| touch()));
        assert_eq!(own_memory(u32::MAX), None);
    }
}
