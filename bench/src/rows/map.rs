//! A trivial function over numbers: what a task costs that does nothing.

use std::hint::black_box;

use anyhow::{Result, ensure};

use crate::peers::python::{self, Python};
use crate::peers::threads;
use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::raw::ring::Ring;
use crate::report::RowReport;
use crate::rows::{millions, pool};
use crate::stats::timed;

const RECORDS: &str = "raw ring, a task a record";
const BATCHES: &str = "raw ring, in batches";
const LOOP: &str = "in-process loop";
const RAYON: &str = "rayon, 2 threads";
const CROSSBEAM: &str = "crossbeam, batches of 4096";

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
    let mut race = Race::new(
        "map",
        format!("map of {tasks} u64, u64 -> u64, 2 workers; Python's of a twentieth"),
        &metrics,
        || {
            let (answers, took) = timed(|| pool.map(|number: u64| number + 1, 0..tasks));
            check(&answers?, tasks)?;
            Ok(vec![millions(tasks, took)])
        },
    );
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
    race.beside(LOOP, move || {
        let (answers, took) = timed(|| (0..tasks).map(|number| black_box(number) + 1).collect::<Vec<u64>>());
        check(&answers, tasks)?;
        Ok(vec![millions(tasks, took)])
    });
    match setting.peer(|| threads::rayon(2)) {
        Ok(peer) => race.beside(RAYON, move || {
            let (answers, took) = timed(|| threads::map_rayon(&peer, tasks));
            check(&answers, tasks)?;
            Ok(vec![millions(tasks, took)])
        }),
        Err(reason) => race.without(RAYON, &reason),
    };
    race.beside(CROSSBEAM, move || {
        let batches = (0..tasks).step_by(4096).map(|begin| begin..tasks.min(begin + 4096));
        let add = |batch: std::ops::Range<u64>| batch.map(|number| black_box(number) + 1).collect::<Vec<u64>>();
        let (answers, took) = timed(|| threads::map_crossbeam(2, batches, add).map(|batches| batches.concat()));
        check(&answers?, tasks)?;
        Ok(vec![millions(tasks, took)])
    });
    for name in [LOOP, RAYON, CROSSBEAM] {
        race.goal(0, name, Goal::Shown);
    }
    let fewer = tasks / 20;
    for (peer, name) in python::PARTS {
        match setting.peer(|| Python::with(&setting.python, peer)) {
            Ok(mut python) => race.beside(name, move || {
                let took = python.timed("map-by", format_args!("{peer} {fewer}"), fewer * (fewer + 1) / 2)?;
                Ok(vec![millions(fewer, took)])
            }),
            Err(reason) => race.without(name, &reason),
        };
        race.goal(0, name, Goal::Shown);
    }
    Ok(vec![race.run(setting)?])
}
