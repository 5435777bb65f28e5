//! One table as this process knows it: what it is, and how it is cut into parts. Of its rows nothing is read here.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use mpexec::names::shown;
use mpexec::tasks::{FileRef, Part, SURVEY, SurveyJob, survey};
use mpexec_core::{Pool, named};
use mpexec_data::{BadRow, CsvTable, DataError, DataFile, row_starts};

use crate::failure::Failure;
use crate::interrupt::Running;
use crate::pieces::Pieces;
use crate::plan::Reading;

/// A file that holds a table.
#[derive(Debug)]
pub(super) struct Table {
    file: DataFile,
    reference: FileRef,
    csv: CsvTable,
    /// The places of the columns that count.
    columns: Vec<usize>,
}

impl Table {
    /// A CSV file.
    ///
    /// # Errors
    /// A [`Failure`] of files if it shows no rows, one of usage if it has not the columns.
    pub(super) fn csv(file: DataFile, reading: &Reading) -> Result<Table, Failure> {
        let csv = file.csv(reading.delimiter, reading.header)?;
        let columns = reading.columns.places(&csv.names, csv.dialect.fields);
        let columns = columns.map_err(|error| Failure::usage(format!("{}: {error}", shown(file.path()))))?;
        let reference = FileRef::to(file.file(), file.path()).map_err(|cause| {
            Failure::from(DataError::Io { path: file.path().to_path_buf(), doing: "ask about it", cause })
        })?;
        Ok(Table { file, reference, csv, columns })
    }

    pub(super) fn file(&self) -> &File {
        self.file.file()
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn reference(&self) -> &FileRef {
        &self.reference
    }

    /// The number of the columns that count.
    pub(super) fn cols(&self) -> u64 {
        self.columns.len() as u64
    }

    /// The rows, if the file tells.
    pub(super) fn rows(&self) -> Option<u64> {
        None
    }

    /// What is read of the file, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.file.length() - self.csv.data_offset
    }

    /// The line in which its data begins.
    pub(super) fn first_line(&self) -> u64 {
        self.csv.first_line
    }

    /// The kind of its numbers.
    pub(super) fn type_name(&self) -> &'static str {
        "text"
    }

    /// How it is cut for so many workers.
    pub(super) fn cut(&self, workers: usize) -> Pieces {
        Pieces::cut(self.bytes(), 1, workers)
    }

    /// Its parts in order. That workers may have to find where rows begin is done here.
    ///
    /// # Errors
    /// A [`Failure`] of files or of the pool, or of a signal that came meanwhile.
    pub(super) fn parts(&self, pool: &Pool, pieces: Pieces, running: &Running) -> Result<Vec<Part>, Failure> {
        let first = self.csv.data_offset;
        let mut starts = vec![first];
        if pieces.len() > 1 {
            let stretches = pieces.iter().map(|piece| first + piece.start..first + piece.end);
            starts = self.row_starts(pool, stretches, running)?;
        }
        let ends = starts.iter().skip(1).copied().chain([self.file.length()]);
        let ranges = starts.iter().copied().zip(ends).filter(|(start, end)| start < end);
        Ok(ranges
            .map(|(start, end)| Part::Csv {
                range: start..end,
                dialect: self.csv.dialect,
                columns: self.columns.clone(),
            })
            .collect())
    }

    fn row_starts(
        &self,
        pool: &Pool,
        stretches: impl Iterator<Item = Range<u64>>,
        running: &Running,
    ) -> Result<Vec<u64>, Failure> {
        let first = self.csv.data_offset;
        let delimiter = self.csv.dialect.delimiter;
        let stretches = stretches.take_while(|_| !running.is_stopping());
        let jobs = stretches.map(|stretch| SurveyJob { input: self.reference.clone(), stretch, first, delimiter });
        let mut walked = Vec::new();
        for answer in pool.imap(named(SURVEY, survey), jobs) {
            let answer = answer.map_err(|error| {
                Failure::of_task(&error, &format!("{}: its rows were not found: {error}", shown(self.path())))
            })?;
            walked.push(answer?);
            running.check()?;
        }
        running.check()?;
        Ok(row_starts(first, walked))
    }

    /// What is wrong with a row, for a person; `lines` are before the part it was found in.
    pub(super) fn tell(&self, bad: &BadRow, lines: u64) -> String {
        let mut bad = bad.clone();
        bad.line += self.csv.first_line - 1 + lines;
        bad.name = usize::try_from(bad.column - 1).ok().and_then(|place| self.csv.names.get(place).cloned());
        format!("{}: {bad}", shown(self.path()))
    }
}
