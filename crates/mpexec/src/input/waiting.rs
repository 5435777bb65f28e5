//! The tables of a command, of which only the first files stay open: a process may hold only so many, and a folder may have thousands.
//! The others are looked at, closed, and opened again when their turn comes.

use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use mpexec::names::shown;
use mpexec::tasks::Rows;
use mpexec_data::{DataError, Want};

use super::source::Source;
use super::{Outputs, Table, table};
use crate::failure::Failure;
use crate::pieces::Cut;
use crate::plan::Reading;

/// So many files stay open.
const OPEN: usize = 32;

/// A table, and what is known of it while it is closed.
pub(crate) struct Waiting {
    open: Option<Table>,
    path: PathBuf,
    /// The device and the number there of its file, if that can be opened again.
    file: Option<(u64, u64)>,
    reading: Reading,
    want: Want,
    outputs: Outputs,
    rows_are: Rows,
    titles: Vec<String>,
    type_name: &'static str,
    cols: u64,
    rows: Option<u64>,
    bytes: Option<u64>,
    cut: Cut,
}

/// A table whose turn has come.
pub(crate) enum Opened<'a> {
    Held(&'a Table),
    Again(Box<Table>),
}

impl Deref for Opened<'_> {
    type Target = Table;

    fn deref(&self) -> &Table {
        match self {
            Opened::Held(table) => table,
            Opened::Again(table) => table,
        }
    }
}

/// Looks at all of these files.
///
/// # Errors
/// As [`table`](super::table).
pub(crate) fn tables(
    files: &[PathBuf],
    reading: &Reading,
    want: Want,
    outputs: &Outputs,
) -> Result<Vec<Waiting>, Failure> {
    let look = |(at, path): (usize, &PathBuf)| {
        let mut kept = Waiting::of(table(path, reading, want, outputs)?, path, reading, want, outputs);
        if at >= OPEN && kept.file.is_some() {
            kept.open = None;
        }
        Ok(kept)
    };
    files.iter().enumerate().map(look).collect()
}

impl Waiting {
    /// A table that stays open.
    pub(crate) fn of(table: Table, path: &Path, reading: &Reading, want: Want, outputs: &Outputs) -> Waiting {
        let file = if Source::is_given(path) { None } else { identity(path) };
        Waiting {
            path: path.to_path_buf(),
            file,
            reading: reading.clone(),
            want,
            outputs: outputs.clone(),
            rows_are: table.reading().clone(),
            titles: table.titles(),
            type_name: table.type_name(),
            cols: table.cols(),
            rows: table.rows(),
            bytes: table.bytes(),
            cut: table.cut(),
            open: Some(table),
        }
    }

    /// The table, opened again if it was closed.
    ///
    /// # Errors
    /// As [`table`](super::table), and a [`Failure`] of files if it is not what it was.
    pub(crate) fn open(&self) -> Result<Opened<'_>, Failure> {
        if let Some(table) = &self.open {
            return Ok(Opened::Held(table));
        }
        let changed = |what| Failure::files(format!("{}: was {what} meanwhile", self.name()));
        match identity(&self.path) {
            None => return Err(DataError::Missing { path: self.path.clone() }.into()),
            found if found != self.file => return Err(changed("exchanged for another file")),
            _ => {}
        }
        let table = table(&self.path, &self.reading, self.want, &self.outputs)?;
        let same = (table.reading(), table.rows()) == (&self.rows_are, self.rows) && table.bytes() >= self.bytes;
        if same { Ok(Opened::Again(Box::new(table))) } else { Err(changed("changed")) }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> String {
        self.open.as_ref().map_or_else(|| shown(&self.path), Table::name)
    }

    /// The titles of the columns that are read; none if it has no titles.
    pub(crate) fn titles(&self) -> &[String] {
        &self.titles
    }

    /// The kind of its numbers.
    pub(crate) fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// The number of the columns that are read.
    pub(crate) fn cols(&self) -> u64 {
        self.cols
    }

    /// The number of its rows, if that is known.
    pub(crate) fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// The bytes that are read of it, if that is known.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// How many parts it is cut into for so many workers, if that is known.
    pub(crate) fn pieces(&self, workers: usize) -> Option<u64> {
        self.cut.pieces(workers)
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}
