//! Batches as files and as text, by the Arrow project's own writers.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, Float64Array, RecordBatch};
use arrow_ipc::writer::FileWriter;
use arrow_json::LineDelimitedWriter;
use arrow_json::writer::LineDelimited;
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use mpexec_data::{DType, Output, PackedWriter, Packing, Shape, npy_header};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::FrameError;
use crate::normalize::numbers;

/// All batches as one, for what needs whole columns. That takes as much memory as they have.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Int64Array, RecordBatch};
/// let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
/// let batch = RecordBatch::try_from_iter([("n", numbers)])?;
/// assert_eq!(mpexec_frame::concat([Ok(batch.clone()), Ok(batch)])?.num_rows(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The first of the batches' errors, or a [`FrameError`] if there is no batch or their columns differ.
pub fn concat(batches: impl IntoIterator<Item = Result<RecordBatch, FrameError>>) -> Result<RecordBatch, FrameError> {
    let batches = batches.into_iter().collect::<Result<Vec<_>, _>>()?;
    let Some(first) = batches.first() else {
        return Err(FrameError::Format { what: "the frame".into(), cause: "it has no rows".into() });
    };
    concat_batches(&first.schema(), &batches).map_err(|error| FrameError::format("the frame", &error))
}

/// A batch as CSV, with a line of titles.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Float64Array, RecordBatch};
/// let numbers: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.5), None]));
/// let batch = RecordBatch::try_from_iter([("n", numbers)])?;
/// assert_eq!(mpexec_frame::csv_text(&batch)?, b"n\n1.5\n\"\"\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A [`FrameError`] if a column cannot be written as text.
pub fn csv_text(batch: &RecordBatch) -> Result<Vec<u8>, FrameError> {
    let mut text = Vec::new();
    let written = arrow_csv::Writer::new(&mut text).write(batch);
    written.map_err(|error| FrameError::format("CSV", &error))?;
    Ok(text)
}

/// A file of batches in the making, which appears when it is complete. Its format is that of its ending: `.parquet`, `.arrow`,
/// `.feather`, `.npy`, `.csv`, `.tsv` or `.jsonl`, these three also with `.gz` or `.zst` behind. An array is one of float64 and has no
/// titles; its columns must all be numbers, and what is missing is NaN in it.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Int64Array, RecordBatch};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("n.csv");
/// let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
/// let batch = RecordBatch::try_from_iter([("n", numbers)])?;
/// let mut file = mpexec_frame::FrameOutput::create(&path)?;
/// file.write(&batch)?;
/// file.commit()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "n\n1\n2\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FrameOutput {
    path: PathBuf,
    format: Written,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum Written {
    Parquet,
    Arrow,
    Array,
    Text(u8, Option<Packing>),
    Json(Option<Packing>),
}

enum State {
    /// Nothing was written, so the columns are not known.
    Empty(Output),
    Parquet(Box<ArrowWriter<Output>>),
    Arrow(Box<FileWriter<Output>>),
    /// An array of which nobody knows the length before its end.
    Array {
        output: Output,
        cols: u64,
        rows: u64,
    },
    Csv(Box<arrow_csv::Writer<PackedWriter<Output>>>),
    Json(Box<LineDelimitedWriter<PackedWriter<Output>>>),
    Broken,
}

impl FrameOutput {
    /// Begins a file.
    ///
    /// # Errors
    /// A [`FrameError`] if its ending says no format, or it cannot be made.
    pub fn create(path: impl AsRef<Path>) -> Result<FrameOutput, FrameError> {
        let name = path.as_ref().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        FrameOutput::create_as(path, &name)
    }

    /// As [`create`](FrameOutput::create), whatever the file is called: as if its name ended like `name`.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let file = mpexec_frame::FrameOutput::create_as(folder.path().join("prices"), ".csv.gz")?;
    /// file.commit()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`create`](FrameOutput::create).
    pub fn create_as(path: impl AsRef<Path>, name: &str) -> Result<FrameOutput, FrameError> {
        let path = path.as_ref().to_path_buf();
        let name = name.to_ascii_lowercase();
        let (name, packing) = match name.rsplit_once('.') {
            Some((name, "gz")) => (name, Some(Packing::Gzip)),
            Some((name, "zst")) => (name, Some(Packing::Zstd)),
            _ => (name.as_str(), None),
        };
        let format = match (name.rsplit_once('.').map(|(_, ending)| ending), packing) {
            (Some("parquet"), None) => Written::Parquet,
            (Some("arrow" | "feather"), None) => Written::Arrow,
            (Some("npy"), None) => Written::Array,
            (Some("csv"), _) => Written::Text(b',', packing),
            (Some("jsonl"), _) => Written::Json(packing),
            (Some("tsv"), _) => Written::Text(b'\t', packing),
            _ => {
                let cause = "let its name end with .parquet, .arrow, .feather, .npy, .csv, .tsv or .jsonl, the last three also with .gz or .zst behind".to_owned();
                return Err(FrameError::Format { what: path.display().to_string(), cause });
            }
        };
        Ok(FrameOutput { state: State::Empty(Output::create(&path)?), path, format })
    }

    /// Writes the next rows.
    ///
    /// # Errors
    /// A [`FrameError`] that names the file.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), FrameError> {
        let state = std::mem::replace(&mut self.state, State::Broken);
        self.state = match state {
            State::Empty(output) => self.begin(output, &batch.schema())?,
            begun => begun,
        };
        let written = match &mut self.state {
            State::Parquet(writer) => writer.write(batch).map_err(ArrowError::from),
            State::Arrow(writer) => writer.write(batch),
            State::Array { output, rows, .. } => numbers_of(batch).and_then(|numbers| {
                *rows += batch.num_rows() as u64;
                output.write_all(&numbers).map_err(ArrowError::from)
            }),
            State::Csv(writer) => writer.write(batch),
            State::Json(writer) => writer.write(batch),
            State::Empty(_) | State::Broken => {
                Err(ArrowError::IoError("it was given up".to_owned(), std::io::ErrorKind::BrokenPipe.into()))
            }
        };
        written.map_err(|error| FrameError::format(self.path.display().to_string(), &error))
    }

    fn begin(&self, output: Output, schema: &SchemaRef) -> Result<State, FrameError> {
        let failed = |error: ArrowError| FrameError::format(self.path.display().to_string(), &error);
        Ok(match self.format {
            Written::Parquet => {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let writer = ArrowWriter::try_new(output, Arc::clone(schema), Some(properties));
                State::Parquet(Box::new(writer.map_err(|error| failed(error.into()))?))
            }
            Written::Array => {
                let (mut output, cols) = (output, schema.fields().len() as u64);
                // As long as that of any number of rows.
                let header = npy_header(DType::F64, Shape::Matrix(0, cols));
                output.write_all(&header).map_err(|error| failed(error.into()))?;
                State::Array { output, cols, rows: 0 }
            }
            Written::Arrow => State::Arrow(Box::new(FileWriter::try_new(output, schema).map_err(failed)?)),
            Written::Json(packing) => {
                let mut seen = HashSet::new();
                if let Some(field) = schema.fields().iter().find(|field| !seen.insert(field.name())) {
                    let line =
                        format!("two columns are called {:?}, which a line of JSON cannot tell apart", field.name());
                    return Err(failed(ArrowError::JsonError(line)));
                }
                let packed = PackedWriter::new(output, packing).map_err(|error| failed(error.into()))?;
                let writer = arrow_json::WriterBuilder::new().with_explicit_nulls(true);
                State::Json(Box::new(writer.build::<_, LineDelimited>(packed)))
            }
            Written::Text(delimiter, packing) => {
                let packed = PackedWriter::new(output, packing).map_err(|error| failed(error.into()))?;
                State::Csv(Box::new(arrow_csv::WriterBuilder::new().with_delimiter(delimiter).build(packed)))
            }
        })
    }

    /// The file gets its name. One to which nothing was written has no bytes.
    ///
    /// # Errors
    /// A [`FrameError`] that names the file, which is absent then.
    pub fn commit(self) -> Result<(), FrameError> {
        Ok(self.complete()?.commit()?)
    }

    /// The file with all its bytes, that has no name yet: for whoever has something to do before, or wants it on the disk ([`Output::commit_to_disk`]).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("n.csv");
    /// let output = mpexec_frame::FrameOutput::create(&path)?.complete()?;
    /// assert!(!path.exists());
    /// output.commit_to_disk()?;
    /// assert!(path.exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A [`FrameError`] that names the file.
    pub fn complete(self) -> Result<Output, FrameError> {
        let failed = |error: ArrowError| FrameError::format(self.path.display().to_string(), &error);
        let mut output = match self.state {
            State::Empty(output) => output,
            State::Parquet(writer) => writer.into_inner().map_err(|error| failed(error.into()))?,
            State::Arrow(writer) => writer.into_inner().map_err(failed)?,
            State::Array { output, cols, rows } => {
                output.write_at(0, &npy_header(DType::F64, Shape::Matrix(rows, cols)))?;
                output
            }
            State::Csv(writer) => writer.into_inner().finish().map_err(|error| failed(error.into()))?,
            State::Json(mut writer) => {
                writer.finish().map_err(failed)?;
                writer.into_inner().finish().map_err(|error| failed(error.into()))?
            }
            State::Broken => {
                let cause = "it could not be begun".to_owned();
                return Err(FrameError::Format { what: self.path.display().to_string(), cause });
            }
        };
        output.flush().map_err(|error| failed(error.into()))?;
        Ok(output)
    }
}

/// The numbers of a batch row by row, as an array has them.
fn numbers_of(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| numbers(field.name(), column));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let cells = (0..batch.num_rows()).flat_map(|row| columns.iter().map(move |column| (row, column)));
    let number = |(row, column): (usize, &Float64Array)| {
        let number = if column.is_valid(row) { column.value(row) } else { f64::NAN };
        number.to_le_bytes()
    };
    Ok(cells.flat_map(number).collect())
}

impl std::fmt::Debug for FrameOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameOutput").field("path", &self.path).field("format", &self.format).finish_non_exhaustive()
    }
}
