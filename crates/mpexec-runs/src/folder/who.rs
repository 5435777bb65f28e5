//! As whom a process writes in a run folder, and whose half-written files nobody writes any more.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::lock::host;

/// As which files are named: the host, the number of this process, where that number counts, and something by chance, which makes it another than all that were or will be
/// of that number, or are elsewhere on a host of that name.
pub(super) fn who() -> String {
    format!("{}-{}-{}-{}", host(), std::process::id(), space(), chance())
}

/// The space of process numbers in which this process has its own. The first one of every machine has the same number, so the machine's start belongs to it.
fn space() -> String {
    let name = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let start = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let start = start.chars().filter(char::is_ascii_hexdigit).take(8);
    name.to_string_lossy().chars().filter(char::is_ascii_digit).chain(start).collect()
}

fn chance() -> &'static str {
    static CHANCE: OnceLock<String> = OnceLock::new();
    CHANCE.get_or_init(|| format!("{:08x}", RandomState::new().hash_one(std::time::Instant::now()) as u32))
}

/// Whether a file that was being written by `owner` never will be whole: of this host and this space of numbers, and no process has that number, or this one has it by now.
pub(super) fn is_left_behind(owner: &str) -> bool {
    let Some(rest) = owner.strip_prefix(&format!("{}-", host())) else { return false };
    let mut words = rest.split('-');
    let (pid, space_of, chance_of) = (words.next(), words.next(), words.next());
    if space_of.is_none_or(|of| of != space()) {
        return false;
    }
    let Some(pid) = pid.and_then(|pid| pid.parse::<u32>().ok()) else { return false };
    let ours = pid == std::process::id() && chance_of == Some(chance());
    !ours && (pid == std::process::id() || !lives(pid))
}

/// Whether a process has this number. Asked by way of a signal that is none, because of a process of another user `/proc` may show nothing.
fn lives(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    test_kill_process(pid) != Err(Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_process_of_this_space_of_numbers_has_left_is_left_behind() {
        let of = |pid: u32, space: &str, chance: &str| format!("{}-{pid}-{space}-{chance}-7", host());
        // The highest number that Linux gives is lower.
        let gone = u32::MAX;
        assert!(is_left_behind(&of(gone, &space(), "1")));
        assert!(is_left_behind(&of(std::process::id(), &space(), "none of ours")));
        assert!(!is_left_behind(&format!("{}-7", who())), "another folder of this process");
        assert!(!is_left_behind(&of(gone, "1", "1")), "whoever has that number there may live");
        assert!(!is_left_behind(&format!("other{}", of(gone, &space(), "1"))));
        assert!(!is_left_behind(&of(std::os::unix::process::parent_id(), &space(), "1")));
        assert!(lives(1), "of another user, unless this is root");
    }
}
