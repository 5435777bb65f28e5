//! One table as this process knows it: what it is, and how it is cut into parts. Of the rows of a file nothing is read here.
//!
//! Texts are cut into ranges of bytes or into batches; what lies column by column has parts of its own.

use std::fs::File;
use std::path::PathBuf;

use mpexec::names::shown;
use mpexec::tasks::{Piece, Rows, SURVEY, SurveyJob, survey};
use mpexec_core::{Pool, named};
use mpexec_data::{
    BadRow, ColumnarFile, DataError, DataFile, FileRef, Format, NpyFile, RowFault, Want, columns_of, row_starts,
};

use super::source::Source;
use crate::failure::Failure;
use crate::interrupt::Running;
use crate::pieces::{Cut, Pieces};
use crate::plan::Reading;

/// A text says of no column what it holds.
const TEXT: &str = "text";

/// A table, open.
#[derive(Debug)]
pub(crate) struct Table {
    origin: Origin,
    path: PathBuf,
    type_name: &'static str,
    rows: Rows,
    names: Vec<String>,
    /// Whether nobody has said that its first row is titles, and it is taken for them.
    guessed: bool,
    cols: u64,
    /// Where its first row begins, and in which line.
    first: u64,
    first_line: u64,
}

/// What it is read from.
#[derive(Debug)]
enum Origin {
    Text(Source),
    /// With the length of the file.
    Columnar(ColumnarFile, u64),
    Array(NpyFile),
}

impl Table {
    /// A CSV file.
    ///
    /// # Errors
    /// A [`Failure`] of files if it shows no rows, one of usage if it has not the columns.
    pub(crate) fn csv(source: Source, reading: &Reading) -> Result<Table, Failure> {
        let csv = source.csv(reading)?;
        let (path, fields) = (source.path(), csv.dialect.fields);
        let columns = reading.columns.places(&csv.names, fields);
        let columns = columns.map_err(|error| Failure::usage(format!("{}: {error}", shown(&path))))?;
        let cols = columns.len() as u64;
        let rows = Rows::Csv { dialect: csv.dialect, columns };
        let (origin, type_name) = (Origin::Text(source), TEXT);
        let (first, first_line) = (csv.data_offset, csv.first_line);
        let guessed = reading.header.is_none() && !csv.names.is_empty();
        Ok(Table { origin, path, type_name, rows, names: csv.names, guessed, cols, first, first_line })
    }

    /// JSON lines.
    ///
    /// # Errors
    /// As [`csv`](Table::csv).
    pub(crate) fn json(source: Source, reading: &Reading) -> Result<Table, Failure> {
        let table = source.json()?;
        let path = source.path();
        let columns = reading.columns.places(&table.names, table.fields);
        let columns = columns.map_err(|error| Failure::usage(format!("{}: {error}", shown(&path))))?;
        let (first, first_line, names) = (table.data_offset, table.first_line, table.names.clone());
        let cols = columns.len() as u64;
        let (origin, type_name, rows) = (Origin::Text(source), TEXT, Rows::Json { table, columns });
        Ok(Table { origin, path, type_name, rows, names, guessed: false, cols, first, first_line })
    }

    /// Parquet or Arrow.
    ///
    /// # Errors
    /// As [`csv`](Table::csv), and one of files if a column holds no numbers.
    pub(crate) fn columnar(file: DataFile, format: Format, reading: &Reading, want: Want) -> Result<Table, Failure> {
        let length = file.length();
        let file = ColumnarFile::open_as(file, format)?;
        let (path, names) = (file.path().to_path_buf(), file.names().to_vec());
        let columns = columns_of(file.schema(), &reading.columns);
        let columns = columns.map_err(|error| Failure::usage(format!("{}: {error}", shown(&path))))?;
        file.check_cells(&columns, want)?;
        let type_name = if want == Want::Numbers { file.type_name(&columns)? } else { TEXT };
        let cols = columns.len() as u64;
        let (origin, rows) = (Origin::Columnar(file, length), Rows::Columnar { format, columns });
        Ok(Table { origin, path, type_name, rows, names, guessed: false, cols, first: 0, first_line: 1 })
    }

    /// An array that is one of several, or of which not all columns count.
    ///
    /// # Errors
    /// A [`Failure`] of usage if it has not the columns.
    pub(crate) fn array(file: NpyFile, reading: &Reading) -> Result<Table, Failure> {
        let path = file.path().to_path_buf();
        let count = usize::try_from(file.layout().cols).unwrap_or(usize::MAX);
        let columns = reading.columns.places(&[], count);
        let columns = columns.map_err(|error| Failure::usage(format!("{}: {error}", shown(&path))))?;
        let (type_name, cols) = (file.layout().type_name(), columns.len() as u64);
        let (origin, rows) = (Origin::Array(file), Rows::Array { columns });
        Ok(Table { origin, path, type_name, rows, names: Vec::new(), guessed: false, cols, first: 0, first_line: 1 })
    }

    /// What it is called.
    pub(crate) fn name(&self) -> String {
        shown(&self.path)
    }

    /// The number of the columns that count.
    pub(crate) fn cols(&self) -> u64 {
        self.cols
    }

    /// The titles of the columns that are read; none if it has no titles.
    pub(crate) fn titles(&self) -> Vec<String> {
        let (Rows::Csv { columns, .. }
        | Rows::Json { columns, .. }
        | Rows::Columnar { columns, .. }
        | Rows::Array { columns }) = &self.rows;
        if self.names.is_empty() {
            return Vec::new();
        }
        columns.iter().map(|&column| self.names[column].clone()).collect()
    }

    /// Whether that it has no rows may be a mistake: its only row is taken for titles, and nobody has said so.
    pub(crate) fn may_be_titles_alone(&self) -> bool {
        self.guessed
    }

    /// How to read its rows.
    pub(crate) fn reading(&self) -> &Rows {
        &self.rows
    }

    /// The bytes that are read of it, if that is known.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match &self.origin {
            Origin::Text(source) => source.length().map(|length| length - self.first),
            Origin::Columnar(_, length) => Some(*length),
            Origin::Array(file) => Some(file.layout().data_bytes()),
        }
    }

    /// How many of these a part is, about.
    pub(crate) fn bytes_of(&self, part: &Piece) -> u64 {
        match &self.origin {
            Origin::Text(_) => part.size(),
            Origin::Columnar(file, length) => length / file.parts().max(1),
            Origin::Array(file) => part.size() * file.layout().row_bytes(),
        }
    }

    /// The number of its rows, if that is known.
    pub(crate) fn rows(&self) -> Option<u64> {
        match &self.origin {
            Origin::Text(_) => None,
            Origin::Columnar(file, _) => file.rows(),
            Origin::Array(file) => Some(file.layout().rows),
        }
    }

    /// Into how many parts it is cut.
    pub(crate) fn cut(&self) -> Cut {
        match &self.origin {
            Origin::Text(_) => self.bytes().map_or(Cut::Unknown, |bytes| Cut::Rows(bytes, 1)),
            Origin::Columnar(file, _) => Cut::Parts(file.parts()),
            Origin::Array(file) => Cut::Rows(file.layout().rows, file.layout().row_bytes()),
        }
    }

    /// The line in which its data begins.
    pub(crate) fn first_line(&self) -> u64 {
        self.first_line
    }

    /// The kind of its numbers.
    pub(crate) fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// Its stretches in order, if it is a file of CSV and more than one: where there are no quotes, a line is a row, and nobody need look
    /// for rows before they are counted.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(crate) fn lines(&self, workers: usize) -> Result<Vec<Piece>, Failure> {
        let (Origin::Text(Source::File(file)), Rows::Csv { .. }) = (&self.origin, &self.rows) else {
            return Ok(Vec::new());
        };
        let first = self.first;
        let pieces = Pieces::cut(file.length() - first, 1, workers);
        if pieces.len() < 2 {
            return Ok(Vec::new());
        }
        let input = self.reference(file.file())?;
        let stretches = pieces.iter().map(|piece| first + piece.start..first + piece.end);
        Ok(stretches.map(|stretch| Piece::Lines { input: input.clone(), stretch, first }).collect())
    }

    /// Its parts in order, if it is a file: all, or `from` where a row begins on. That workers may have to find where rows begin is done here.
    ///
    /// # Errors
    /// A [`Failure`] of files or of the pool, or of a signal that came meanwhile.
    pub(crate) fn parts(
        &self,
        from: Option<u64>,
        pool: &Pool,
        workers: usize,
        running: &Running,
    ) -> Result<Vec<Piece>, Failure> {
        let file = match &self.origin {
            Origin::Columnar(file, _) => {
                let input = self.reference(file.file())?;
                let range = |part| part..part + 1;
                return Ok((0..file.parts())
                    .map(|part| Piece::File { input: input.clone(), range: range(part) })
                    .collect());
            }
            Origin::Array(file) => {
                let input = self.reference(file.file())?;
                let pieces = Pieces::cut(file.layout().rows, file.layout().row_bytes(), workers);
                return Ok(pieces.iter().map(|range| Piece::File { input: input.clone(), range }).collect());
            }
            Origin::Text(Source::Stream(_)) => return Ok(Vec::new()),
            Origin::Text(Source::File(file)) => file,
        };
        let reference = self.reference(file.file())?;
        let first = from.unwrap_or(self.first);
        let pieces = Pieces::cut(file.length() - first, 1, workers);
        let stretches = pieces.iter().map(|piece| first + piece.start..first + piece.end);
        let in_file = |range| Piece::File { input: reference.clone(), range };
        match &self.rows {
            // The lines that begin in a stretch are found by whoever counts them.
            Rows::Json { .. } | Rows::Columnar { .. } | Rows::Array { .. } => Ok(stretches.map(in_file).collect()),
            Rows::Csv { dialect, .. } => {
                let mut starts = vec![first];
                if pieces.len() > 1 {
                    let (input, delimiter) = (&reference, dialect.delimiter);
                    let job = |stretch| SurveyJob { input: input.clone(), stretch, first, delimiter };
                    starts = self.row_starts(first, pool, stretches.map(job), running)?;
                }
                let ends = starts.iter().skip(1).copied().chain([file.length()]);
                let ranges = starts.iter().copied().zip(ends).filter(|(start, end)| start < end);
                Ok(ranges.map(|(start, end)| in_file(start..end)).collect())
            }
        }
    }

    fn reference(&self, file: &File) -> Result<FileRef, Failure> {
        FileRef::to(file, &self.path)
            .map_err(|cause| Failure::from(DataError::Io { path: self.path.clone(), doing: "ask about it", cause }))
    }

    fn row_starts(
        &self,
        first: u64,
        pool: &Pool,
        stretches: impl Iterator<Item = SurveyJob>,
        running: &Running,
    ) -> Result<Vec<u64>, Failure> {
        let stretches = stretches.take_while(|_| !running.is_stopping());
        let mut walked = Vec::new();
        for answer in pool.imap(named(SURVEY, survey), stretches) {
            let answer = answer.map_err(|error| {
                Failure::of_task(&error, &format!("{}: its rows were not found: {error}", self.name()))
            })?;
            walked.push(answer?);
            running.check()?;
        }
        running.check()?;
        Ok(row_starts(first, walked))
    }

    /// The next batch, if it is a stream.
    ///
    /// # Errors
    /// What is wrong with the stream.
    pub(crate) fn next_batch(&self) -> Result<Option<Piece>, DataError> {
        let Origin::Text(source) = &self.origin else { return Ok(None) };
        source.next_batch(match &self.rows {
            Rows::Csv { dialect, .. } => Some(dialect.delimiter),
            Rows::Json { .. } | Rows::Columnar { .. } | Rows::Array { .. } => None,
        })
    }

    /// What is wrong with a row, for a person; `lines` are before the part it was found in.
    pub(crate) fn tell(&self, bad: &BadRow, lines: u64) -> String {
        let mut bad = bad.clone();
        bad.line += self.first_line - 1 + lines;
        let is_column = !matches!(bad.fault, RowFault::Broken { .. });
        let place = usize::try_from(bad.column).ok().and_then(|column| column.checked_sub(1)).filter(|_| is_column);
        bad.name = place.and_then(|place| self.names.get(place).cloned());
        format!("{}: {bad}", self.name())
    }
}
