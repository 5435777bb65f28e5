//! How many processors this process may use, as two counters see it.

/// What was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Processors {
    /// `num_cpus::get`: affinity and the cgroup's quota, a fraction counts as a whole.
    pub num_cpus: usize,
    /// `std::thread::available_parallelism`: the same sources, a fraction counts for nothing.
    pub available_parallelism: Option<usize>,
    /// All that are online in the machine, whatever we may use.
    pub online: usize,
}

/// Counts. `num_cpus` reads the quota once per process; the affinity is read anew.
pub(crate) fn count() -> Processors {
    let available_parallelism = std::thread::available_parallelism().ok().map(std::num::NonZero::get);
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online")
        .ok()
        .and_then(|list| listed(&list))
        .unwrap_or_else(num_cpus::get);
    Processors { num_cpus: num_cpus::get().max(1), available_parallelism, online }
}

/// The length of a list such as `0-3,8`.
fn listed(list: &str) -> Option<usize> {
    list.trim().split(',').try_fold(0, |sum, piece| {
        let (from, to) = piece.split_once('-').unwrap_or((piece, piece));
        let (from, to) = (from.parse::<usize>().ok()?, to.parse::<usize>().ok()?);
        Some(sum + to.checked_sub(from)? + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_processors_is_counted() {
        assert_eq!(listed("0-3,8\n"), Some(5));
        assert_eq!(listed("0"), Some(1));
        assert_eq!(listed("3-1"), None);
        assert_eq!(listed(""), None);
    }

    #[test]
    fn at_least_one_processor_is_ours() {
        assert!(count().num_cpus >= 1);
    }
}
