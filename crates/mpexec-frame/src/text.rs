//! A text as parts that workers read: ranges of bytes that begin and end with a row, and what its columns hold.
//!
//! Workers find where rows begin and see what stands in the cells in one walk. A line of JSON is a row; a line of CSV is one as long as no
//! quote is found, because a line end within quotes ends no row. If there are quotes, they see what stands in the cells in a second
//! walk, when it is known where rows begin.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use mpexec_core::TaskError;
use mpexec_data::{BadRow, DataFile, FileRef, JsonTable, OnBadRow, Stretch, Want, row_starts, survey_csv};
use serde::{Deserialize, Serialize};

use crate::FrameError;
use crate::kinds::{Kind, both};
use crate::watch::{Event, OnTheWay};
use crate::workplace::Workplace;

mod csv;
mod json;

/// How the rows are written, and what becomes of those that are not so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Writing {
    pub(crate) how: How,
    pub(crate) on_bad_row: OnBadRow,
    pub(crate) want: Want,
    /// The places of the columns that are read; `None`: all.
    pub(crate) columns: Option<Vec<usize>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum How {
    Csv { delimiter: u8, fields: usize },
    Json(JsonTable),
}

/// A text as its beginning shows it.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) writing: Writing,
    /// The titles; none if it has no titles.
    pub(crate) titles: Vec<String>,
    /// Whether nobody has said that its first row is titles, and it is taken for them.
    pub(crate) guessed: bool,
    pub(crate) length: u64,
    /// Where its first row begins, and in which line.
    pub(crate) first: u64,
    pub(crate) first_line: u64,
    /// The bytes of a row, about.
    pub(crate) row_bytes: u64,
}

/// What is known of a whole text.
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
    pub(crate) kinds: Vec<Option<Kind>>,
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

/// A part is at least so many bytes, if there are as many.
const LEAST: u64 = 64 << 10;

impl Text {
    /// The number of its columns.
    pub(crate) fn fields(&self) -> usize {
        match &self.writing.how {
            How::Csv { fields, .. } => *fields,
            How::Json(table) => table.fields,
        }
    }

    /// What its columns are called.
    pub(crate) fn names(&self) -> Vec<String> {
        if self.titles.is_empty() { numbered(self.fields()) } else { self.titles.clone() }
    }

    /// The stretches to be looked at for parts of about so many rows.
    fn stretches(&self, rows: u64) -> impl Iterator<Item = Range<u64>> + use<> {
        let bytes = self.row_bytes.saturating_mul(rows).max(LEAST);
        let (first, length) = (self.first, self.length);
        let starts = (first..length).step_by(usize::try_from(bytes).unwrap_or(usize::MAX));
        starts.map(move |start| start..length.min(start + bytes))
    }

    fn look(&self, input: &FileRef, range: Range<u64>, exact: bool) -> Look {
        Look { input: input.clone(), range, first: self.first, exact, writing: self.writing.clone() }
    }
}

/// What columns without titles are called.
pub(crate) fn numbered(columns: usize) -> Vec<String> {
    (1..=columns).map(|place| format!("column_{place}")).collect()
}

/// Looks at all of these texts, with the workers of a pool or here.
pub(crate) fn layouts(
    texts: &[(&Text, &FileRef)],
    rows: u64,
    place: Option<Workplace<'_>>,
) -> Result<Vec<Layout>, FrameError> {
    let of_one = |(text, input): &(&Text, &FileRef)| {
        let looks = text.stretches(rows).map(|range| text.look(input, range, false));
        looks.collect::<Vec<_>>()
    };
    let bytes = texts.iter().map(|(text, _)| text.length.saturating_sub(text.first)).sum();
    let mut seen = looked(texts.iter().flat_map(of_one), bytes, place)?.into_iter();
    let mut all: Vec<Vec<Seen>> =
        texts.iter().map(|(text, _)| seen.by_ref().take(text.stretches(rows).count()).collect()).collect();
    // Those with quotes once more, now that it is known where rows begin.
    let unknown = |seen: &[Seen]| seen.iter().any(|seen| seen.found.is_none());
    let mut again = Vec::new();
    for ((text, input), seen) in texts.iter().zip(&all).filter(|(_, seen)| unknown(seen)) {
        let starts = row_starts(text.first, seen.iter().map(|seen| seen.stretch));
        let ends = starts.iter().skip(1).copied().chain([text.length]);
        let ranges = starts.iter().copied().zip(ends).filter(|(start, end)| start < end);
        again.push(ranges.map(|(start, end)| text.look(input, start..end, true)).collect::<Vec<_>>());
    }
    if !again.is_empty() {
        let counts: Vec<_> = again.iter().map(Vec::len).collect();
        let bytes = again.iter().flatten().map(|look| look.range.end - look.range.start).sum();
        let mut seen = looked(again.into_iter().flatten(), bytes, place)?.into_iter();
        for (of_one, count) in all.iter_mut().filter(|seen| unknown(seen)).zip(counts) {
            *of_one = seen.by_ref().take(count).collect();
        }
    }
    texts.iter().zip(all).map(|((text, input), seen)| text.layout(input, seen)).collect()
}

/// Looks at these, which have so many bytes.
fn looked(
    looks: impl Iterator<Item = Look>,
    bytes: u64,
    place: Option<Workplace<'_>>,
) -> Result<Vec<Seen>, FrameError> {
    let Some(place) = place else { return looks.map(|look| see(look).map_err(FrameError::Input)).collect() };
    if bytes > 0 {
        place.watch.tell(Event::Looks { bytes });
    }
    let on_the_way = OnTheWay::default();
    let looks = looks.inspect(|look| on_the_way.sent(look.range.end - look.range.start));
    let done = |(index, answer): (u64, Result<Result<Seen, String>, TaskError>)| {
        let answer = answer.map_err(|cause| FrameError::Task { what: "part", index, cause })?;
        let seen = answer.map_err(FrameError::Input)?;
        place.watch.tell(Event::Looked { bytes: on_the_way.came() });
        Ok(seen)
    };
    (0..).zip(place.pool.imap(see, looks)).map(done).collect()
}

impl Text {
    /// Puts together what was seen.
    fn layout(&self, input: &FileRef, seen: Vec<Seen>) -> Result<Layout, FrameError> {
        let mut columns = Columns { names: self.names(), kinds: vec![None; self.fields()], words: false };
        let (mut bad, mut first_bad, mut lines, mut parts) = (0, None, self.first_line - 1, Vec::new());
        for Seen { range, found, .. } in seen {
            // Each has one now.
            let Some(found) = found else { continue };
            if let Some(mut row) = found.first_bad {
                row.line += lines;
                let place = usize::try_from(row.column).unwrap_or_default().wrapping_sub(1);
                // In a line that is no JSON the place is one of a byte.
                let is_byte =
                    matches!((&self.writing.how, &row.fault), (How::Json(_), mpexec_data::RowFault::Broken { .. }));
                row.name = if is_byte { None } else { self.titles.get(place).cloned() };
                if self.writing.on_bad_row == OnBadRow::Fail {
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
}

/// The task: what stands in one stretch.
fn see(look: Look) -> Result<Seen, String> {
    let file = look.input.table()?;
    let told = |error: mpexec_data::DataError| look.input.renamed(&error.to_string());
    let mut bytes = Vec::new();
    if look.exact {
        file.read(look.range.clone(), &mut bytes).map_err(told)?;
        let found = Some(look.writing.find(&bytes));
        return Ok(Seen { stretch: None, range: look.range, found });
    }
    let Some(begin) = file.lines_in(look.range.clone(), look.first, &mut bytes).map_err(told)? else {
        let found = Some(look.writing.find(&[]));
        return Ok(Seen { stretch: None, range: 0..0, found });
    };
    let range = begin..begin + bytes.len() as u64;
    let (stretch, found) = match &look.writing.how {
        How::Csv { delimiter, .. } => {
            let found = (!bytes.contains(&b'"')).then(|| look.writing.find(&bytes));
            (Some(survey_csv(&bytes, begin, *delimiter)), found)
        }
        How::Json(_) => (None, Some(look.writing.find(&bytes))),
    };
    Ok(Seen { stretch, range, found })
}

impl Writing {
    /// Looks at the cells of whole rows.
    fn find(&self, bytes: &[u8]) -> Found {
        match &self.how {
            How::Csv { delimiter, fields } => csv::find(bytes, *delimiter, *fields, self),
            How::Json(table) => json::find(bytes, table, self),
        }
    }

    /// The places of the columns that are read, of so many.
    fn places(&self, fields: usize) -> Vec<usize> {
        self.columns.clone().unwrap_or_else(|| (0..fields).collect())
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
        writing: &Writing,
        file: &DataFile,
        places: Option<&[usize]>,
    ) -> Result<RecordBatch, FrameError> {
        let mut bytes = Vec::new();
        file.read(part.range.clone(), &mut bytes)?;
        let read = match &writing.how {
            How::Csv { delimiter, fields } => {
                if part.mended {
                    bytes = csv::mended(self, &bytes, *delimiter, *fields, writing);
                }
                csv::read(self, bytes, *delimiter, places)
            }
            How::Json(table) => json::read(self, &bytes, table, writing, places),
        };
        read.map_err(|error| FrameError::format(file.path().display().to_string(), &error))
    }
}
