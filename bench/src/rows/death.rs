//! From the kill of a pool's only worker to the next result, which only its replacement can give.

use anyhow::{Context, Result, ensure};
use mpexec_core::{Pool, Workers};
use rustix::process::{Pid, Signal, kill_process};

use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::raw::spawn::Children;
use crate::report::RowReport;
use crate::stats::timed;

const RAW: &str = "one raw spawn";
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
    Ok(vec![race.run(setting)?])
}
