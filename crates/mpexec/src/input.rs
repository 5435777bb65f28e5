//! What a command reads: files that were named, and those in folders, each known by its content.

mod outputs;
mod source;
mod table;
mod waiting;

use std::path::{Path, PathBuf};

use mpexec_data::{DataError, Format, NpyFile, Want, files_in};

use crate::failure::Failure;
use crate::plan::Reading;
pub(crate) use outputs::Outputs;
use source::Source;
pub(crate) use table::Table;
pub(crate) use waiting::{Waiting, tables};

/// A file of which is known what it holds.
pub(crate) enum Input {
    Array(NpyFile),
    Table(Table),
}

/// The files that were named, and those in folders that were.
///
/// # Errors
/// A [`Failure`] of files.
pub(crate) fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in named {
        match if path == Path::new("-") { None } else { files_in(path)? } {
            Some(inside) => files.extend(inside),
            None => files.push(path.clone()),
        }
    }
    Ok(files)
}

/// Opens a file and sees what it holds, of which these cells are wanted.
///
/// # Errors
/// A [`Failure`] of files, or of usage if it has not the columns or is one of the outputs.
pub(crate) fn open(path: &Path, reading: &Reading, want: Want, outputs: &Outputs) -> Result<Input, Failure> {
    let source = Source::open(path)?;
    if let Source::File(file) = &source {
        outputs.refuse(file.file(), path)?;
    }
    let format = match reading.format {
        Some(format) => format,
        None => source.format()?,
    };
    match (format, source) {
        (Format::Npy, Source::File(file)) => {
            let path = file.path().to_path_buf();
            Ok(Input::Array(NpyFile::from_file(file.into_file(), path)?))
        }
        (Format::Parquet | Format::Arrow, Source::File(file)) => {
            Table::columnar(file, format, reading, want).map(Input::Table)
        }
        (_, Source::Stream(_)) if !format.is_text() => {
            Err(DataError::NoStream { path: path.to_path_buf(), format: format.name() }.into())
        }
        (Format::Csv, source) => Table::csv(source, reading).map(Input::Table),
        (_, source) => Table::json(source, reading).map(Input::Table),
    }
}

/// Opens a file as a table, whatever it holds.
///
/// # Errors
/// As [`open`].
pub(crate) fn table(path: &Path, reading: &Reading, want: Want, outputs: &Outputs) -> Result<Table, Failure> {
    match open(path, reading, want, outputs)? {
        Input::Array(file) => Table::array(file, reading),
        Input::Table(table) => Ok(table),
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
