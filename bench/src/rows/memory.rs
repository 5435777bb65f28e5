//! The coordinator's memory while more tasks stream through than could ever be held.

use anyhow::{Context, Result, ensure};

use crate::machine::resident_mib;
use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::report::RowReport;
use crate::rows::pool;

/// Results between two looks.
const LOOK: u64 = 1 << 16;

pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    let pool = pool(2)?;
    let tasks: u64 = 2_000_000;
    // The first reading is a warm-up; the last of a full run is the long one.
    let mut left = setting.rounds + 1;
    let many = setting.size(100_000_000, tasks);
    let metrics = [Metric::cost("growth", "MiB")];
    let what = format!("imap over {tasks} lazy u64 ({many} in the last round), 2 workers");
    let mut race = Race::new("memory", what, &metrics, || {
        left -= 1;
        let tasks = if left == 0 { many } else { tasks };
        let (mut least, mut greatest) = (f64::INFINITY, 0.0f64);
        let mut expected = 0;
        for answer in pool.imap(|number: u64| number + 1, 0..tasks) {
            expected += 1;
            ensure!(answer? == expected, "the answers are in order");
            if expected % LOOK == 0 {
                let now = resident_mib().context("the system tells resident memory")?;
                least = least.min(now);
                greatest = greatest.max(now);
            }
        }
        ensure!(expected == tasks, "{expected} answers to {tasks} tasks");
        Ok(vec![greatest - least])
    });
    race.goal(0, "", Goal::FigureAtMost(32.0));
    Ok(vec![race.run(setting)?])
}
