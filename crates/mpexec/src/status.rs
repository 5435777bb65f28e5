//! How far the work is, on a line for whoever asks with SIGUSR1.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use mpexec_core::{PoolStats, WorkerState};
use serde_json::json;

use crate::console::Console;
use crate::numbers::grouped;

/// How far it is.
#[derive(Clone, Debug)]
pub(crate) struct Progressed {
    pub(crate) console: Arc<Console>,
    pub(crate) unit: &'static str,
    pub(crate) verb: &'static str,
    pub(crate) done: u64,
    /// If anybody knows.
    pub(crate) all: Option<u64>,
    pub(crate) failed: u64,
    /// Since the work began, if it has.
    pub(crate) elapsed: Option<Duration>,
    pub(crate) pool: Option<PoolStats>,
}

/// What the workers are at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Workers {
    busy: u64,
    idle: u64,
    starting: u64,
}

/// Says it.
pub(crate) fn tell(progressed: Option<&Progressed>) {
    match progressed {
        Some(progressed) => progressed.tell(),
        None => Console::default().status("status: the command line is being read", &json!({ "status": true })),
    }
}

impl Progressed {
    fn tell(&self) {
        let workers = self.pool.as_ref().map(workers).unwrap_or_default();
        let (speed, left) = (self.speed(), self.left());
        let fields = json!({
            "status": true, "unit": self.unit, "done": self.done, "total": self.all, "failed": self.failed, "per_second": speed,
            "seconds_left": left, "busy": workers.busy, "idle": workers.idle, "starting": workers.starting,
        });
        self.console.status(&self.line(workers), &fields);
    }

    /// Says at the end what came of it, for programs.
    pub(crate) fn summarise(&self, code: u8) {
        let seconds = self.elapsed.map(|elapsed| elapsed.as_secs_f64());
        let fields = json!({
            "summary": true, "unit": self.unit, "done": self.done, "total": self.all, "failed": self.failed, "seconds": seconds,
            "exit_code": code,
        });
        let (done, unit, verb, failed) = (grouped(self.done), self.unit, self.verb, grouped(self.failed));
        self.console.summary(&format!("{done} {unit} {verb}, {failed} failed"), &fields);
    }

    fn speed(&self) -> f64 {
        let seconds = self.elapsed.map_or(0.0, |elapsed| elapsed.as_secs_f64());
        if seconds > 0.0 { self.done as f64 / seconds } else { 0.0 }
    }

    /// Seconds, if that can be said.
    fn left(&self) -> Option<f64> {
        let all = self.all.filter(|_| self.done > 0)?;
        Some(all.saturating_sub(self.done) as f64 / self.speed().max(f64::MIN_POSITIVE))
    }

    fn line(&self, workers: Workers) -> String {
        let (unit, verb) = (self.unit, self.verb);
        let mut line = format!("status: {}", grouped(self.done));
        // Writing to a string cannot fail.
        if let Some(all) = self.all {
            let percent = u128::from(self.done) * 100 / u128::from(all.max(1));
            let _ = write!(line, " of {}", grouped(all));
            let _ = write!(line, " {unit} {verb} ({percent} %)");
        } else {
            let _ = write!(line, " {unit} {verb}");
        }
        let _ = write!(line, ", {} {unit}/s", grouped(self.speed() as u64));
        if let Some(left) = self.left() {
            let _ = write!(line, ", {left:.0} s left");
        }
        let Workers { busy, idle, starting } = workers;
        let _ =
            write!(line, ", {} failed; workers: {busy} busy, {idle} idle, {starting} starting", grouped(self.failed));
        line
    }
}

fn workers(stats: &PoolStats) -> Workers {
    let mut workers = Workers::default();
    for worker in &stats.workers {
        match worker.state {
            WorkerState::Starting => workers.starting += 1,
            _ if worker.held > 0 => workers.busy += 1,
            _ => workers.idle += 1,
        }
    }
    workers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_how_much_how_fast_how_long_yet_and_what_workers_are_at() {
        let mut progressed = Progressed {
            console: Arc::default(),
            unit: "rows",
            verb: "counted",
            done: 2_500,
            all: Some(10_000),
            failed: 3,
            elapsed: Some(Duration::from_millis(2_500)),
            pool: None,
        };
        let workers = Workers { busy: 2, idle: 1, starting: 0 };
        let wanted = "status: 2,500 of 10,000 rows counted (25 %), 1,000 rows/s, 8 s left, 3 failed; workers: 2 busy, 1 idle, 0 starting";
        assert_eq!(progressed.line(workers), wanted);
        progressed.all = None;
        assert!(progressed.line(workers).starts_with("status: 2,500 rows counted, 1,000 rows/s, 3 failed;"));
        progressed.elapsed = None;
        assert!(progressed.line(workers).contains(", 0 rows/s,"));
    }
}
