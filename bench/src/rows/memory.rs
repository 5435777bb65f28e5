//! The coordinator's memory while more tasks stream through than could ever be held: each reading is that of a process of its own.

use anyhow::Result;

use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::raw::{self, stream};
use crate::report::RowReport;

const METRICS: [Metric; 1] = [Metric::cost("growth", "MiB")];

/// The long stream is read once, and has the goal; what a short one grows by says whether that was luck.
pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    let growth = |tasks: u64| move || raw::told(stream::ROLE, &[tasks]);
    let (few, many) = (2_000_000, setting.size(100_000_000, 4_000_000));
    let what = format!("imap over {few} lazy u64, 2 workers");
    let short = Race::new("memory, short stream", what, &METRICS, growth(few)).run(setting)?;
    let what = format!("imap over {many} lazy u64, one reading, 2 workers");
    let mut long = Race::new("memory", what, &METRICS, growth(many));
    long.goal(0, "", Goal::FigureAtMost(32.0)).once();
    Ok(vec![long.run(setting)?, short])
}
