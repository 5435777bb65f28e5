//! Few cheap tasks: a `map` of them should cost little more than the way there and back, or a loop would have been better.

use std::hint::black_box;

use anyhow::{Result, ensure};
use mpexec_core::Pool;

use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::raw::pipes::Pipes;
use crate::raw::ring::Ring;
use crate::report::RowReport;
use crate::rows::pool;
use crate::stats::latencies;

const METRICS: [Metric; 2] = [Metric::cost("p50", "us"), Metric::cost("p99", "us")];
const CALL: &str = "one call";
const RING: &str = "raw ring, a round trip";
const PIPES: &str = "two raw pipes, a round trip";
const LOOP: &str = "in-process loop";

/// Numbers in a `map`. Each is to cost no more than a round trip: of two pipes, which sleep, and of one call, which spins while it can.
const SIZES: [(u64, &str, &str); 3] = [
    (1, "few, 1 task", "few, 1 task, first map"),
    (10, "few, 10 tasks", "few, 10 tasks, first map"),
    (100, "few, 100 tasks", "few, 100 tasks, first map"),
];
const GOAL: Goal = Goal::AtMost(1.0);

fn add_one(number: u64) -> u64 {
    number + 1
}

pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    let again = SIZES.into_iter().map(|(tasks, row, _)| map_of(tasks, row, setting));
    again.chain(SIZES.into_iter().map(|(tasks, _, row)| first_map_of(tasks, row, setting))).collect()
}

/// The function has been mapped before.
fn map_of(tasks: u64, row: &'static str, setting: &Setting) -> Result<RowReport> {
    let pool = pool(2)?;
    let calls = setting.size(5000, 1000);
    let what = format!("{calls} maps of {tasks} u64, u64 -> u64, one after another, 2 workers");
    let mut race = Race::new(row, what, &METRICS, || {
        latencies(calls, || -> Result<()> {
            let answers = pool.map(add_one, 0..tasks)?;
            ensure!(answers.iter().copied().eq(1..=tasks), "{answers:?} came for {tasks} tasks");
            Ok(())
        })
    });
    let pool = &pool;
    race.beside(CALL, move || {
        latencies(calls, || -> Result<()> {
            ensure!(pool.apply(add_one, (1,))? == 2, "a wrong answer came");
            Ok(())
        })
    });
    let (mut ring, mut pipes) = (Ring::start()?, Pipes::start()?);
    race.beside(RING, move || latencies(calls, || ring.call(1)));
    race.beside(PIPES, move || latencies(calls, || pipes.call(1)));
    race.beside(LOOP, move || {
        latencies(calls, || -> Result<()> {
            let answers: Vec<u64> = black_box(0..tasks).map(|number| add_one(black_box(number))).collect();
            ensure!(black_box(answers).len() as u64 == tasks, "an answer is missing");
            Ok(())
        })
    });
    race.goal(0, CALL, GOAL).goal(0, RING, Goal::Shown).goal(0, PIPES, GOAL);
    race.run(setting)
}

/// One of many functions: they differ, or the compiler would make one of them all.
fn add<const N: u64>(number: u64) -> u64 {
    number + N
}

fn first_map<const N: u64>(pool: &Pool, tasks: u64) -> Result<()> {
    let answers = pool.map(add::<N>, 0..tasks)?;
    ensure!(answers.iter().copied().eq(N..N + tasks), "{answers:?} came for {tasks} tasks");
    Ok(())
}

fn first_call<const N: u64>(pool: &Pool) -> Result<()> {
    ensure!(pool.apply(add::<N>, (1,))? == N + 1, "a wrong answer came");
    Ok(())
}

/// A function that no job of the pool has called: a `map` of it, and a call.
type First = (fn(&Pool, u64) -> Result<()>, fn(&Pool) -> Result<()>);

macro_rules! firsts {
    ($($n:literal)*) => { [$((first_map::<$n> as fn(&Pool, u64) -> Result<()>, first_call::<$n> as fn(&Pool) -> Result<()>)),*] };
}

const FIRSTS: [First; 30] = firsts!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30);

/// The first `map` of a function in a pool, of which nobody knows how long it takes; each reading has a pool of its own.
fn first_map_of(tasks: u64, row: &'static str, setting: &Setting) -> Result<RowReport> {
    let what = format!("{} maps of {tasks} u64, each the first one of its function, 2 workers", FIRSTS.len());
    let mut race = Race::new(row, what, &METRICS, || {
        let (pool, mut each) = (pool(2)?, FIRSTS.iter());
        latencies(FIRSTS.len(), || each.next().map_or(Ok(()), |(map, _)| map(&pool, tasks)))
    });
    race.beside(CALL, || {
        let (pool, mut each) = (pool(2)?, FIRSTS.iter());
        latencies(FIRSTS.len(), || each.next().map_or(Ok(()), |(_, call)| call(&pool)))
    });
    let mut pipes = Pipes::start()?;
    race.beside(PIPES, move || latencies(FIRSTS.len(), || pipes.call(1)));
    race.goal(0, CALL, GOAL).goal(0, PIPES, GOAL);
    race.run(setting)
}
