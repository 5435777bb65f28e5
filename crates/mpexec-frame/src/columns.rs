//! Functions over columns: of a batch, or of a whole file of which no more than some rows of each column is held at once.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use arrow_select::concat::concat;
use mpexec_core::Pool;
use mpexec_data::FileRef;
use mpexec_runs::{Next, stream};
use serde::{Deserialize, Serialize};

use crate::carry::{Parcel, Returned};
use crate::chunk::{Part, reference};
use crate::file::Batches;
use crate::map::{Fault, opened};
use crate::settle::temporary;
use crate::workplace::Workplace;
use crate::{FrameError, FrameFile};

/// Applies `function` to each column of `batch`, in the workers of `pool`, and puts together what it makes of them, under the same
/// names. All columns that come back must have the same length.
///
/// ```standalone_crate
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

/// So many rows of all columns are held at once when they are put together.
const ROWS: usize = 16 << 10;

/// Applies `function` to each column of a file, and returns what it makes of them as batches of some rows, under the same names.
///
/// A worker reads its column itself and holds it as a whole, as the function asks; what comes of it is written to a temporary file
/// by the worker. So the coordinator holds no more than some thousand rows, unless results are kept in a run folder: those pass through it a
/// column at a time. CSV and streams of record batches, which cannot be read column by
/// column, are put into a temporary Arrow file first. All of them need room in the folder for temporary files, and no memory.
///
/// ```standalone_crate
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
    if read.parts.is_empty() {
        let schema = read.schema.project(&read.places).map_err(|error| kept(&error))?;
        let columns = map_columns(pool, &RecordBatch::new_empty(schema.into()), function)?;
        return Ok(Box::new([Ok(columns)].into_iter()));
    }
    let mut outputs = Vec::with_capacity(read.places.len());
    for _ in &read.places {
        outputs.push(temporary()?);
    }
    let job = |(&place, output): (&usize, &File)| {
        let output = reference(output, &std::env::temp_dir())?;
        let parts = read.parts.iter().map(|part| Part { columns: Some(vec![place]), ..part.clone() }).collect();
        Ok(Job { name: read.schema.field(place).name().clone(), parts, output })
    };
    let jobs = read.places.iter().zip(&outputs).map(job).collect::<Result<Vec<_>, mpexec_data::DataError>>()?;
    if place.is_kept() {
        keep(place, jobs, function)?
    } else {
        write(pool, jobs, function)?
    }
    let readers = outputs.into_iter().map(|mut output| {
        output.rewind().map_err(ArrowError::from)?;
        FileReader::try_new_buffered(output, None)
    });
    let mut readers = readers.collect::<Result<Vec<_>, _>>().map_err(|error| kept(&error))?;
    let fields: Vec<_> = readers.iter().map(|reader| reader.schema().field(0).clone()).collect();
    let schema = SchemaRef::new(Schema::new(fields));
    let columns = Arc::clone(&schema);
    let mut batches = std::iter::from_fn(move || {
        let parts = readers.iter_mut().map(Iterator::next).collect::<Option<Vec<_>>>()?;
        let parts = parts.into_iter().map(|part| part.map(|part| part.column(0).clone()));
        let batch = parts.collect::<Result<_, _>>().and_then(|parts| RecordBatch::try_new(Arc::clone(&columns), parts));
        Some(batch.map_err(|error| kept(&error)))
    })
    .peekable();
    // One without rows has columns all the same.
    let empty = batches.peek().is_none().then(|| Ok(RecordBatch::new_empty(schema)));
    Ok(Box::new(batches.chain(empty)))
}

/// Workers write what comes of their columns.
fn write<F, E>(pool: &Pool, jobs: Vec<Job>, function: F) -> Result<(), FrameError>
where
    F: Fn(ArrayRef) -> Result<ArrayRef, E> + Copy + Send + 'static,
    E: Display,
{
    let task = move |job: Job| -> Result<u64, Fault> { job.run(function) };
    let mut rows = None;
    for (index, answer) in (0..).zip(pool.imap(task, jobs)) {
        let found = crate::map::told("column", index, answer)?;
        same_length(index, found, *rows.get_or_insert(found))?;
    }
    Ok(())
}

/// What comes of a column comes back, is kept in the run folder, and written here: a column at a time. Each is a range by itself.
fn keep<F, E>(place: Workplace<'_>, jobs: Vec<Job>, function: F) -> Result<(), FrameError>
where
    F: Fn(ArrayRef) -> Result<ArrayRef, E> + Copy + Send + 'static,
    E: Display,
{
    let task =
        move |job: Job| -> Result<Returned, Fault> { Returned::of(&job.make(function)?).map_err(Fault::Function) };
    let tasks = jobs.iter().map(|job| Next::Task(u64::MAX, job.clone()));
    let is_final = |answer: &Result<Returned, Fault>| answer.is_ok();
    let mut answers = stream(place.pool, place.stage("column"), task, is_final, tasks);
    let (mut rows, mut index) = (None, 0);
    while let Some(answer) = answers.next()? {
        let batch = opened("column", index, answer)?;
        let found = batch.num_rows() as u64;
        same_length(index, found, *rows.get_or_insert(found))?;
        jobs[index as usize].write(&batch).map_err(|error| kept(&error))?;
        index += 1;
    }
    answers.finish()?;
    Ok(())
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
        let parts = parts.collect::<Result<Vec<_>, _>>().map_err(Fault::Input)?;
        let column = concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()).map_err(Fault::function)?;
        drop(parts);
        alone_as(&self.name, function(column).map_err(|error| Fault::Function(format!("{}: {error}", self.name)))?)
    }

    /// Written anew: a worker that died may have begun with it.
    fn write(&self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let io = |error: io::Error| ArrowError::from(error);
        let output = OpenOptions::new().write(true).truncate(true).open(&self.output.path).map_err(io)?;
        let mut writer = FileWriter::try_new_buffered(output, &batch.schema())?;
        for start in (0..batch.num_rows()).step_by(ROWS) {
            writer.write(&batch.slice(start, ROWS.min(batch.num_rows() - start)))?;
        }
        writer.finish()?;
        writer.flush()
    }
}
