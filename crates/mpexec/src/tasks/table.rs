//! `count-table`: how many values of each row lie between two bounds, for one part of a table of any format.
//!
//! As with arrays, a worker reads its own part of the file. Texts come without a list of their rows, so the counts come
//! back in order, and whoever adds them up numbers the rows and the lines.

use std::cell::RefCell;
use std::ops::Range;

use memchr::memchr;
use mpexec_data::{
    BadRow, Bounds, CellBounds, CsvCounter, DataError, DataFile, Dialect, FileRef, Format, JsonCounter, JsonTable,
    OnBadRow, PartCounts, Stretch, survey_csv,
};
use serde::{Deserialize, Serialize};

use super::count::CountFault;

/// The name under which [`count_table`] is registered.
pub const COUNT_TABLE: &str = "count-table";

/// The name under which [`survey`] is registered.
pub const SURVEY: &str = "survey-csv";

/// One part of a table to be counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableJob {
    /// Where it is.
    pub piece: Piece,
    /// How to read it.
    pub rows: Rows,
    /// The least value that counts, as typed.
    pub minimum: String,
    /// The greatest value that counts, as typed.
    pub maximum: String,
    /// What becomes of a row that cannot be counted.
    pub on_bad_row: OnBadRow,
    /// Whether the counts come back, or only their summary.
    pub kept: bool,
}

/// Where a part of a table is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// In a file.
    File {
        /// The file.
        input: FileRef,
        /// These bytes of it: whole rows of CSV, or the lines of JSON that begin in them. Of an array these rows, of a file that lies
        /// column by column the number of the part, from 0 on.
        range: Range<u64>,
    },
    /// The lines of a file that begin in a stretch of it, as rows of CSV: so if there is no quote in them, and else this is no part
    /// ([`CountFault::Quoted`]).
    Lines {
        /// The file.
        input: FileRef,
        /// The bytes.
        stretch: Range<u64>,
        /// Where the first row begins.
        first: u64,
    },
    /// Here: what came through a pipe or was unpacked.
    Here {
        /// What people call where it came from.
        name: String,
        /// Whole rows.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
}

/// What the rows of a table are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rows {
    /// CSV.
    Csv {
        /// How it is written.
        dialect: Dialect,
        /// The places of the fields that count.
        columns: Vec<usize>,
    },
    /// JSON lines.
    Json {
        /// As the first row is.
        table: JsonTable,
        /// The places of the columns that count.
        columns: Vec<usize>,
    },
    /// Parquet or Arrow.
    Columnar {
        /// Which of the two.
        format: Format,
        /// The places of the columns that count.
        columns: Vec<usize>,
    },
    /// An array.
    Array {
        /// The places of the columns that count.
        columns: Vec<usize>,
    },
}

impl Piece {
    /// How much it is: bytes of a text, rows of an array, or one part.
    pub fn size(&self) -> u64 {
        match self {
            Piece::File { range, .. } | Piece::Lines { stretch: range, .. } => range.end - range.start,
            Piece::Here { bytes, .. } => bytes.len() as u64,
        }
    }

    fn name(&self) -> &str {
        match self {
            Piece::File { input, .. } | Piece::Lines { input, .. } => &input.name,
            Piece::Here { name, .. } => name,
        }
    }

    /// Where it is, of what cannot come from anywhere else.
    pub(super) fn in_file(&self) -> Result<(&FileRef, &Range<u64>), CountFault> {
        match self {
            Piece::File { input, range } => Ok((input, range)),
            Piece::Lines { .. } | Piece::Here { .. } => {
                Err(CountFault::Input(format!("{}: cannot be read as text or from a stream", self.name())))
            }
        }
    }
}

/// What counting a part gives: counts, or the first row that cannot be counted if that ends the count.
pub type TableAnswer = Result<PartCounts, BadRow>;

/// One stretch of a CSV file whose rows are to be found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyJob {
    /// The file.
    pub input: FileRef,
    /// The bytes; a stretch begins at its first line.
    pub stretch: Range<u64>,
    /// Where the first row begins.
    pub first: u64,
    /// What stands between two fields.
    pub delimiter: u8,
}

thread_local! {
    /// Kept, because fresh memory costs more than reading into it.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Counts the rows of one part.
///
/// # Errors
/// [`CountFault::Input`] if the file cannot be read or the bounds are none, [`CountFault::Quoted`] if lines are no rows here.
pub fn count_table(job: TableJob) -> Result<TableAnswer, CountFault> {
    let bounds = CellBounds::parse(&job.minimum, &job.maximum)
        .map_err(|error| CountFault::Input(format!("{}: {error}", job.piece.name())))?;
    match job.rows {
        Rows::Columnar { format, ref columns } => count_columnar(&job, format, columns),
        Rows::Array { ref columns } => count_array(&job, columns),
        Rows::Csv { dialect, columns } => {
            let mut counter = CsvCounter::new(&dialect, columns, bounds);
            with_text(job.piece, None, |bytes| counter.count(bytes, job.on_bad_row, job.kept))
        }
        Rows::Json { table, columns } => {
            let first = table.data_offset;
            let mut counter = JsonCounter::new(table, columns, bounds);
            with_text(job.piece, Some(first), |bytes| counter.count(bytes, job.on_bad_row, job.kept))
        }
    }
}

fn count_array(job: &TableJob, columns: &[usize]) -> Result<TableAnswer, CountFault> {
    let (input, rows) = job.piece.in_file()?;
    let file = input.array().map_err(CountFault::Input)?;
    let bounds = Bounds::parse(&job.minimum, &job.maximum, file.layout().dtype)
        .map_err(|error| CountFault::Input(format!("{}: {error}", input.name)))?;
    let counted = file.count_columns(rows.clone(), columns, &bounds, job.kept);
    counted.map(Ok).map_err(|error| CountFault::Input(input.renamed(&error.to_string())))
}

fn count_columnar(job: &TableJob, format: Format, columns: &[usize]) -> Result<TableAnswer, CountFault> {
    let (input, range) = job.piece.in_file()?;
    let file = input.columnar(format).map_err(CountFault::Input)?;
    let counted = file.count(range.start, columns, &job.minimum, &job.maximum, job.kept);
    counted.map(Ok).map_err(|error| CountFault::Input(input.renamed(&error.to_string())))
}

/// Hands on the bytes of a text. `lines_from`: the lines that begin in its range, in a file whose first begins there.
pub(super) fn with_text<T>(
    text: Piece,
    lines_from: Option<u64>,
    work: impl FnOnce(&[u8]) -> T,
) -> Result<T, CountFault> {
    match text {
        Piece::Here { bytes, .. } => Ok(work(&bytes)),
        Piece::Lines { input, stretch, first } => {
            let done = with_bytes(&input, |file, buffer| {
                let begin = file.lines_in(stretch, first, buffer)?;
                if begin.is_none() {
                    buffer.clear();
                }
                let quoted = memchr(b'"', buffer).is_some();
                Ok(if quoted { Err(begin.unwrap_or(first)) } else { Ok(work(buffer)) })
            })?;
            done.map_err(|from| CountFault::Quoted { from })
        }
        Piece::File { input, range } => with_bytes(&input, |file, buffer| {
            match lines_from {
                None => file.read(range, buffer)?,
                Some(first) => {
                    if file.lines_in(range, first, buffer)?.is_none() {
                        buffer.clear();
                    }
                }
            }
            Ok(work(buffer))
        }),
    }
}

/// Says where rows begin in one stretch; `None` if no line begins in it.
///
/// # Errors
/// [`CountFault::Input`] if the file cannot be read.
pub fn survey(job: SurveyJob) -> Result<Option<Stretch>, CountFault> {
    with_bytes(&job.input, |file, buffer| {
        let begin = file.lines_in(job.stretch, job.first, buffer)?;
        Ok(begin.map(|begin| survey_csv(buffer, begin, job.delimiter)))
    })
}

fn with_bytes<T>(
    input: &FileRef,
    work: impl FnOnce(&DataFile, &mut Vec<u8>) -> Result<T, DataError>,
) -> Result<T, CountFault> {
    let file = input.table().map_err(CountFault::Input)?;
    let done = BUFFER.with_borrow_mut(|buffer| work(&file, buffer));
    done.map_err(|error| CountFault::Input(input.renamed(&error.to_string())))
}
