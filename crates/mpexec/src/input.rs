//! What a command reads: files that were named, and those in folders, each known by its content.

mod outputs;
mod source;
mod table;
mod waiting;

use std::path::Path;

use mpexec::names::one_line;
use mpexec_data::{Format, NpyFile, Want};

use crate::failure::Failure;
pub(crate) use crate::given::files;
use crate::plan::Reading;
pub(crate) use outputs::{OutputFolder, Outputs};
use source::Source;
pub(crate) use table::Table;
pub(crate) use waiting::{Waiting, tables};

/// A file of which is known what it holds.
pub(crate) enum Input {
    Array(NpyFile),
    Table(Box<Table>),
}

/// Opens a file and sees what it holds, of which these cells are wanted.
///
/// # Errors
/// A [`Failure`] of files, or of usage if it has not the columns or is one of the outputs.
pub(crate) fn open(path: &Path, reading: &Reading, want: Want, outputs: &Outputs) -> Result<Input, Failure> {
    let source = Source::open(path, outputs)?;
    let format = match reading.format {
        Some(format) => format,
        None => source.format()?,
    };
    match format {
        Format::Npy => {
            let file = source.settled()?;
            let path = file.path().to_path_buf();
            Ok(Input::Array(NpyFile::from_file(file.into_file(), path)?))
        }
        Format::Parquet | Format::Arrow => {
            Table::columnar(source.settled()?, format, reading, want).map(Box::new).map(Input::Table)
        }
        Format::Csv => Table::csv(source, reading).map(Box::new).map(Input::Table),
        Format::JsonLines => Table::json(source, reading).map(Box::new).map(Input::Table),
    }
}

/// Opens a file as a table, whatever it holds.
///
/// # Errors
/// As [`open`].
pub(crate) fn table(path: &Path, reading: &Reading, want: Want, outputs: &Outputs) -> Result<Table, Failure> {
    match open(path, reading, want, outputs)? {
        Input::Array(file) => Table::array(file, reading),
        Input::Table(table) => Ok(*table),
    }
}

/// The number of columns that are read, which is the same in all tables.
///
/// # Errors
/// A [`Failure`] of usage that names two which differ.
pub(crate) fn same_width(tables: &[Waiting]) -> Result<u64, Failure> {
    let cols = tables[0].cols();
    match tables.iter().find(|table| table.cols() != cols) {
        None => Ok(cols),
        Some(other) => Err(Failure::usage(format!(
            "{}: has {} columns, but {} has {cols}; choose the same with --columns, or take them one by one",
            other.name(),
            other.cols(),
            tables[0].name()
        ))),
    }
}

/// The same for tables that become one: their columns have the same titles in the same order too, where they have titles.
///
/// # Errors
/// As [`same_width`].
pub(crate) fn same_columns(tables: &[Waiting]) -> Result<u64, Failure> {
    let cols = same_width(tables)?;
    let mut titled = tables.iter().filter(|table| !table.titles().is_empty());
    let Some(first) = titled.next() else { return Ok(cols) };
    match titled.find(|table| table.titles() != first.titles()) {
        None => Ok(cols),
        Some(other) => Err(Failure::usage(format!(
            "{}: has the columns {}, but {} has {}; choose the same in one order with --columns, or take them one by one",
            other.name(),
            listed(other.titles()),
            first.name(),
            listed(first.titles())
        ))),
    }
}

/// The first of them, for a person.
fn listed(titles: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = if titles.len() > SHOWN { ", .." } else { "" };
    let shown: Vec<_> = titles.iter().take(SHOWN).map(|title| one_line(title)).collect();
    format!("{}{more}", shown.join(", "))
}
