//! What a worker gets: a batch that the coordinator holds, or where some rows lie that the worker reads itself.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use mpexec_data::{ColumnarFile, DataError, FileRef, Format};
use serde::{Deserialize, Serialize};

use crate::FrameError;
use crate::carry::Parcel;
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
    InFile(Part),
}

/// Some rows of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) input: FileRef,
    pub(crate) rows: Rows,
    /// The places of the columns that are read, in the order in which they are wanted; `None`: all.
    pub(crate) columns: Option<Vec<usize>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Rows {
    /// A row group or record batch, or these of its rows.
    Columnar {
        format: Format,
        part: u64,
        rows: Option<Range<u64>>,
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
    Part(Part),
}

/// What a chunk weighs of which nobody knows the bytes in its file.
const WEIGHT: u64 = 4 << 20;

impl Sent {
    /// How many bytes of the input it is, about.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Sent::Part(Part { rows: Rows::Text { part, .. }, .. }) => part.range.end - part.range.start,
            Sent::Part(_) | Sent::Parcel(_) => WEIGHT,
        }
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
            Lies::InFile(part) => part.read().map_err(FrameError::Input),
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
    pub(crate) fn open(self) -> Result<RecordBatch, String> {
        match self {
            Sent::Parcel(parcel) => parcel.open().map_err(|error| error.to_string()),
            Sent::Part(part) => part.read(),
        }
    }
}

impl Part {
    /// Reads the rows as one batch.
    pub(crate) fn read(&self) -> Result<RecordBatch, String> {
        let told = |error: String| self.input.renamed(&error);
        match &self.rows {
            Rows::Text { part, writing, columns } => {
                let file = self.input.table()?;
                columns.read(part, *writing, &file, self.columns.as_deref()).map_err(|error| told(error.to_string()))
            }
            Rows::Columnar { format, part, rows } => {
                let file = self.input.columnar(*format)?;
                let batch = columnar(&file, *part, rows.clone(), self.columns.as_deref());
                batch.map_err(|error| told(error.to_string()))
            }
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
fn whole(batches: &[RecordBatch], schema: &SchemaRef) -> Result<RecordBatch, arrow_schema::ArrowError> {
    match batches {
        [one] => Ok(one.clone()),
        more => concat_batches(more.first().map_or(schema, |first| first.schema_ref()), more),
    }
}

/// What is wrong when a part cannot be named.
pub(crate) fn reference(file: &std::fs::File, path: &std::path::Path) -> Result<FileRef, DataError> {
    FileRef::to(file, path).map_err(|cause| DataError::Io { path: path.to_path_buf(), doing: "ask about it", cause })
}
