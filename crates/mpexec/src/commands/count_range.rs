//! `mpexec count-range`: sees what the files are, hands parts of them to workers, adds up what comes back.

mod array;
mod kept;
mod tables;

use std::sync::Arc;
use std::time::Instant;

use mpexec_data::Want;

use crate::console::Console;
use crate::failure::Failure;
use crate::input::{self, Input, OutputFolder, Outputs, Waiting};
use crate::interrupt::{Running, Work};
use crate::keeping::Looked;
use crate::plan::{CountPlan, Counts};

/// Tables that are counted as one, and where their counts go.
struct Group {
    tables: Vec<Waiting>,
    counts: Counts,
}

/// Counts, and prints or writes what was asked for.
///
/// # Errors
/// The [`Failure`] that ended it early; a file that was to be written is absent then.
pub(crate) fn run(plan: &CountPlan, console: &Arc<Console>, running: &Arc<Running>) -> Result<(), Failure> {
    running.is(Work { unit: "rows", verb: "counted", file: plan.counts.makes_files() }, console);
    let started = Instant::now();
    let files = input::files(&plan.files)?;
    let looked = Arc::new(Looked::at(&files, plan.keeping.as_ref())?);
    let outputs = Outputs::named(plan.counts.files(&files)?).and(&looked);
    // One array alone has a way of its own, in which no count passes through this process.
    let alone = files.len() == 1 && !plan.per_file && plan.reading.columns.is_all();
    let tables = if alone {
        let table = match input::open(&files[0], &plan.reading, Want::Numbers, &outputs)? {
            Input::Array(file) => return array::run(&file, &looked, plan, console, running, started),
            Input::Table(table) => *table,
        };
        vec![Waiting::of(table, &files[0], &plan.reading, Want::Numbers, &outputs)]
    } else {
        input::tables(&files, &plan.reading, Want::Numbers, &outputs)?
    };
    let groups = if plan.per_file {
        let apart = files.iter().zip(tables);
        apart.map(|(path, table)| Group { tables: vec![table], counts: plan.counts.of_input(path) }).collect()
    } else {
        vec![Group { tables, counts: plan.counts.clone() }]
    };
    let _folder = match &plan.counts {
        Counts::Each(folder, _) => Some(OutputFolder::make(folder)?),
        _ => None,
    };
    let run = kept::open(plan, kept::TABLES, &looked, running)?;
    tables::run(&groups, plan, run.as_ref(), console, running, started)
}
