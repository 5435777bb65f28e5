//! What a worker gets: a batch that the coordinator holds, or where some rows lie that the worker reads itself.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use mpexec_data::{ColumnarFile, DataError, FileRef, Format};
use serde::{Deserialize, Serialize};

use crate::FrameError;
use crate::array;
use crate::carry::{Parcel, Returned};
use crate::text::{Columns, TextPart, Writing};

/// Some rows of a frame: a batch, or a part of a file.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Int64Array, RecordBatch};
/// let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
/// let chunk = mpexec_frame::Chunk::from(RecordBatch::try_from_iter([("n", numbers)])?);
/// assert_eq!(chunk.read()?.num_rows(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chunk(pub(crate) Lies);

/// Where a chunk lies.
#[derive(Clone, Debug)]
pub(crate) enum Lies {
    Here(RecordBatch),
    InFile(Box<Part>),
}

/// Some rows of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) input: FileRef,
    pub(crate) rows: Rows,
    /// The places of the columns that are read, in the order in which they are wanted; `None`: all.
    pub(crate) columns: Option<Vec<usize>>,
    /// What it is to be; `None`: as it is in the file.
    pub(crate) target: Option<Target>,
}

/// The columns that parts of several files have in common, as an empty batch that can be sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Target(Returned);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Rows {
    /// A row group or record batch, or these of its rows.
    Columnar {
        format: Format,
        part: u64,
        rows: Option<Range<u64>>,
    },
    /// These of an array, each of so many bytes.
    Array {
        rows: Range<u64>,
        row_bytes: u64,
    },
    Text {
        part: TextPart,
        writing: Writing,
        columns: Columns,
    },
}

/// A chunk on its way to a worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Sent {
    Parcel(Parcel),
    Part(Box<Part>),
}

/// Why rows cannot be had, and whether they themselves are at fault: then no other try ends in another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) line: String,
    pub(crate) refused: bool,
}

impl From<String> for Unread {
    fn from(line: String) -> Unread {
        Unread { line, refused: false }
    }
}

/// What a chunk weighs of which nobody knows the bytes in its file.
const WEIGHT: u64 = 4 << 20;

impl Sent {
    /// How many bytes of the input it is, about.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Sent::Part(part) => part.weight(),
            Sent::Parcel(_) => WEIGHT,
        }
    }

    /// How many bytes of a text or an array it is.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Sent::Part(part) if !matches!(part.rows, Rows::Columnar { .. }) => part.weight(),
            Sent::Part(_) | Sent::Parcel(_) => 0,
        }
    }

    /// The file that it is a part of, as people call it.
    pub(crate) fn file(&self) -> Option<&str> {
        match self {
            Sent::Part(part) => Some(&part.input.name),
            Sent::Parcel(_) => None,
        }
    }
}

impl Target {
    pub(crate) fn of(schema: &SchemaRef) -> Result<Target, FrameError> {
        let empty = Returned::of(&RecordBatch::new_empty(Arc::clone(schema)));
        empty.map(Target).map_err(|cause| FrameError::Format { what: "the columns".into(), cause })
    }

    /// The batch with these columns: what a text holds may be of another kind of number.
    pub(crate) fn fit(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let schema = self.0.clone().open()?.schema();
        let exact = CastOptions { safe: false, ..CastOptions::default() };
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| cast_with_options(column, field.data_type(), &exact));
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(schema.clone(), columns.collect::<Result<Vec<_>, _>>()?, &options)
    }
}

impl From<RecordBatch> for Chunk {
    fn from(batch: RecordBatch) -> Chunk {
        Chunk(Lies::Here(batch))
    }
}

impl Chunk {
    /// The batch, read here.
    ///
    /// # Errors
    /// A [`FrameError`] that names the file.
    pub fn read(self) -> Result<RecordBatch, FrameError> {
        match self.0 {
            Lies::Here(batch) => Ok(batch),
            Lies::InFile(part) => part.read().map_err(|unread| FrameError::Input(unread.line)),
        }
    }

    pub(crate) fn send(self) -> Result<Sent, FrameError> {
        match self.0 {
            Lies::Here(batch) => {
                let parcel = Parcel::of(&batch);
                parcel.map(Sent::Parcel).map_err(|cause| FrameError::Format { what: "a chunk".into(), cause })
            }
            Lies::InFile(part) => Ok(Sent::Part(part)),
        }
    }
}

impl Sent {
    /// The batch, for a worker.
    pub(crate) fn open(self) -> Result<RecordBatch, Unread> {
        match self {
            Sent::Parcel(parcel) => parcel.open().map_err(|error| error.to_string().into()),
            Sent::Part(part) => part.read(),
        }
    }
}

impl Part {
    fn weight(&self) -> u64 {
        match &self.rows {
            Rows::Text { part, .. } => part.range.end - part.range.start,
            Rows::Array { rows, row_bytes } => (rows.end - rows.start) * row_bytes,
            Rows::Columnar { .. } => WEIGHT,
        }
    }

    /// The same rows of the columns alone that are in these places among those that are read.
    pub(crate) fn columns(&self, places: Range<usize>) -> Part {
        let columns = Some(places.map(|at| self.columns.as_ref().map_or(at, |columns| columns[at])).collect());
        Part { input: self.input.clone(), rows: self.rows.clone(), columns, target: None }
    }

    /// Reads the rows as one batch.
    pub(crate) fn read(&self) -> Result<RecordBatch, Unread> {
        // What stands in a text was read, and is not what it should be.
        let refused =
            |error: &FrameError| matches!((error, &self.rows), (FrameError::Format { .. }, Rows::Text { .. }));
        let told =
            |error: FrameError| Unread { line: self.input.renamed(&error.to_string()), refused: refused(&error) };
        let places = self.columns.as_deref();
        let batch = match &self.rows {
            Rows::Text { part, writing, columns } => columns.read(part, writing, &*self.input.table()?, places),
            Rows::Array { rows, .. } => array::read(&*self.input.array()?, rows.clone(), places),
            Rows::Columnar { format, part, rows } => {
                columnar(&*self.input.columnar(*format)?, *part, rows.clone(), places)
            }
        };
        let batch = batch.map_err(told)?;
        match &self.target {
            None => Ok(batch),
            Some(target) => target
                .fit(&batch)
                .map_err(|error| Unread { line: format!("{}: {error}", self.input.name), refused: true }),
        }
    }
}

fn columnar(
    file: &ColumnarFile,
    part: u64,
    rows: Option<Range<u64>>,
    columns: Option<&[usize]>,
) -> Result<RecordBatch, FrameError> {
    let failed = |error| FrameError::format(file.path().display().to_string(), &error);
    let Some(columns) = columns else {
        let all: Vec<_> = (0..file.names().len()).collect();
        return whole(&file.read_part(part, rows, &all)?, file.schema()).map_err(failed);
    };
    let mut places = columns.to_vec();
    places.sort_unstable();
    let schema = Arc::new(file.schema().project(&places).map_err(failed)?);
    let batch = whole(&file.read_part(part, rows, &places)?, &schema).map_err(failed)?;
    let order: Vec<_> = columns.iter().map(|place| places.partition_point(|before| before < place)).collect();
    batch.project(&order).map_err(failed)
}

/// The rows of all batches.
fn whole(batches: &[RecordBatch], schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    match batches {
        [one] => Ok(one.clone()),
        more => concat_batches(more.first().map_or(schema, |first| first.schema_ref()), more),
    }
}

/// What is wrong when a part cannot be named.
pub(crate) fn reference(file: &std::fs::File, path: &std::path::Path) -> Result<FileRef, DataError> {
    FileRef::to(file, path).map_err(|cause| DataError::Io { path: path.to_path_buf(), doing: "ask about it", cause })
}
