//! From the kill of a pool's only worker to the next result, which only its replacement can give: one that is started then, or a spare of a
//! pool with limits, which waits for that.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mpexec_core::{Pool, Workers};
use rustix::process::{Pid, Signal, kill_process};

use crate::peers::python::Python;
use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::raw::spawn::Children;
use crate::report::RowReport;
use crate::stats::timed;

const RAW: &str = "one raw spawn";
/// Both are broken by it, and their user makes another pool.
const PYTHONS: [(&str, &str); 2] = [("futures", "Python Executor, made anew"), ("pebble", "Python Pebble, made anew")];
const NO_SPARE: &str = "without a spare";
const METRICS: [Metric; 1] = [Metric::cost("time", "ms")];

fn replaced(pool: &Pool) -> Result<Vec<f64>> {
    let before = pool.apply(std::process::id, ())?;
    let worker = i32::try_from(before).ok().and_then(Pid::from_raw).context("a worker has a process id")?;
    let (after, took) = timed(|| -> Result<u32> {
        kill_process(worker, Signal::KILL)?;
        Ok(pool.apply(std::process::id, ())?)
    });
    ensure!(after? != before, "another worker answered");
    Ok(vec![took.as_secs_f64() * 1e3])
}

/// Processes that this one has started and that have nothing to do.
fn idle_children() -> Result<Vec<u32>> {
    let mut idle = Vec::new();
    for thread in fs::read_dir("/proc/self/task")? {
        let children = fs::read_to_string(thread?.path().join("children"))?;
        idle.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()).filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S'))
        }));
    }
    Ok(idle)
}

/// Waits for the spare of `pool`: who belongs to no pool, and does not go away.
fn await_spare(pool: &Pool, other: &Pool) -> Result<()> {
    let begin = Instant::now();
    let mut seen = (None, Instant::now());
    loop {
        let workers = [pool.pids(), other.pids()].concat();
        let spare = idle_children()?.into_iter().find(|pid| !workers.contains(pid));
        if seen.0 != spare {
            seen = (spare, Instant::now());
        }
        if spare.is_some() && seen.1.elapsed() > Duration::from_millis(20) {
            return Ok(());
        }
        ensure!(begin.elapsed() < Duration::from_secs(20), "no spare comes");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn with_a_spare(setting: &Setting) -> Result<RowReport> {
    let plain = Pool::builder().workers(Workers::Exact(1)).attempts(3).build()?;
    let limited =
        Pool::builder().workers(Workers::Exact(1)).attempts(3).time_limit(Duration::from_secs(3600)).build()?;
    let what = "the same where a pool has limits, and so a spare";
    let mut race = Race::new("death, with a spare", what, &METRICS, || {
        limited.apply(std::process::id, ())?;
        await_spare(&limited, &plain)?;
        replaced(&limited)
    });
    race.beside(NO_SPARE, || replaced(&plain));
    race.beside(RAW, || {
        let (child, took) = timed(|| Children::ready(1));
        drop(child?);
        Ok(vec![took.as_secs_f64() * 1e3])
    });
    race.goal(0, NO_SPARE, Goal::Shown);
    // A spare waits so that nobody waits for a spawn.
    race.goal(0, RAW, Goal::AtMost(1.0));
    race.run(setting)
}

pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    // The call may be sent before the death is seen; that attempt is not charged to the caller.
    let pool = Pool::builder().workers(Workers::Exact(1)).attempts(3).build()?;
    let what = "kill -9 of the only worker, then one call; 1 worker";
    let mut race = Race::new("death", what, &METRICS, || replaced(&pool));
    race.beside(RAW, || {
        let (child, took) = timed(|| Children::ready(1));
        drop(child?);
        Ok(vec![took.as_secs_f64() * 1e3])
    });
    race.goal(0, RAW, Goal::AtMost(1.5));
    for (peer, name) in PYTHONS {
        match setting.peer(|| Python::with(&setting.python, peer)) {
            Ok(mut python) => race.beside(name, move || python.ask("death-by", peer)),
            Err(reason) => race.without(name, &reason),
        };
        race.goal(0, name, Goal::Shown);
    }
    race.without(
        "Python Pool",
        "whoever kills a worker of it that waits for a task leaves the lock of its queue taken",
    );
    Ok(vec![race.run(setting)?, with_a_spare(setting)?])
}
