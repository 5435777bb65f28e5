//! From nothing to all workers ready, beside as many raw children of the same program that answer a byte.

use std::hint::black_box;

use anyhow::{Result, ensure};
use mpexec_core::{Pool, Workers};

use crate::peers::python::Python;
use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::raw::spawn::Children;
use crate::report::RowReport;
use crate::stats::timed;

const RAW: &str = "raw spawns";
/// These fork and run no program anew.
const PYTHONS: [(&str, &str); 2] = [("pool", "Python Pool, forked"), ("futures", "Python Executor, forked")];
const LARGE: &str = "mpexec, 2 GiB parent";
/// The program's own memory for the side that has much of it.
const BALLAST: usize = 2 << 30;
const METRICS: [Metric; 1] = [Metric::cost("time", "ms")];

fn ready(workers: usize) -> Result<Vec<f64>> {
    let (pool, took) = timed(|| -> Result<Pool> {
        let pool = Pool::builder().workers(Workers::Exact(workers)).build()?;
        ensure!(pool.wait_ready(None), "all workers became ready");
        Ok(pool)
    });
    let pool = pool?;
    pool.terminate();
    pool.join()?;
    Ok(vec![took.as_secs_f64() * 1e3])
}

fn ready_from_large_parent(workers: usize) -> Result<Vec<f64>> {
    let ballast = black_box(vec![1u8; BALLAST]);
    // Half a second of page faults is nothing to begin right after: others begin after somebody's start of processes.
    raw(workers)?;
    let reading = ready(workers);
    drop(black_box(ballast));
    reading
}

fn raw(count: usize) -> Result<Vec<f64>> {
    let (children, took) = timed(|| Children::ready(count));
    drop(children?);
    Ok(vec![took.as_secs_f64() * 1e3])
}

pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    let mut all = Vec::new();
    for (workers, row) in [(2, "ready, 2 workers"), (8, "ready, 8 workers")] {
        let what = format!("build and wait for all of {workers} workers");
        let mut race = Race::new(row, what, &METRICS, move || ready(workers));
        race.beside(RAW, move || raw(workers)).goal(0, RAW, Goal::AtMost(1.25));
        if workers == 2 {
            match setting.quick {
                false => race.beside(LARGE, move || ready_from_large_parent(workers)),
                true => race.without(LARGE, "--quick"),
            };
            race.goal(0, LARGE, Goal::WithinSpread);
        }
        for (peer, name) in PYTHONS {
            match setting.peer(|| Python::with(&setting.python, peer)) {
                Ok(mut python) => race.beside(name, move || python.ask("ready-by", format_args!("{peer} {workers}"))),
                Err(reason) => race.without(name, &reason),
            };
            race.goal(0, name, Goal::Shown);
        }
        all.push(race.run(setting)?);
    }
    Ok(all)
}
