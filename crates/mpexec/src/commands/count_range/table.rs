//! One table as this process knows it: what it is, and how it is cut into parts. Of the rows of a file nothing is read here.

use std::ops::Range;
use std::path::PathBuf;

use mpexec::names::shown;
use mpexec::tasks::{FileRef, Rows, SURVEY, SurveyJob, Text, survey};
use mpexec_core::{Pool, named};
use mpexec_data::{BadRow, DataError, RowFault, row_starts};

use super::source::Source;
use crate::failure::Failure;
use crate::interrupt::Running;
use crate::pieces::Pieces;
use crate::plan::Reading;

/// A text that holds a table.
#[derive(Debug)]
pub(super) struct Table {
    source: Source,
    path: PathBuf,
    rows: Rows,
    names: Vec<String>,
    cols: u64,
    /// Where its first row begins, and in which line.
    first: u64,
    first_line: u64,
}

impl Table {
    /// A CSV file.
    ///
    /// # Errors
    /// A [`Failure`] of files if it shows no rows, one of usage if it has not the columns.
    pub(super) fn csv(source: Source, reading: &Reading) -> Result<Table, Failure> {
        let csv = source.csv(reading)?;
        let (path, fields) = (source.path(), csv.dialect.fields);
        let columns = reading.columns.places(&csv.names, fields);
        let columns = columns.map_err(|error| Failure::usage(format!("{}: {error}", shown(&path))))?;
        let cols = columns.len() as u64;
        let rows = Rows::Csv { dialect: csv.dialect, columns };
        Ok(Table { source, path, rows, names: csv.names, cols, first: csv.data_offset, first_line: csv.first_line })
    }

    /// JSON lines.
    ///
    /// # Errors
    /// As [`csv`](Table::csv).
    pub(super) fn json(source: Source, reading: &Reading) -> Result<Table, Failure> {
        let table = source.json()?;
        let path = source.path();
        let columns = reading.columns.places(&table.names, table.fields);
        let columns = columns.map_err(|error| Failure::usage(format!("{}: {error}", shown(&path))))?;
        let (first, first_line, names) = (table.data_offset, table.first_line, table.names.clone());
        let cols = columns.len() as u64;
        Ok(Table { source, path, rows: Rows::Json { table, columns }, names, cols, first, first_line })
    }

    /// What it is called.
    pub(super) fn name(&self) -> String {
        shown(&self.path)
    }

    /// The number of the columns that count.
    pub(super) fn cols(&self) -> u64 {
        self.cols
    }

    /// How to read its rows.
    pub(super) fn reading(&self) -> &Rows {
        &self.rows
    }

    /// What is read of it, in bytes, if that is known.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.source.length().map(|length| length - self.first)
    }

    /// The line in which its data begins.
    pub(super) fn first_line(&self) -> u64 {
        self.first_line
    }

    /// The kind of its numbers.
    pub(super) fn type_name(&self) -> &'static str {
        "text"
    }

    /// Its parts in order, if it is a file. That workers may have to find where rows begin is done here.
    ///
    /// # Errors
    /// A [`Failure`] of files or of the pool, or of a signal that came meanwhile.
    pub(super) fn parts(&self, pool: &Pool, workers: usize, running: &Running) -> Result<Vec<Text>, Failure> {
        let Source::File(file) = &self.source else { return Ok(Vec::new()) };
        let reference = FileRef::to(file.file(), &self.path)
            .map_err(|cause| Failure::from(DataError::Io { path: self.path.clone(), doing: "ask about it", cause }))?;
        let pieces = Pieces::cut(file.length() - self.first, 1, workers);
        let stretches = pieces.iter().map(|piece| self.first + piece.start..self.first + piece.end);
        let in_file = |range| Text::File { input: reference.clone(), range };
        match &self.rows {
            // The lines that begin in a stretch are found by whoever counts them.
            Rows::Json { .. } => Ok(stretches.map(in_file).collect()),
            Rows::Csv { dialect, .. } => {
                let mut starts = vec![self.first];
                if pieces.len() > 1 {
                    let job = |stretch| SurveyJob {
                        input: reference.clone(),
                        stretch,
                        first: self.first,
                        delimiter: dialect.delimiter,
                    };
                    starts = self.row_starts(pool, stretches, job, running)?;
                }
                let ends = starts.iter().skip(1).copied().chain([file.length()]);
                let ranges = starts.iter().copied().zip(ends).filter(|(start, end)| start < end);
                Ok(ranges.map(|(start, end)| in_file(start..end)).collect())
            }
        }
    }

    fn row_starts(
        &self,
        pool: &Pool,
        stretches: impl Iterator<Item = Range<u64>>,
        job: impl Fn(Range<u64>) -> SurveyJob,
        running: &Running,
    ) -> Result<Vec<u64>, Failure> {
        let stretches = stretches.take_while(|_| !running.is_stopping());
        let mut walked = Vec::new();
        for answer in pool.imap(named(SURVEY, survey), stretches.map(job)) {
            let answer = answer.map_err(|error| {
                Failure::of_task(&error, &format!("{}: its rows were not found: {error}", self.name()))
            })?;
            walked.push(answer?);
            running.check()?;
        }
        running.check()?;
        Ok(row_starts(self.first, walked))
    }

    /// The next batch, if it is a stream.
    ///
    /// # Errors
    /// What is wrong with the stream.
    pub(super) fn next_batch(&self) -> Result<Option<Text>, DataError> {
        self.source.next_batch(match &self.rows {
            Rows::Csv { dialect, .. } => Some(dialect.delimiter),
            Rows::Json { .. } => None,
        })
    }

    /// What is wrong with a row, for a person; `lines` are before the part it was found in.
    pub(super) fn tell(&self, bad: &BadRow, lines: u64) -> String {
        let mut bad = bad.clone();
        bad.line += self.first_line - 1 + lines;
        let is_column = !matches!(bad.fault, RowFault::Broken { .. });
        let place = usize::try_from(bad.column).ok().and_then(|column| column.checked_sub(1)).filter(|_| is_column);
        bad.name = place.and_then(|place| self.names.get(place).cloned());
        format!("{}: {bad}", self.name())
    }
}
