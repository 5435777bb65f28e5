//! How much memory a process has of its own, and may have; and who is to go first when the machine has none left.

use std::io;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

/// Added to the score by which the kernel chooses whom it kills when memory runs out: as if the process had half of the
/// machine's memory more than it has.
const FIRST_TO_GO: i32 = 500;
/// The highest score there is.
const HIGHEST: i32 = 1000;
const SCORE: &str = "/proc/self/oom_score_adj";

/// Lets process `pid` have no more than so many bytes in its data segment: all memory that is private and can be written, its
/// main stack excepted, whether it was touched or not. Less than that, allowed already, stands.
pub(crate) fn limit(pid: Pid, bytes: u64) -> io::Result<()> {
    let bytes = own_limit().map_or(bytes, |own| own.min(bytes));
    let wall = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    Ok(prlimit(Some(pid), Resource::Data, wall).map(drop)?)
}

/// So many bytes this process may have in its data segment, if that is limited; its children inherit this.
pub(crate) fn own_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Data);
    current.into_iter().chain(maximum).min()
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
