//! The coordinator's memory while more tasks stream through than could ever be held.

use anyhow::{Context, Result, ensure};
use mpexec_core::Pool;

use crate::machine::resident_mib;
use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::report::RowReport;
use crate::rows::pool;

/// Results between two looks.
const LOOK: u64 = 1 << 16;

const METRICS: [Metric; 1] = [Metric::cost("growth", "MiB")];

/// The most by which resident memory differs between two looks at it, in the middle of a stream.
fn growth(pool: &Pool, tasks: u64) -> Result<Vec<f64>> {
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
}

/// The long stream is read once, and has the goal; what a short one grows by says whether that was luck.
pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    let pool = pool(2)?;
    let (few, many) = (2_000_000, setting.size(100_000_000, 4_000_000));
    let what = format!("imap over {few} lazy u64, 2 workers");
    let short = Race::new("memory, short stream", what, &METRICS, || growth(&pool, few));
    let short = short.run(setting)?;
    let what = format!("imap over {many} lazy u64, one reading, 2 workers");
    let mut long = Race::new("memory", what, &METRICS, || growth(&pool, many));
    long.goal(0, "", Goal::FigureAtMost(32.0)).once();
    Ok(vec![long.run(setting)?, short])
}
