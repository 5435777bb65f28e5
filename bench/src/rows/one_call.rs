//! One call at a time: the way there and back and nothing else.
//!
//! Where the system puts the two processes decides between a third of a microsecond and seven, for the raw ring as for us,
//! and it may put one here and the other there. So they are also measured side by side with the places given.

use anyhow::{Context, Result, ensure};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::peers::procspawn;
use crate::peers::python::Python;
use crate::peers::threads::{self, Echo};
use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::raw::ipc;
use crate::raw::pipes::Pipes;
use crate::raw::ring::Ring;
use crate::raw::spawn::Children;
use crate::report::RowReport;
use crate::rows::pool;
use crate::stats::latencies;

const METRICS: [Metric; 2] = [Metric::cost("p50", "us"), Metric::cost("p99", "us")];
/// The processor of this program when the places are given, and the other one.
pub(crate) const NEAR: usize = 0;
pub(crate) const FAR: usize = 1;
const ONCE: &str = "mpexec, at most once";
const RING: &str = "raw ring";
const PIPES: &str = "two raw pipes";
const PROCSPAWN: &str = "procspawn";
const PYTHON: &str = "Python Pool.apply";
const CROSSBEAM: &str = "crossbeam, another thread";
const RAYON: &str = "rayon install";
const IPC: &str = "ipc-channel";
/// Python's other pools: the name in `python.py`, and ours in the table.
const PYTHONS: [(&str, &str); 4] = [
    ("futures", "Python ProcessPoolExecutor"),
    ("loky", "Python loky, of joblib"),
    ("mpire", "Python mpire"),
    ("pebble", "Python Pebble"),
];

fn race<'a>(
    row: &'static str,
    setting: &Setting,
    pool: &'a mpexec_core::Pool,
    far_ends: Option<usize>,
) -> Result<Race<'a>> {
    let calls = setting.size(20_000, 4000);
    let mut number = 0;
    let place = match far_ends {
        None => "wherever the system puts them",
        Some(NEAR) => "all on one processor",
        Some(_) => "the workers on another processor",
    };
    let what = format!("{calls} calls of a u64 one after another, 2 workers, {place}");
    let mut race = Race::new(row, what, &METRICS, move || {
        latencies(calls, || -> Result<()> {
            number += 1;
            let answer = pool.apply(|number: u64| number + 1, (number,))?;
            ensure!(answer == number + 1, "{answer} came for {number}");
            Ok(())
        })
    });
    let (mut ring, mut pipes) = (Ring::start()?, Pipes::start()?);
    if let Some(processor) = far_ends {
        for pid in pool.pids().into_iter().chain([ring.pid(), pipes.pid()]) {
            pin(Some(pid), processor)?;
        }
    }
    let mut number = 0;
    race.beside(RING, move || {
        latencies(calls, || {
            number += 1;
            ring.call(number)
        })
    });
    let mut number = 0;
    race.beside(PIPES, move || {
        latencies(calls, || {
            number += 1;
            pipes.call(number)
        })
    });
    Ok(race)
}

/// Lets a process, or this thread, run on one processor only.
pub(crate) fn pin(process: Option<u32>, processor: usize) -> Result<()> {
    let pid =
        process.map(|pid| i32::try_from(pid).ok().and_then(Pid::from_raw).context("a process number")).transpose()?;
    let mut set = CpuSet::new();
    set.set(processor);
    sched_setaffinity(pid, &set).with_context(|| format!("pinning to processor {processor}"))
}

/// Where this program may run, if both places are among that.
pub(crate) fn free_of_places() -> Result<Option<CpuSet>> {
    let free = sched_getaffinity(None)?;
    Ok((free.is_set(NEAR) && free.is_set(FAR)).then_some(free))
}

/// The same with the places given: all on one processor, and the far ends on another.
fn pinned(setting: &Setting) -> Result<Vec<RowReport>> {
    let mut reports = Vec::new();
    for (row, far_ends) in [("apply, one processor", NEAR), ("apply, two processors", FAR)] {
        let Some(free) = free_of_places()? else {
            let reason = format!("processors {NEAR} and {FAR} are not both ours");
            reports.push(RowReport::skipped(row, "the same in given places", &reason));
            continue;
        };
        let pool = pool(2)?;
        let mut race = race(row, setting, &pool, Some(far_ends))?;
        race.goal(0, RING, Goal::AtMost(1.3)).goal(0, PIPES, Goal::AtMost(1.0)).goal(1, PIPES, Goal::AtMost(2.0));
        pin(None, NEAR)?;
        let report = race.run(setting);
        sched_setaffinity(None, &free)?;
        reports.push(report?);
    }
    Ok(reports)
}

pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    let mut reports = vec![unpinned(setting)?];
    reports.extend(pinned(setting)?);
    Ok(reports)
}

fn unpinned(setting: &Setting) -> Result<RowReport> {
    let pool = pool(2)?;
    let mut race = race("apply", setting, &pool, None)?;
    race.goal(0, RING, Goal::AtMost(1.3)).goal(0, PIPES, Goal::AtMost(1.0)).goal(1, PIPES, Goal::AtMost(2.0));
    let calls = setting.size(2000, 300);
    race.beside(ONCE, || {
        latencies(calls, || -> Result<()> {
            let answer = pool.call().at_most_once().apply(|number: u64| number + 1, (1,))?;
            ensure!(answer == 2, "{answer} came for 1");
            Ok(())
        })
    });
    race.goal(0, ONCE, Goal::Shown);
    match setting.peer(|| procspawn::start(2)) {
        Ok(peer) => race.beside(PROCSPAWN, move || latencies(calls, || procspawn::call(&peer, 1))),
        Err(reason) => race.without(PROCSPAWN, &reason),
    };
    race.goal(0, PROCSPAWN, Goal::Faster(8.0));
    let mut echo = Echo::start();
    race.beside(CROSSBEAM, move || latencies(calls, || echo.call(1)));
    match setting.peer(|| threads::rayon(2)) {
        Ok(peer) => race.beside(RAYON, move || latencies(calls, || threads::call_rayon(&peer, 1))),
        Err(reason) => race.without(RAYON, &reason),
    };
    match setting.peer(ipc::Echo::start) {
        Ok(mut peer) => race.beside(IPC, move || latencies(calls, || peer.call(1))),
        Err(reason) => race.without(IPC, &reason),
    };
    for name in [CROSSBEAM, RAYON, IPC] {
        race.goal(0, name, Goal::Shown);
    }
    match setting.peer(|| Python::start(&setting.python)) {
        Ok(mut python) => race.beside(PYTHON, move || python.ask("apply", calls)),
        Err(reason) => race.without(PYTHON, &reason),
    };
    race.goal(0, PYTHON, Goal::Faster(12.0));
    for (peer, name) in PYTHONS {
        match setting.peer(|| Python::with(&setting.python, peer)) {
            Ok(mut python) => race.beside(name, move || python.ask("apply-by", format_args!("{peer} {}", calls / 4))),
            Err(reason) => race.without(name, &reason),
        };
        race.goal(0, name, Goal::Shown);
    }
    race.run(setting)
}

pub(crate) fn run_busy(setting: &Setting) -> Result<Vec<RowReport>> {
    let pool = pool(2)?;
    let mut race = race("apply-busy", setting, &pool, None)?;
    race.goal(0, PIPES, Goal::AtMost(2.0)).goal(0, RING, Goal::Shown);
    let busy = Children::busy(std::thread::available_parallelism().map_or(1, usize::from))?;
    let report = race.run(setting)?;
    drop(busy);
    Ok(vec![report])
}
