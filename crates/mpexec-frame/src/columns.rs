//! Functions over columns: of a batch, or of a whole file of which no more than some rows of each column is held at once.
//!
//! What comes of a column of a file goes to a temporary file. Of a table with many columns those of some are put together in one, so that
//! few are open however many columns there are.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Seek};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use arrow_select::concat::concat;
use mpexec_core::Pool;
use mpexec_data::{FileRef, temporary};
use mpexec_runs::{Next, RunError, stream};
use serde::{Deserialize, Serialize};

use crate::carry::{Parcel, Returned};
use crate::chunk::{Part, reference};
use crate::file::Batches;
use crate::map::{Fault, fate, opened, told};
use crate::workplace::Workplace;
use crate::{FrameError, FrameFile};

/// Applies `function` to each column of `batch`, in the workers of `pool`, and puts together what it makes of them, under the same
/// names. All columns that come back must have the same length.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use std::sync::Arc;
/// use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
/// use mpexec_core::{Pool, Workers};
///
/// let column = |from: i64| Arc::new(Int64Array::from_iter_values(from..from + 10)) as ArrayRef;
/// let batch = RecordBatch::try_from_iter([("a", column(0)), ("b", column(100))])?;
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// let tail = |column: ArrayRef| Ok::<_, String>(column.slice(8, 2));
/// assert_eq!(mpexec_frame::map_columns(&pool, &batch, tail)?.columns(), batch.slice(8, 2).columns());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A [`FrameError`] that names the column.
pub fn map_columns<F, E>(pool: &Pool, batch: &RecordBatch, function: F) -> Result<RecordBatch, FrameError>
where
    F: Fn(ArrayRef) -> Result<ArrayRef, E> + Copy + Send + 'static,
    E: Display,
{
    let alone = |column: usize| {
        let schema = Schema::new(vec![batch.schema().field(column).clone()]);
        RecordBatch::try_new(schema.into(), vec![batch.column(column).clone()])
            .and_then(|batch| Parcel::of(&batch).map_err(ArrowError::IpcError))
            .map_err(|error| FrameError::format(format!("column {column}"), &error))
    };
    let parcels = (0..batch.num_columns()).map(alone).collect::<Result<Vec<_>, _>>()?;
    let task = move |parcel: Parcel| -> Result<Returned, Fault> {
        let batch = parcel.open().map_err(Fault::function)?;
        let column = function(batch.column(0).clone()).map_err(Fault::function)?;
        Returned::of(&alone_as("", column)?).map_err(Fault::Function)
    };
    let (mut fields, mut columns) = (Vec::new(), Vec::<ArrayRef>::new());
    for (index, answer) in (0..).zip(pool.imap(task, parcels)) {
        let column = opened("column", index, answer)?.column(0).clone();
        if let Some(first) = columns.first() {
            same_length(index, column.len() as u64, first.len() as u64)?;
        }
        fields.push(Field::new(batch.schema().field(index as usize).name(), column.data_type().clone(), true));
        columns.push(column);
    }
    RecordBatch::try_new(Schema::new(fields).into(), columns).map_err(|error| FrameError::format("columns", &error))
}

/// So many rows of all columns at most are held at once when they are put together, and fewer of many columns: about so many cells.
const ROWS: usize = 16 << 10;
const CELLS: usize = 4 << 20;

/// So many temporary files are open, or twice the root of the number of columns.
const FILES: usize = 256;

/// Applies `function` to each column of a file, and returns what it makes of them as batches of some rows, under the same names.
///
/// A worker reads its column itself and holds it as a whole, as the function asks; what comes of it is written to a temporary file
/// by the worker. So the coordinator holds no more than some thousand rows, unless results are kept in a run folder: those pass through it a
/// column at a time. CSV and streams of record batches, which cannot be read column by
/// column, are put into a temporary Arrow file first. All of them need room in the folder for temporary files, and no memory.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("prices.csv");
/// std::fs::write(&path, "a,b\n1,20\n3,30\n2,10\n")?;
/// use mpexec_core::{Pool, Workers};
/// use mpexec_frame::{FrameFile, csv_text, map_file_columns, normalize_column};
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// let scaled = map_file_columns(&pool, &FrameFile::open(&path)?, normalize_column)?;
/// let scaled = scaled.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(csv_text(&scaled[0])?, b"a,b\n0.0,0.5\n1.0,1.0\n0.5,0.0\n");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A [`FrameError`] that names the file or the column.
pub fn map_file_columns<'a, F, E>(
    place: impl Into<Workplace<'a>>,
    file: &FrameFile,
    function: F,
) -> Result<Batches, FrameError>
where
    F: Fn(ArrayRef) -> Result<ArrayRef, E> + Copy + Send + 'static,
    E: Display,
{
    let place = place.into();
    let pool = place.pool;
    let read = file.by_column(pool, ROWS)?;
    let count = read.schema.fields().len();
    if read.parts.is_empty() {
        let columns = map_columns(pool, &RecordBatch::new_empty(read.schema), function)?;
        return Ok(Box::new([Ok(columns)].into_iter()));
    }
    let together = if count <= FILES { count.max(1) } else { (count as f64).sqrt().ceil() as usize };
    let mut known = Columns { of: file.name(), index: 0, rows: None };
    let mut groups = Vec::new();
    let mut share_done = false;
    for begin in (0..count).step_by(together) {
        let outputs = (begin..count.min(begin + together)).map(|_| temporary()).collect::<Result<Vec<_>, _>>()?;
        let job = |(at, output): (usize, &File)| {
            let output = reference(output, &std::env::temp_dir())?;
            let name = read.schema.field(at).name().clone();
            let rows = (CELLS / count).clamp(1, ROWS);
            Ok(Job { name, parts: read.parts.iter().map(|part| part.column(at)).collect(), output, rows })
        };
        let jobs = (begin..).zip(&outputs).map(job).collect::<Result<Vec<_>, mpexec_data::DataError>>()?;
        if place.is_kept() {
            match known.keep(place, &format!("columns{}", begin / together), jobs, function) {
                // Of the next columns there is a share, too.
                Err(FrameError::Run(RunError::Elsewhere)) => {
                    share_done = true;
                    continue;
                }
                kept => kept?,
            }
        } else {
            known.write(pool, jobs, function)?;
        }
        let one = |outputs| put_together(outputs).map(|file| vec![file]).map_err(|error| kept(&error));
        groups.push(if together < count { one(outputs)? } else { outputs });
    }
    if share_done {
        return Err(RunError::Elsewhere.into());
    }
    let batches = SideBySide::of(groups.into_iter().flatten()).map_err(|error| kept(&error))?;
    let schema = Arc::clone(&batches.schema);
    let mut batches = batches.map(|batch| batch.map_err(|error| kept(&error))).peekable();
    // One without rows has columns all the same.
    let empty = batches.peek().is_none().then(|| Ok(RecordBatch::new_empty(schema)));
    Ok(Box::new(batches.chain(empty)))
}

/// Files of the same rows, read side by side.
struct SideBySide {
    readers: Vec<FileReader<BufReader<File>>>,
    schema: SchemaRef,
}

impl SideBySide {
    fn of(files: impl Iterator<Item = File>) -> Result<SideBySide, ArrowError> {
        let readers = files.map(|mut file| {
            file.rewind().map_err(ArrowError::from)?;
            FileReader::try_new_buffered(file, None)
        });
        let readers = readers.collect::<Result<Vec<_>, _>>()?;
        let fields: Vec<_> = readers.iter().flat_map(|reader| reader.schema().fields().to_vec()).collect();
        Ok(SideBySide { readers, schema: SchemaRef::new(Schema::new(fields)) })
    }
}

impl Iterator for SideBySide {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let parts = self.readers.iter_mut().map(Iterator::next).collect::<Option<Result<Vec<_>, _>>>()?;
        let columns = |parts: Vec<RecordBatch>| parts.into_iter().flat_map(|part| part.columns().to_vec()).collect();
        Some(parts.and_then(|parts| RecordBatch::try_new(Arc::clone(&self.schema), columns(parts))))
    }
}

/// One file in the place of several.
fn put_together(files: Vec<File>) -> Result<File, ArrowError> {
    let batches = SideBySide::of(files.into_iter())?;
    let mut file = temporary().map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
    let mut writer = FileWriter::try_new_buffered(&mut file, &batches.schema)?;
    for batch in batches {
        writer.write(&batch?)?;
    }
    writer.finish()?;
    writer.flush()?;
    drop(writer);
    Ok(file)
}

/// What is known of the columns that were worked on.
struct Columns {
    /// What they are columns of.
    of: String,
    /// The number of the next.
    index: u64,
    /// The rows that came of each.
    rows: Option<u64>,
}

impl Columns {
    /// Workers write what comes of their columns.
    fn write<F, E>(&mut self, pool: &Pool, jobs: Vec<Job>, function: F) -> Result<(), FrameError>
    where
        F: Fn(ArrayRef) -> Result<ArrayRef, E> + Copy + Send + 'static,
        E: Display,
    {
        let task = move |job: Job| -> Result<u64, Fault> { job.run(function) };
        for answer in pool.imap(task, jobs) {
            let rows = self.named(told("column", self.index, answer))?;
            self.are(rows)?;
        }
        Ok(())
    }

    /// What comes of a column comes back, is kept in the run folder, and written here: a column at a time. Each is a range by itself.
    fn keep<F, E>(&mut self, place: Workplace<'_>, stage: &str, jobs: Vec<Job>, function: F) -> Result<(), FrameError>
    where
        F: Fn(ArrayRef) -> Result<ArrayRef, E> + Copy + Send + 'static,
        E: Display,
    {
        let task =
            move |job: Job| -> Result<Returned, Fault> { Returned::of(&job.make(function)?).map_err(Fault::Function) };
        let tasks = jobs.iter().map(|job| Next::Task(u64::MAX, job.clone()));
        let stage = place.name_of(stage);
        let mut answers = stream(place.pool, place.stage(&stage, false), task, fate, tasks);
        for job in &jobs {
            let Some(answer) = answers.next()? else { break };
            let batch = self.named(opened("column", self.index, answer))?;
            self.are(batch.num_rows() as u64)?;
            job.write(&batch).map_err(|error| kept(&error))?;
        }
        while answers.next()?.is_some() {}
        answers.finish()?;
        Ok(())
    }

    /// So many rows came of the next.
    fn are(&mut self, rows: u64) -> Result<(), FrameError> {
        same_length(self.index, rows, *self.rows.get_or_insert(rows))?;
        self.index += 1;
        Ok(())
    }

    /// An error of a function names what the column is one of.
    fn named<T>(&self, done: Result<T, FrameError>) -> Result<T, FrameError> {
        done.map_err(|error| error.of_file(&self.of))
    }
}

fn kept(error: &ArrowError) -> FrameError {
    FrameError::format("what was kept of the columns", error)
}

fn alone_as(name: &str, column: ArrayRef) -> Result<RecordBatch, Fault> {
    let schema = Schema::new(vec![Field::new(name, column.data_type().clone(), true)]);
    RecordBatch::try_new(schema.into(), vec![column]).map_err(Fault::function)
}

fn same_length(index: u64, found: u64, wanted: u64) -> Result<(), FrameError> {
    if found == wanted {
        return Ok(());
    }
    let (found, wanted) = (format!("{found} rows"), format!("{wanted} rows"));
    Err(FrameError::Misfit { what: "column", index, found, wanted })
}

/// One column of a file, and where what comes of it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    name: String,
    parts: Vec<Part>,
    output: FileRef,
    /// So many rows are written at once.
    rows: usize,
}

impl Job {
    /// The task of a worker. Returns the number of rows that came of it.
    fn run<E: Display>(self, function: impl Fn(ArrayRef) -> Result<ArrayRef, E>) -> Result<u64, Fault> {
        let batch = self.make(function)?;
        self.write(&batch).map_err(|error| Fault::Input(format!("a temporary file: cannot be written: {error}")))?;
        Ok(batch.num_rows() as u64)
    }

    /// What comes of the column.
    fn make<E: Display>(&self, function: impl Fn(ArrayRef) -> Result<ArrayRef, E>) -> Result<RecordBatch, Fault> {
        let parts = self.parts.iter().map(|part| part.read().map(|batch| batch.column(0).clone()));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let column = concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()).map_err(Fault::function)?;
        drop(parts);
        alone_as(&self.name, function(column).map_err(|error| Fault::Function(format!("{}: {error}", self.name)))?)
    }

    /// Written anew: a worker that died may have begun with it.
    fn write(&self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let io = |error: io::Error| ArrowError::from(error);
        let output = OpenOptions::new().write(true).truncate(true).open(&self.output.path).map_err(io)?;
        let mut writer = FileWriter::try_new_buffered(output, &batch.schema())?;
        for start in (0..batch.num_rows()).step_by(self.rows) {
            writer.write(&batch.slice(start, self.rows.min(batch.num_rows() - start)))?;
        }
        writer.finish()?;
        writer.flush()
    }
}
