//! A CSV file as parts that workers read: ranges of bytes that begin and end with a row, and what its columns hold.
//!
//! Workers find where rows begin and see what stands in the cells in one walk, as long as no quote is found: a line end within quotes
//! ends no row. If there are quotes, they see what stands in the cells in a second walk, when it is known where rows begin.

use std::io::Cursor;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_csv::reader::Format as CsvFormat;
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use mpexec_core::{Pool, TaskError};
use mpexec_data::{
    BadRow, CsvRecords, CsvTable, DataFile, FileRef, MISSING, OnBadRow, RowFault, Stretch, is_missing, row_starts,
    survey_csv,
};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::FrameError;
use crate::kinds::{Column, Kind, both};

/// How the rows are written, and what becomes of those that are not so.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Writing {
    pub(crate) delimiter: u8,
    pub(crate) fields: usize,
    pub(crate) on_bad_row: OnBadRow,
}

/// What is known of the whole file.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) parts: Vec<TextPart>,
    pub(crate) columns: Columns,
    /// The rows that were left out or completed, and the first of them, its line being one of the file.
    pub(crate) bad: u64,
    pub(crate) first_bad: Option<BadRow>,
}

/// The names and kinds of all columns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Columns {
    names: Vec<String>,
    kinds: Vec<Option<Kind>>,
    /// Whether what is missing is ever told with a word: looking for one takes time.
    words: bool,
}

/// Some rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TextPart {
    pub(crate) range: Range<u64>,
    /// Whether some of them are bad, or have spaces around numbers.
    mended: bool,
}

/// One stretch to be looked at: `exact` if it begins and ends with a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Look {
    input: FileRef,
    range: Range<u64>,
    first: u64,
    exact: bool,
    writing: Writing,
}

/// What was seen in it.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    /// `None`: no line begins in it.
    stretch: Option<Stretch>,
    range: Range<u64>,
    /// `None`: only who knows where rows begin can tell.
    found: Option<Found>,
}

/// What the cells of some rows are.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    kinds: Vec<Option<Kind>>,
    words: bool,
    /// Whether there are spaces around numbers.
    spaced: bool,
    lines: u64,
    bad: u64,
    first_bad: Option<BadRow>,
}

/// Looks at all of a file, with the workers of a pool or here.
pub(crate) fn layout(
    input: &FileRef,
    length: u64,
    table: &CsvTable,
    writing: Writing,
    bytes: u64,
    pool: Option<&Pool>,
) -> Result<Layout, FrameError> {
    let look = |range, exact| Look { input: input.clone(), range, first: table.data_offset, exact, writing };
    let stretches = (table.data_offset..length).step_by(usize::try_from(bytes).unwrap_or(usize::MAX));
    let stretches = stretches.map(|start| look(start..length.min(start + bytes), false));
    let mut seen = looked(stretches, pool)?;
    if seen.iter().any(|seen| seen.found.is_none()) {
        let starts = row_starts(table.data_offset, seen.iter().map(|seen| seen.stretch));
        let ends = starts.iter().skip(1).copied().chain([length]);
        let ranges = starts.iter().copied().zip(ends).filter(|(start, end)| start < end);
        seen = looked(ranges.map(|(start, end)| look(start..end, true)), pool)?;
    }
    let names = match table.names.is_empty() {
        true => (1..=writing.fields).map(|place| format!("column_{place}")).collect(),
        false => table.names.clone(),
    };
    let mut columns = Columns { names, kinds: vec![None; writing.fields], words: false };
    let (mut bad, mut first_bad, mut lines, mut parts) = (0, None, table.first_line - 1, Vec::new());
    for Seen { range, found, .. } in seen {
        // Each has one now.
        let Some(found) = found else { continue };
        if let Some(mut row) = found.first_bad {
            row.line += lines;
            let place = usize::try_from(row.column).unwrap_or_default().wrapping_sub(1);
            row.name = table.names.get(place).cloned();
            if writing.on_bad_row == OnBadRow::Fail {
                return Err(FrameError::Input(format!("{}: {row}; {}", input.name, row.fault.remedy())));
            }
            first_bad.get_or_insert(row);
        }
        columns.kinds.iter_mut().zip(found.kinds).for_each(|(kind, more)| *kind = both(*kind, more));
        columns.words |= found.words;
        bad += found.bad;
        lines += found.lines;
        if !range.is_empty() {
            parts.push(TextPart { range, mended: found.bad > 0 || found.spaced });
        }
    }
    Ok(Layout { parts, columns, bad, first_bad })
}

fn looked(looks: impl Iterator<Item = Look>, pool: Option<&Pool>) -> Result<Vec<Seen>, FrameError> {
    let Some(pool) = pool else { return looks.map(|look| see(look).map_err(FrameError::Input)).collect() };
    let done = |(index, answer): (u64, Result<Result<Seen, String>, TaskError>)| {
        let answer = answer.map_err(|cause| FrameError::Task { what: "part", index, cause })?;
        answer.map_err(FrameError::Input)
    };
    (0..).zip(pool.imap(see, looks)).map(done).collect()
}

/// The task: what stands in one stretch.
fn see(look: Look) -> Result<Seen, String> {
    let file = look.input.table()?;
    let told = |error: mpexec_data::DataError| look.input.renamed(&error.to_string());
    let mut bytes = Vec::new();
    if look.exact {
        file.read(look.range.clone(), &mut bytes).map_err(told)?;
        let found = Some(find(&bytes, look.writing));
        return Ok(Seen { stretch: None, range: look.range, found });
    }
    let Some(begin) = file.lines_in(look.range.clone(), look.first, &mut bytes).map_err(told)? else {
        let found = Some(find(&[], look.writing));
        return Ok(Seen { stretch: None, range: 0..0, found });
    };
    let stretch = survey_csv(&bytes, begin, look.writing.delimiter);
    let found = (!bytes.contains(&b'"')).then(|| find(&bytes, look.writing));
    Ok(Seen { stretch: Some(stretch), range: begin..begin + bytes.len() as u64, found })
}

/// Looks at the cells of whole rows.
fn find(bytes: &[u8], writing: Writing) -> Found {
    let mut columns: Vec<_> = (0..writing.fields).map(|_| Column::default()).collect();
    let (mut words, mut spaced) = (false, false);
    let (mut bad, mut first_bad) = (0, None);
    each_row(bytes, writing, |row, cells| {
        if let Some(row) = row {
            bad += 1;
            first_bad.get_or_insert(row);
        }
        for (column, &cell) in columns.iter_mut().zip(cells) {
            if is_missing(cell) {
                words |= !cell.is_empty();
            } else if let Ok(cell) = std::str::from_utf8(cell) {
                spaced |= column.take(cell);
            }
        }
        // A row that ends the work is the last that matters.
        bad == 0 || writing.on_bad_row != OnBadRow::Fail
    });
    let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
    Found { kinds: columns.into_iter().map(Column::kind).collect(), words, spaced, lines, bad, first_bad }
}

/// Shows the rows, and what is wrong with them, as long as `visit` wants more; those to be left out are shown without cells.
fn each_row(bytes: &[u8], writing: Writing, mut visit: impl FnMut(Option<BadRow>, &[&[u8]]) -> bool) {
    let mut records = CsvRecords::new(writing.delimiter);
    records.feed(bytes.to_vec());
    let text = std::str::from_utf8(bytes).is_ok();
    while records.advance() {
        let mut cells: Vec<&[u8]> = records.cells().collect();
        let (has, wants) = (cells.len() as u64, writing.fields as u64);
        let broken = || cells.iter().position(|cell| std::str::from_utf8(cell).is_err());
        let wrong = match has.cmp(&wants) {
            std::cmp::Ordering::Less => Some((has + 1, RowFault::TooFew { has, wants })),
            std::cmp::Ordering::Greater => Some((wants + 1, RowFault::TooMany { has, wants })),
            std::cmp::Ordering::Equal if text => None,
            std::cmp::Ordering::Equal => {
                broken().map(|place| (place as u64 + 1, RowFault::Broken { fault: "the cell is not UTF-8".to_owned() }))
            }
        };
        let bad = wrong.map(|(column, fault)| BadRow { line: records.line(), column, name: None, fault });
        if bad.is_some() {
            let kept = if writing.on_bad_row == OnBadRow::Skip { 0 } else { writing.fields };
            cells.resize(kept, b"");
            cells.iter_mut().filter(|cell| std::str::from_utf8(cell).is_err()).for_each(|cell| *cell = b"");
        }
        if !visit(bad, &cells) {
            return;
        }
    }
}

impl Columns {
    /// Those of these places, or all.
    pub(crate) fn schema(&self, places: Option<&[usize]>) -> SchemaRef {
        let field = |place: usize| Field::new(&self.names[place], Kind::of_column(self.kinds[place]), true);
        let fields = match places {
            Some(places) => places.iter().map(|&place| field(place)).collect::<Vec<_>>(),
            None => (0..self.names.len()).map(field).collect(),
        };
        Arc::new(Schema::new(fields))
    }

    /// Reads the rows of a part: all of them as one batch.
    pub(crate) fn read(
        &self,
        part: &TextPart,
        writing: Writing,
        file: &DataFile,
        places: Option<&[usize]>,
    ) -> Result<RecordBatch, FrameError> {
        let mut bytes = Vec::new();
        file.read(part.range.clone(), &mut bytes)?;
        if part.mended {
            bytes = self.mended(&bytes, writing);
        }
        // A row is a line or more.
        let lines = memchr::memchr_iter(b'\n', &bytes).count() + 1;
        let failed = |error: ArrowError| FrameError::format(file.path().display().to_string(), &error);
        let builder =
            arrow_csv::ReaderBuilder::new(self.schema(None)).with_format(format(writing.delimiter, self.words)?);
        let builder = builder.with_batch_size(lines);
        let builder = match places {
            Some(places) => builder.with_projection(places.to_vec()),
            None => builder,
        };
        let mut reader = builder.build_buffered(Cursor::new(bytes)).map_err(failed)?;
        reader.next().transpose().map_err(failed)?.map_or_else(|| Ok(RecordBatch::new_empty(self.schema(places))), Ok)
    }

    /// The same rows without those that are bad, or with what is missing in them, and without spaces around numbers.
    fn mended(&self, bytes: &[u8], writing: Writing) -> Vec<u8> {
        let mut text = csv::WriterBuilder::new().delimiter(writing.delimiter).from_writer(Vec::new());
        each_row(bytes, writing, |_, cells| {
            let trimmed = |(cell, &kind): (&&[u8], &Option<Kind>)| match kind {
                Some(Kind::Whole | Kind::Float) => cell.trim_ascii().to_vec(),
                _ => cell.to_vec(),
            };
            if !cells.is_empty() {
                // To memory, and all rows are of one length.
                let _ = text.write_record(cells.iter().zip(&self.kinds).map(trimmed));
            }
            true
        });
        text.into_inner().unwrap_or_default()
    }
}

fn format(delimiter: u8, words: bool) -> Result<CsvFormat, FrameError> {
    let format = CsvFormat::default().with_delimiter(delimiter).with_header(false);
    if !words {
        return Ok(format);
    }
    let missing = Regex::new(&format!(r"^\s*({})\s*$", MISSING.map(regex::escape).join("|")));
    let missing = missing.map_err(|error| FrameError::Format { what: "CSV".into(), cause: error.to_string() })?;
    Ok(format.with_null_regex(missing))
}
