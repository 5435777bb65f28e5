//! Files as batches of rows, and batches as files: Parquet, Arrow IPC and CSV, by the Arrow project's own readers and writers.

use std::fs::File;
use std::io::{BufReader, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_csv::reader::Format as CsvFormat;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use mpexec_data::{DataError, DataFile, Format, Output};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use regex::Regex;

use crate::FrameError;

/// What stands in CSV for a value that is not there: the list of pandas.
const MISSING: &str =
    r"^(|#N/A|#N/A N/A|#NA|-1\.#IND|-1\.#QNAN|-NaN|-nan|1\.#IND|1\.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null)$";

/// The batches of a file.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch, FrameError>>>;

/// A file whose rows can be read as batches, any number of times.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("prices.csv");
/// std::fs::write(&path, "day,price\nmon,2.5\ntue,NA\n")?;
/// let file = mpexec_frame::FrameFile::open(&path)?;
/// let batches = file.batches(1000)?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((batches[0].num_rows(), batches[0].column(1).null_count()), (2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FrameFile {
    file: File,
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Parquet,
    ArrowFile,
    ArrowStream,
    Csv { schema: SchemaRef, delimiter: u8, header: bool },
}

impl FrameFile {
    /// Opens a file, which is known by its content. The types of the columns of CSV are found by reading all of it once.
    ///
    /// # Errors
    /// A [`FrameError`] that names the file.
    pub fn open(path: impl AsRef<Path>) -> Result<FrameFile, FrameError> {
        let file = DataFile::open(path)?;
        let path = file.path().to_path_buf();
        let kind = match file.format()? {
            Format::Parquet => Kind::Parquet,
            Format::Arrow => {
                let mut start = Vec::new();
                file.read(0..file.length().min(6), &mut start)?;
                if start == b"ARROW1" { Kind::ArrowFile } else { Kind::ArrowStream }
            }
            Format::Csv => {
                let table = file.csv(None, None)?;
                let (delimiter, header) = (table.dialect.delimiter, !table.names.is_empty());
                let format = csv_format(delimiter, header)?;
                let reader = again(file.file(), &path)?;
                let (schema, _) = format.infer_schema(reader, None).map_err(|error| named(&path, &error))?;
                Kind::Csv { schema: Arc::new(schema), delimiter, header }
            }
            other => {
                let cause = format!("frames are read from Parquet, Arrow and CSV; this is {}", other.name());
                return Err(FrameError::Format { what: path.display().to_string(), cause });
            }
        };
        Ok(FrameFile { file: file.into_file(), path, kind })
    }

    /// Its rows from the first on, at most `rows` at once. Parts of Arrow files are as long as they were written.
    ///
    /// # Errors
    /// A [`FrameError`] that names the file.
    pub fn batches(&self, rows: usize) -> Result<Batches, FrameError> {
        let (path, file) = (self.path.clone(), again(&self.file, &self.path)?);
        let failed = |error: ArrowError| named(&self.path, &error);
        let batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>> = match &self.kind {
            Kind::Parquet => {
                let builder = ParquetRecordBatchReaderBuilder::try_new(file.into_inner());
                let reader = builder.and_then(|builder| builder.with_batch_size(rows).build());
                Box::new(reader.map_err(|error| failed(error.into()))?)
            }
            Kind::ArrowFile => Box::new(FileReader::try_new(file, None).map_err(failed)?),
            Kind::ArrowStream => Box::new(StreamReader::try_new(file, None).map_err(failed)?),
            Kind::Csv { schema, delimiter, header } => {
                let builder = arrow_csv::ReaderBuilder::new(Arc::clone(schema)).with_batch_size(rows);
                let builder = builder.with_format(csv_format(*delimiter, *header)?);
                Box::new(builder.build_buffered(file).map_err(failed)?)
            }
        };
        Ok(Box::new(batches.map(move |batch| batch.map_err(|error| named(&path, &error)))))
    }
}

fn csv_format(delimiter: u8, header: bool) -> Result<CsvFormat, FrameError> {
    let missing = Regex::new(MISSING);
    let missing = missing.map_err(|error| FrameError::Format { what: "CSV".into(), cause: error.to_string() })?;
    Ok(CsvFormat::default().with_delimiter(delimiter).with_header(header).with_null_regex(missing))
}

/// The file from its first byte. All share one position, so one is read at a time.
fn again(file: &File, path: &Path) -> Result<BufReader<File>, FrameError> {
    let io = |cause| DataError::Io { path: path.to_path_buf(), doing: "read it again", cause };
    let mut file = file.try_clone().map_err(io)?;
    file.rewind().map_err(io)?;
    Ok(BufReader::with_capacity(1 << 20, file))
}

fn named(path: &Path, error: &ArrowError) -> FrameError {
    FrameError::format(path.display().to_string(), error)
}

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
/// `.feather` or `.csv`.
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
    Csv,
}

enum State {
    /// Nothing was written, so the columns are not known.
    Empty(Output),
    Parquet(Box<ArrowWriter<Output>>),
    Arrow(Box<FileWriter<Output>>),
    Csv(Box<arrow_csv::Writer<Output>>),
    Broken,
}

impl FrameOutput {
    /// Begins a file.
    ///
    /// # Errors
    /// A [`FrameError`] if its ending says no format, or it cannot be made.
    pub fn create(path: impl AsRef<Path>) -> Result<FrameOutput, FrameError> {
        let path = path.as_ref().to_path_buf();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        let format = match ending.as_str() {
            "parquet" => Written::Parquet,
            "arrow" | "feather" => Written::Arrow,
            "csv" => Written::Csv,
            _ => {
                let cause = "let its name end with .parquet, .arrow, .feather or .csv".to_owned();
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
            State::Csv(writer) => writer.write(batch),
            State::Empty(_) | State::Broken => {
                Err(ArrowError::IoError("it was given up".to_owned(), std::io::ErrorKind::BrokenPipe.into()))
            }
        };
        written.map_err(|error| named(&self.path, &error))
    }

    fn begin(&self, output: Output, schema: &SchemaRef) -> Result<State, FrameError> {
        let failed = |error: ArrowError| named(&self.path, &error);
        Ok(match self.format {
            Written::Parquet => {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let writer = ArrowWriter::try_new(output, Arc::clone(schema), Some(properties));
                State::Parquet(Box::new(writer.map_err(|error| failed(error.into()))?))
            }
            Written::Arrow => State::Arrow(Box::new(FileWriter::try_new(output, schema).map_err(failed)?)),
            Written::Csv => State::Csv(Box::new(arrow_csv::Writer::new(output))),
        })
    }

    /// The file gets its name. One to which nothing was written has no bytes.
    ///
    /// # Errors
    /// A [`FrameError`] that names the file, which is absent then.
    pub fn commit(self) -> Result<(), FrameError> {
        let failed = |error: ArrowError| named(&self.path, &error);
        let mut output = match self.state {
            State::Empty(output) => output,
            State::Parquet(writer) => writer.into_inner().map_err(|error| failed(error.into()))?,
            State::Arrow(writer) => writer.into_inner().map_err(failed)?,
            State::Csv(writer) => writer.into_inner(),
            State::Broken => {
                let cause = "it could not be begun".to_owned();
                return Err(FrameError::Format { what: self.path.display().to_string(), cause });
            }
        };
        output.flush().map_err(|error| failed(error.into()))?;
        Ok(output.commit()?)
    }
}

impl std::fmt::Debug for FrameOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameOutput").field("path", &self.path).field("format", &self.format).finish_non_exhaustive()
    }
}
