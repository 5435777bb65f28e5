//! Many more workers than processors: what their number alone costs.

use anyhow::{Result, ensure};
use mpexec_core::Pool;

use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::report::RowReport;
use crate::rows::{millions, pool};
use crate::stats::timed;

const FEW: &str = "mpexec, 2 workers";

fn rate(pool: &Pool, tasks: u64) -> Result<Vec<f64>> {
    let (answers, took) = timed(|| pool.map(|number: u64| number + 1, 0..tasks));
    ensure!(answers?.iter().sum::<u64>() == tasks * (tasks + 1) / 2, "the answers add up");
    Ok(vec![millions(tasks, took)])
}

pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    let tasks = setting.size(2_000_000, 500_000);
    let (many, few) = (pool(128)?, pool(2)?);
    let metrics = [Metric::rate("tasks", "million/s")];
    let mut race =
        Race::new("workers-128", format!("map of {tasks} u64, 128 workers"), &metrics, || rate(&many, tasks));
    race.beside(FEW, || rate(&few, tasks)).goal(0, FEW, Goal::Faster(0.7));
    Ok(vec![race.run(setting)?])
}
