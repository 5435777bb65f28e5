//! Functions over columns: of a batch, or of a whole file of which no more than some rows of each column is held at once.
//!
//! A task works on one column of a file, or on several if they are short, and what comes of them goes to a temporary file. Where these are many,
//! some are put together in one, so that few are open however many columns there are.

mod job;

use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, Seek};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use mpexec_core::{Pool, TaskError};
use mpexec_data::temporary;
use mpexec_runs::{Fate, Next, RunError, stream};

use crate::carry::{Parcel, Returned};
use crate::chunk::reference;
use crate::file::Batches;
use crate::map::{Fault, opened, rows, told};
use crate::watch::{Event, Watch};
use crate::workplace::Workplace;
use crate::{FrameError, FrameFile};
use job::{Job, Missed};

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

/// Into about so many tasks the columns are put, if they are as many: each opens the file, and reads of all of its columns what they are.
const TASKS: usize = 64;

/// So many temporary files are open, or twice the root of the number of tasks.
const FILES: usize = 256;

/// Applies `function` to each column of a file, and returns what it makes of them as batches of some rows, under the same names.
///
/// A worker reads its column itself and holds it as a whole, as the function asks (or some columns, if they are short); what comes of it is written to a temporary file
/// by the worker. So the coordinator holds no more than some thousand rows, unless results are kept in a run folder: those pass through it a
/// few columns at a time. CSV and streams of record batches, which cannot be read column by
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
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("wide.csv");
/// let cells: Vec<_> = (0..200).map(|place| if place == 77 { "NA" } else { "1" }).collect();
/// std::fs::write(&path, format!("{}\n2{}\n", cells.join(","), ",2".repeat(199)))?;
/// use arrow_array::{Array, ArrayRef};
/// use mpexec_core::{Pool, Workers};
/// use mpexec_frame::{FrameFile, map_file_columns};
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// let known = |column: ArrayRef| Ok::<_, String>(column.slice(0, column.len() - column.null_count()));
/// let error = map_file_columns(&pool, &FrameFile::open(&path)?, known).err().unwrap();
/// assert_eq!(error.to_string(), "column 77: the function returned 1 row; wanted: 2 rows");
/// # Ok(())
/// # }
/// ```
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
    let read = file.by_column(place.for_now(), ROWS)?;
    let count = read.schema.fields().len();
    if read.parts.is_empty() {
        let columns = map_columns(place.pool, &RecordBatch::new_empty(read.schema), function)?;
        return Ok(Box::new([Ok(columns)].into_iter()));
    }
    place.watch.tell(Event::Columns { columns: count as u64 });
    let at_once = at_once(count, read.rows);
    let tasks: Vec<_> =
        (0..count).step_by(at_once).map(|begin| begin..count.min(begin + at_once)).collect::<Vec<Range<usize>>>();
    let together = if tasks.len() <= FILES { tasks.len().max(1) } else { (tasks.len() as f64).sqrt().ceil() as usize };
    let mut known = Columns { of: file.name(), index: 0, rows: None, watch: place.watch };
    let mut groups = Vec::new();
    let mut share_done = false;
    for (group, tasks_of) in tasks.chunks(together).enumerate() {
        let outputs = tasks_of.iter().map(|_| temporary()).collect::<Result<Vec<_>, _>>()?;
        let job = |(places, output): (&Range<usize>, &File)| {
            let output = reference(output, &std::env::temp_dir())?;
            let names = places.clone().map(|at| read.schema.field(at).name().clone()).collect();
            let parts = read.parts.iter().map(|part| part.columns(places.clone())).collect();
            Ok(Job { names, parts, output, rows: (CELLS / count).clamp(1, ROWS) })
        };
        let jobs = tasks_of.iter().zip(&outputs).map(job).collect::<Result<Vec<_>, mpexec_data::DataError>>()?;
        if place.is_kept() {
            match known.keep(place, &format!("columns{group}"), jobs, function) {
                // Of the next columns there is a share, too.
                Err(FrameError::Run(RunError::Elsewhere)) => {
                    share_done = true;
                    continue;
                }
                kept => kept?,
            }
        } else {
            known.write(place.pool, jobs, function)?;
        }
        let one = |outputs| put_together(outputs).map(|file| vec![file]).map_err(|error| kept(&error));
        groups.push(if together < tasks.len() { one(outputs)? } else { outputs });
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

/// So many columns of so many rows are given to a task. What is kept of a run must not depend on anything else.
fn at_once(columns: usize, rows: u64) -> usize {
    let most = usize::try_from(CELLS as u64 / rows.max(1)).unwrap_or(CELLS);
    columns.div_ceil(TASKS).clamp(1, most.max(1))
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
struct Columns<'a> {
    /// What they are columns of.
    of: String,
    /// The number of the next.
    index: u64,
    /// The rows that came of each.
    rows: Option<u64>,
    watch: Watch<'a>,
}

impl Columns<'_> {
    /// Workers write what comes of their columns.
    fn write<F, E>(&mut self, pool: &Pool, jobs: Vec<Job>, function: F) -> Result<(), FrameError>
    where
        F: Fn(ArrayRef) -> Result<ArrayRef, E> + Copy + Send + 'static,
        E: Display,
    {
        let columns: Vec<_> = jobs.iter().map(|job| job.names.len()).collect();
        let task = move |job: Job| -> Result<u64, Missed> { job.run(function) };
        for (columns, answer) in columns.into_iter().zip(pool.imap(task, jobs)) {
            let rows = self.told(columns, answer)?;
            self.are(columns, rows)?;
        }
        Ok(())
    }

    /// What comes of columns comes back, is kept in the run folder, and written here: those of a task at a time. Each task is a range by itself.
    fn keep<F, E>(&mut self, place: Workplace<'_>, stage: &str, jobs: Vec<Job>, function: F) -> Result<(), FrameError>
    where
        F: Fn(ArrayRef) -> Result<ArrayRef, E> + Copy + Send + 'static,
        E: Display,
    {
        let task = move |job: Job| -> Result<Returned, Missed> {
            Returned::of(&job.make(function)?).map_err(|fault| Missed::at(0)(Fault::Function(fault)))
        };
        let tasks = jobs.iter().map(|job| Next::Task(u64::MAX, job.clone()));
        let stage = place.name_of(stage);
        let fate = |answer: &Result<Returned, Missed>| {
            answer.as_ref().map_or_else(|missed| missed.fault.fate(), |_| Fate::Kept)
        };
        let mut answers = stream(place.pool, place.stage(&stage, false, false), task, fate, tasks);
        for job in &jobs {
            let Some(answer) = answers.next()? else { break };
            let returned = self.told(job.names.len(), answer)?;
            let batch =
                returned.open().map_err(|error| FrameError::format(format!("column {}", self.index), &error))?;
            self.are(job.names.len(), batch.num_rows() as u64)?;
            job.write(&batch).map_err(|error| kept(&error))?;
        }
        while answers.next()?.is_some() {}
        answers.finish()?;
        Ok(())
    }

    /// So many rows came of each of the next columns.
    fn are(&mut self, columns: usize, rows: u64) -> Result<(), FrameError> {
        same_length(self.index, rows, *self.rows.get_or_insert(rows))?;
        self.index += columns as u64;
        (0..columns).for_each(|_| self.watch.tell(Event::Column { rows }));
        Ok(())
    }

    /// What came of the next columns. An error of a function names what the column is one of.
    fn told<T>(&self, columns: usize, answer: Result<Result<T, Missed>, TaskError>) -> Result<T, FrameError> {
        let (mut index, what) = (self.index, if columns > 1 { "one of the columns from" } else { "column" });
        let answer = answer.map_err(|cause| FrameError::Task { what, index, cause })?;
        let answer = answer.map_err(|missed| match (missed.fault, self.rows) {
            // The first of them is as long as no column before them.
            (Fault::Rows(_, first), Some(rows)) if first != rows => Fault::Rows(first, rows),
            (fault, _) => {
                index += missed.column;
                fault
            }
        });
        told("column", index, Ok(answer)).map_err(|error| error.of_file(&self.of))
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
    let (found, wanted) = (rows(found), rows(wanted));
    Err(FrameError::Misfit { what: "column", index, found, wanted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_few_columns_that_are_long_and_many_that_are_short() {
        assert_eq!([1, 5, 64].map(|columns| at_once(columns, 2)), [1, 1, 1]);
        assert_eq!([65, 16_000].map(|columns| at_once(columns, 2)), [2, 250]);
        assert_eq!([0, 1 << 20, 1 << 23, u64::MAX].map(|rows| at_once(16_000, rows)), [250, 4, 1, 1]);
    }
}
