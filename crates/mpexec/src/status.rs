//! How far the work is, on a line for whoever asks with SIGUSR1.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mpexec_core::{PoolStats, WorkerState};
use serde_json::json;

use crate::console::Console;
use crate::numbers::{grouped, rate};

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
    /// Where it is, if rows do not say that.
    pub(crate) step: Option<Step>,
    /// Since the work began, if it has.
    pub(crate) elapsed: Option<Duration>,
    pub(crate) pool: Option<PoolStats>,
}

/// How far a step is that is counted in a way of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// What is done: `read`, `looked at`.
    pub(crate) verb: &'static str,
    /// What is counted: `bytes`.
    pub(crate) unit: &'static str,
    pub(crate) done: u64,
    /// If anybody knows.
    pub(crate) all: Option<u64>,
    pub(crate) began: Instant,
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
        let (speed, left) = (self.rows().speed(), self.measure().left());
        let step =
            self.step.map(|step| json!({ "verb": step.verb, "unit": step.unit, "done": step.done, "total": step.all }));
        let fields = json!({
            "status": true, "unit": self.unit, "done": self.done, "total": self.all, "failed": self.failed, "per_second": speed,
            "seconds_left": left, "step": step, "busy": workers.busy, "idle": workers.idle, "starting": workers.starting,
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

    fn rows(&self) -> Measure {
        Measure { done: self.done, all: self.all, unit: self.unit, verb: self.verb, elapsed: self.elapsed }
    }

    /// That of the step it is at, or of all rows.
    fn measure(&self) -> Measure {
        self.step.map_or_else(|| self.rows(), Measure::from)
    }

    fn line(&self, workers: Workers) -> String {
        let (rows, measure) = (self.rows(), self.measure());
        let mut line = "status: ".to_owned();
        // Writing to a string cannot fail.
        if self.step.is_some_and(|step| step.unit != self.unit) && self.done > 0 {
            let (done, unit, verb) = (grouped(rows.done), rows.unit, rows.verb);
            let _ = write!(line, "{done} {unit} {verb}, {} {unit}/s; ", rate(rows.speed()));
        }
        let Workers { busy, idle, starting } = workers;
        let failed = grouped(self.failed);
        let _ = write!(line, "{measure}, {failed} failed; workers: {busy} busy, {idle} idle, {starting} starting");
        line
    }
}

/// How far something is, and how fast.
struct Measure {
    done: u64,
    all: Option<u64>,
    unit: &'static str,
    verb: &'static str,
    elapsed: Option<Duration>,
}

impl From<Step> for Measure {
    fn from(Step { verb, unit, done, all, began }: Step) -> Measure {
        Measure { done, all, unit, verb, elapsed: Some(began.elapsed()) }
    }
}

impl Measure {
    fn speed(&self) -> f64 {
        let seconds = self.elapsed.map_or(0.0, |elapsed| elapsed.as_secs_f64());
        if seconds > 0.0 { self.done as f64 / seconds } else { 0.0 }
    }

    /// Seconds, if that can be said.
    fn left(&self) -> Option<f64> {
        let all = self.all.filter(|_| self.done > 0)?;
        Some(all.saturating_sub(self.done) as f64 / self.speed().max(f64::MIN_POSITIVE))
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (done, unit, verb) = (grouped(self.done), self.unit, self.verb);
        match self.all {
            Some(all) => {
                let percent = u128::from(self.done) * 100 / u128::from(all.max(1));
                write!(out, "{done} of {} {unit} {verb} ({percent} %)", grouped(all))?;
            }
            None => write!(out, "{done} {unit} {verb}")?,
        }
        write!(out, ", {} {unit}/s", rate(self.speed()))?;
        self.left().map_or(Ok(()), |left| write!(out, ", {left:.0} s left"))
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
            step: None,
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

    #[test]
    fn a_step_with_a_measure_of_its_own_says_how_far_it_is() {
        let began = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        let step = Step { verb: "read", unit: "bytes", done: 1 << 20, all: Some(4 << 20), began };
        let mut progressed = Progressed {
            console: Arc::default(),
            unit: "rows",
            verb: "counted",
            done: 2_500,
            all: None,
            failed: 0,
            step: Some(step),
            elapsed: Some(Duration::from_millis(2_500)),
            pool: None,
        };
        let line = |progressed: &Progressed| progressed.line(Workers::default());
        let told = line(&progressed);
        let wanted = "status: 2,500 rows counted, 1,000 rows/s; 1,048,576 of 4,194,304 bytes read (25 %), ";
        assert!(told.starts_with(wanted) && told.contains(" s left, 0 failed; workers:"), "{told}");
        progressed.done = 0;
        let told = line(&progressed);
        assert!(told.starts_with("status: 1,048,576 of 4,194,304 bytes read (25 %), "), "{told}");
    }
}
