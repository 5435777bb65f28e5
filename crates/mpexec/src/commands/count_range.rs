//! `mpexec count-range`: sees what the files are, hands parts of them to workers, adds up what comes back.

mod array;
mod source;
mod table;
mod tables;

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mpexec::names::shown;
use mpexec_data::{ColumnarFile, DataError, Format, NpyFile};

use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::{Running, Work};
use crate::plan::CountPlan;
use source::Source;
use table::Table;

/// Counts, and prints or writes what was asked for.
///
/// # Errors
/// The [`Failure`] that ended it early; a file that was to be written is absent then.
pub(crate) fn run(plan: &CountPlan, console: &Arc<Console>, running: &Arc<Running>) -> Result<(), Failure> {
    running.is(Work { verb: "counted", file: plan.counts.file().is_some() }, console);
    let started = Instant::now();
    let mut tables = Vec::new();
    for path in &plan.files {
        match open(path, plan)? {
            // One array alone has a way of its own, in which no count passes through this process.
            Input::Array(file) if plan.files.len() == 1 => {
                return array::run(&file, plan, console, running, started);
            }
            Input::Array(_) => {
                let line = format!("{}: is an array, and arrays are counted one at a time", shown(path));
                return Err(Failure::usage(line));
            }
            Input::Table(table) => tables.push(table),
        }
    }
    tables::run(&tables, plan, console, running, started)
}

/// A file of which is known what it holds.
enum Input {
    Array(NpyFile),
    Table(Table),
}

fn open(path: &Path, plan: &CountPlan) -> Result<Input, Failure> {
    let reading = &plan.reading;
    let source = Source::open(path)?;
    if let Source::File(file) = &source {
        refuse_own_input(file.file(), path, plan)?;
    }
    let format = match reading.format {
        Some(format) => format,
        None => source.format()?,
    };
    match (format, source) {
        (Format::Npy, _) if !reading.columns.is_all() => {
            Err(Failure::usage(format!("{}: --columns is for tables, and this is an array", shown(path))))
        }
        (Format::Npy, Source::File(file)) => {
            let path = file.path().to_path_buf();
            Ok(Input::Array(NpyFile::from_file(file.into_file(), path)?))
        }
        (Format::Parquet | Format::Arrow, Source::File(file)) => {
            Table::columnar(ColumnarFile::open(file)?, reading).map(Input::Table)
        }
        (_, Source::Stream(_)) if !format.is_text() => {
            Err(DataError::NoStream { path: path.to_path_buf(), format: format.name() }.into())
        }
        (Format::Csv, source) => Table::csv(source, reading).map(Input::Table),
        (_, source) => Table::json(source, reading).map(Input::Table),
    }
}

/// The output would take the place of the input, which is hardly what anybody wants.
fn refuse_own_input(file: &File, path: &Path, plan: &CountPlan) -> Result<(), Failure> {
    let Some(output) = plan.counts.file() else { return Ok(()) };
    // Whatever links lead to it: a file is its device and its number there.
    let same = match (std::fs::metadata(output), file.metadata()) {
        (Ok(output), Ok(input)) => (output.dev(), output.ino()) == (input.dev(), input.ino()),
        _ => false,
    };
    if same {
        let line = format!("{}: is the file that is read ({}); give another name", shown(output), shown(path));
        return Err(Failure::usage(line));
    }
    Ok(())
}
