//! The machine that the figures are of, and how busy it is, with us and without us.

use std::fs;
use std::time::{Duration, Instant};

use serde::Serialize;

/// What a reader of the figures must know.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// Runnable threads on average over the last minute, at the start.
    pub(crate) load: f64,
    /// What the processors did for a moment before the start, when nothing of ours ran.
    pub(crate) before: Shares,
}

impl Machine {
    /// Others want so much of the machine that the figures are of little use. The load average is no part of this: for a
    /// minute it remembers what has ended, such as the build of this program.
    pub(crate) fn is_busy(&self) -> bool {
        1.0 - self.before.idle > BUSY || self.before.stolen > STOLEN
    }
}

/// Before the start, so much work of others makes a machine busy: a share of all its processors' time.
const BUSY: f64 = 0.1;
/// So much of its time a machine may lose to its host.
pub(crate) const STOLEN: f64 = 0.03;
/// The clocks tick a hundred times a second: of less than this they tell little.
const SHORTEST: Duration = Duration::from_millis(200);
/// How long to look before the start.
const MOMENT: Duration = Duration::from_millis(500);

/// Shares of the time of all processors, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Shares {
    /// Nobody wanted it.
    pub(crate) idle: f64,
    /// The host gave it to others.
    pub(crate) stolen: f64,
}

/// A look at the clocks of the processors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    begin: Instant,
    clocks: Option<Clocks>,
}

/// Ticks of all processors since the system's start.
#[derive(Clone, Copy, Debug)]
struct Clocks {
    all: f64,
    idle: f64,
    stolen: f64,
}

impl Clocks {
    /// From the first line of `/proc/stat`: user, nice, system, idle, waiting for a disk, interrupts twice, stolen.
    fn read(stat: &str) -> Option<Clocks> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks = line.split_whitespace().take(8).map(str::parse).collect::<Result<Vec<f64>, _>>().ok()?;
        Some(Clocks { all: ticks.iter().sum(), idle: ticks.get(3)? + ticks.get(4)?, stolen: *ticks.get(7)? })
    }
}

/// What the processors did while something was measured.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Meanwhile {
    pub(crate) seconds: f64,
    /// `None`: the system does not say, or it was too short to say.
    pub(crate) shares: Option<Shares>,
}

impl Watch {
    pub(crate) fn start() -> Watch {
        Watch { begin: Instant::now(), clocks: clocks() }
    }

    pub(crate) fn end(self) -> Meanwhile {
        let took = self.begin.elapsed();
        let long_enough = took >= SHORTEST;
        let shares = self.clocks.zip(clocks()).filter(|_| long_enough).map(|(before, after)| shares(before, after));
        Meanwhile { seconds: took.as_secs_f64(), shares }
    }
}

fn clocks() -> Option<Clocks> {
    Clocks::read(&fs::read_to_string("/proc/stat").ok()?)
}

fn shares(before: Clocks, after: Clocks) -> Shares {
    let all = (after.all - before.all).max(1.0);
    Shares { idle: (after.idle - before.idle) / all, stolen: (after.stolen - before.stolen) / all }
}

/// Looks at the machine.
pub(crate) fn look() -> Machine {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let watch = Watch::start();
    std::thread::sleep(MOMENT);
    let before = watch.end().shares.unwrap_or(Shares { idle: 1.0, stolen: 0.0 });
    Machine {
        before,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_busy_when_others_work_on_it_or_its_host_takes_its_time() {
        let with = |idle, stolen| Machine { before: Shares { idle, stolen }, ..Machine::default() }.is_busy();
        assert!(with(0.5, 0.0) && with(0.93, 0.05));
        assert!(!with(0.97, 0.01), "a load average alone is no reason");
    }

    #[test]
    fn shares_are_those_of_the_time_between_two_looks() {
        let read = |text| Clocks::read(text).unwrap();
        let (before, after) = (read("cpu  10 0 10 70 5 0 1 4 0 0\n"), read("cpu  20 0 20 130 5 0 1 24 0 0\n"));
        assert_eq!(shares(before, after), Shares { idle: 0.6, stolen: 0.2 });
        assert!(Clocks::read("cpu0 1 2").is_none() && Clocks::read("cpu 1 2 3").is_none());
    }
}
