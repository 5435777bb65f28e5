//! The machine that the figures are of, and how busy it is.

use std::fs;

use serde::Serialize;

/// What a reader of the figures must know.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// Runnable threads on average over the last minute, at the start.
    pub(crate) load: f64,
}

impl Machine {
    /// Others want so much of the machine that the figures are of little use.
    pub(crate) fn is_busy(&self) -> bool {
        is_busy(self.load, self.cores)
    }
}

/// A reading of the load says the same with some slack: this program's own beginning counts in it.
pub(crate) fn is_busy(load: f64, cores: usize) -> bool {
    load > 0.35 * cores as f64
}

/// Looks at the machine.
pub(crate) fn look() -> Machine {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Machine {
        processor: model.map_or("an unknown processor", |(_, name)| name).trim().to_owned(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
        load: load(),
    }
}

/// The load average of the last minute; 0 where there is none to be had.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

/// Resident memory of this process in MiB; `None` where the system does not say.
pub(crate) fn resident_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_with_as_many_runnable_threads_as_cores_is_busy() {
        assert!(is_busy(2.0, 2));
        assert!(!is_busy(0.3, 2));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_resident_memory() {
        assert!(resident_mib().is_some_and(|mib| mib > 0.1));
    }
}
