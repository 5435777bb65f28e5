//! The rows, in the order in which they are told.

mod chunks;
mod count_range;
mod death;
mod few;
mod many_workers;
mod map;
mod memory;
pub(crate) mod one_call;
mod outstanding;
mod ready;
pub(crate) mod starmap;

use anyhow::Result;

use crate::place::Setting;
use crate::report::RowReport;
pub(crate) use crate::warm::pool;

/// One row of the bench; it may report more than one race.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) run: fn(&Setting) -> Result<Vec<RowReport>>,
}

pub(crate) const ALL: &[Row] = &[
    Row { name: "apply", what: "one call at a time, pool warm", run: one_call::run },
    Row { name: "apply-busy", what: "one call at a time while all processors are busy", run: one_call::run_busy },
    Row { name: "apply-async", what: "many calls outstanding", run: outstanding::run },
    Row { name: "few", what: "a map of few cheap tasks beside one call", run: few::run },
    Row { name: "map", what: "a trivial function over numbers", run: map::run },
    Row { name: "starmap", what: "rows as Vec with two bounds", run: starmap::run },
    Row { name: "chunks", what: "blocks of plain numbers out, a byte for each row back", run: chunks::run },
    Row { name: "ready", what: "from nothing to all workers ready", run: ready::run },
    Row { name: "death", what: "from a worker's death to its replacement's first result", run: death::run },
    Row { name: "count-small", what: "mpexec count-range, whole program, 200 k rows", run: count_range::small },
    Row { name: "count-large", what: "mpexec count-range, whole program, 20 M rows", run: count_range::large },
    Row { name: "memory", what: "the coordinator's memory while lazy tasks stream through", run: memory::run },
    Row { name: "workers-128", what: "128 workers beside 2", run: many_workers::run },
];

/// The names, for `--only`.
pub(crate) fn names() -> Vec<&'static str> {
    ALL.iter().map(|row| row.name).collect()
}

/// So many per second, in millions.
fn millions(count: u64, took: std::time::Duration) -> f64 {
    count as f64 / took.as_secs_f64() / 1e6
}
