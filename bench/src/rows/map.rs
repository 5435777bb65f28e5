//! A trivial function over numbers: what a task costs that does nothing.

use anyhow::{Result, ensure};

use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::raw::ring::Ring;
use crate::report::RowReport;
use crate::rows::{millions, pool};
use crate::stats::timed;

const RECORDS: &str = "raw ring, a task a record";
const BATCHES: &str = "raw ring, in batches";

/// Numbers in a batch of the raw ring, and batches under way.
const BATCH: (u64, usize) = (4096, 8);

fn check(answers: &[u64], tasks: u64) -> Result<()> {
    ensure!(answers.len() as u64 == tasks, "{} answers to {tasks} tasks", answers.len());
    ensure!((1..).zip(answers).all(|(expected, answer)| expected == *answer), "the answers are in order");
    Ok(())
}

pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    let pool = pool(2)?;
    let tasks: u64 = setting.size(10_000_000, 2_000_000);
    let metrics = [Metric::rate("tasks", "million/s")];
    let mut race = Race::new("map", format!("map of {tasks} u64, u64 -> u64, 2 workers"), &metrics, || {
        let (answers, took) = timed(|| pool.map(|number: u64| number + 1, 0..tasks));
        check(&answers?, tasks)?;
        Ok(vec![millions(tasks, took)])
    });
    race.goal(0, "", Goal::FigureAtLeast(10.0));
    for (name, (in_record, ahead)) in [(RECORDS, (1, 4096)), (BATCHES, BATCH)] {
        let mut ring = Ring::start()?;
        race.beside(name, move || {
            let (answers, took) = timed(|| ring.stream(0..tasks, in_record, ahead));
            check(&answers?, tasks)?;
            Ok(vec![millions(tasks, took)])
        });
    }
    race.goal(0, RECORDS, Goal::Faster(0.5)).goal(0, BATCHES, Goal::Shown);
    Ok(vec![race.run(setting)?])
}
