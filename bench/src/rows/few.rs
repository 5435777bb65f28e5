//! Few cheap tasks: a `map` of them should cost little more than the way there and back, or a loop would have been better.

use anyhow::{Result, ensure};

use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::raw::ring::Ring;
use crate::report::RowReport;
use crate::rows::pool;
use crate::stats::latencies;

const METRICS: [Metric; 2] = [Metric::cost("p50", "us"), Metric::cost("p99", "us")];
const CALL: &str = "one call";
const RING: &str = "raw ring, a round trip";

/// Numbers in a `map`, and its goal beside one call: above the round trip there are the frame of a job and what the tasks themselves take.
const SIZES: [(u64, Goal); 3] = [(1, Goal::AtMost(2.5)), (10, Goal::AtMost(5.0)), (100, Goal::AtMost(20.0))];

fn add_one(number: u64) -> u64 {
    number + 1
}

pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    SIZES.into_iter().map(|(tasks, goal)| map_of(tasks, goal, setting)).collect()
}

fn map_of(tasks: u64, goal: Goal, setting: &Setting) -> Result<RowReport> {
    let pool = pool(2)?;
    let calls = setting.size(5000, 1000);
    let what = format!("{calls} maps of {tasks} u64, u64 -> u64, one after another, 2 workers");
    let mut race = Race::new("few", what, &METRICS, || {
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
    let mut ring = Ring::start()?;
    race.beside(RING, move || latencies(calls, || ring.call(1)));
    race.goal(0, CALL, goal).goal(0, RING, Goal::Shown);
    race.run(setting)
}
