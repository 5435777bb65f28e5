//! How much memory a process has of its own.

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
        let before = own_memory(std::process::id()).unwrap();
        let block = std::hint::black_box(vec![1u8; 64 << 20]);
        let after = own_memory(std::process::id()).unwrap();
        assert!(after >= before + (48 << 20), "{before} {after}");
        drop(block);
        assert_eq!(own_memory(u32::MAX), None);
    }
}
