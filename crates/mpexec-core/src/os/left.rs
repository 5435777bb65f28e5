//! How much memory this process may have, by what the machine and its cgroups say.

use std::fs::read_to_string;
use std::path::Path;

use super::cgroup::{Tree, folder_in};

const MACHINE: &str = "/proc/meminfo";

/// All of it, in bytes: the machine's, or what a cgroup is limited to. Where nothing says how much, nothing.
pub(crate) fn all() -> u64 {
    let machine = of_the_machine("MemTotal:").unwrap_or(0);
    limits().into_iter().fold(machine, u64::min)
}

/// Whether so many bytes are left of the machine's.
pub(crate) fn is_there(bytes: u64) -> bool {
    of_the_machine("MemAvailable:").is_some_and(|left| left >= bytes)
}

fn of_the_machine(what: &str) -> Option<u64> {
    parse(&read_to_string(MACHINE).ok()?, what)
}

/// Lines are `what: number kB`.
fn parse(text: &str, what: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(what))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// What the cgroups are limited to that this process is in, as far as they are.
fn limits() -> Vec<u64> {
    let unified = folder_in(Tree::Unified).map(|folder| in_and_above(&folder, "memory.max"));
    let memory = folder_in(Tree::Memory).map(|folder| in_and_above(&folder, "memory.limit_in_bytes"));
    [unified, memory].into_iter().flatten().flatten().collect()
}

fn in_and_above(folder: &Path, file: &str) -> Vec<u64> {
    let number = |above: &Path| read_to_string(above.join(file)).ok()?.trim().parse().ok();
    folder.ancestors().filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_tells_of_its_memory_in_kibibytes() {
        let text = "MemTotal:       24632040 kB\nMemFree:         1000 kB\nMemAvailable:    2 kB\n";
        assert_eq!(parse(text, "MemTotal:"), Some(24_632_040 << 10));
        assert_eq!(parse(text, "MemAvailable:"), Some(2048));
        assert_eq!(parse(text, "SwapTotal:"), None);
        assert!(all() > 0 && is_there(1) && !is_there(u64::MAX));
    }

    #[test]
    fn the_least_limit_of_a_cgroup_and_of_those_above_it_counts() {
        let top = std::env::temp_dir().join(format!("mpexec-left-{}", std::process::id()));
        let below = top.join("below");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(top.join("limit"), "300\n").unwrap();
        std::fs::write(below.join("limit"), "max\n").unwrap();
        assert_eq!(in_and_above(&below, "limit"), [300]);
        std::fs::write(below.join("limit"), "200\n").unwrap();
        assert_eq!(in_and_above(&below, "limit"), [200, 300]);
        std::fs::remove_dir_all(top).unwrap();
    }
}
