//! Readings that several measurements take: the middle of some, memory of this process and of its workers.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::stats::{summary, timed};

/// The middle of several readings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Middle {
    pub(crate) seconds: f64,
    /// There is only one reading.
    pub(crate) once: bool,
}

/// The middle of several readings of `work`, of three where it takes long. One before these is a warm-up: memory that a machine gives out for the
/// first time is dear.
pub(crate) fn middle(rounds: u32, mut work: impl FnMut() -> Result<()>) -> Result<Middle> {
    const LONG: Duration = Duration::from_secs(1);
    let (done, warm_up) = timed(&mut work);
    done?;
    let rounds = if warm_up > LONG { rounds.min(3) } else { rounds };
    let mut readings = Vec::new();
    for _ in 0..rounds {
        let (done, took) = timed(&mut work);
        done?;
        readings.push(took.as_secs_f64());
    }
    Ok(Middle { seconds: summary(&readings).0, once: rounds == 1 })
}

/// The sum of fields of a file under `/proc` that are told in KiB, in bytes.
fn kib(path: &str, fields: &[&str]) -> Result<f64> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    let value = |field: &&str| -> Option<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(*field)?.strip_prefix(':'))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    };
    let kib: Option<f64> = fields.iter().map(value).sum();
    Ok(kib.with_context(|| format!("{path} has no {fields:?}"))? * 1024.0)
}

/// Resident memory of this process that is no file's, in bytes: what it allocated and what it shares with workers.
pub(crate) fn own_memory() -> Result<f64> {
    kib("/proc/self/status", &["RssAnon", "RssShmem"])
}

/// A process's share of the memory it uses, in bytes: what several use counts for each in part.
pub(crate) fn share_of(pid: u32) -> Result<f64> {
    kib(&format!("/proc/{pid}/smaps_rollup"), &["Pss"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_of_its_own_and_a_share() {
        assert!(own_memory().unwrap() > 4096.0);
        assert!(share_of(std::process::id()).unwrap() > 4096.0);
    }
}
