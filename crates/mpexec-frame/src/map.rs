//! Functions over frames: chunk by chunk, row for row, or column by column, in worker processes and in order.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Display;
use std::rc::Rc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use mpexec_core::{Pool, TaskError};

use crate::FrameError;
use crate::carry::{Parcel, Returned};

/// Applies `function` to each batch, in the workers of `pool`, and returns what it makes of them, in order. Batches are taken as
/// results are read, so memory stays bounded however many there are. The function may return any number of rows, but all that it
/// returns must have one schema.
///
/// `function` is any function or closure that captures nothing.
///
/// ```standalone_crate
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Int64Array, RecordBatch};
/// use mpexec_core::{Pool, Workers};
/// use mpexec_frame::{FrameError, map_chunks};
///
/// let chunk = |from| {
///     let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + 10));
///     RecordBatch::try_from_iter([("n", numbers)]).map_err(|error| FrameError::Format { what: "n".into(), cause: error.to_string() })
/// };
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// let first_three = |batch: RecordBatch| Ok::<_, String>(batch.slice(0, 3));
/// let done = map_chunks(&pool, (0..5).map(|at| chunk(at * 10)), first_three).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(done.iter().map(RecordBatch::num_rows).sum::<usize>(), 15);
/// # Ok(())
/// # }
/// ```
pub fn map_chunks<'a, I, F, E>(pool: &'a Pool, batches: I, function: F) -> Mapped<'a>
where
    I: IntoIterator<Item = Result<RecordBatch, FrameError>>,
    I::IntoIter: 'a,
    F: Fn(RecordBatch) -> Result<RecordBatch, E> + Copy + Send + 'static,
    E: Display,
{
    Mapped::of(pool, batches.into_iter(), function, false)
}

/// As [`map_chunks`], for a function that works row for row: it must return as many rows as it got.
///
/// ```standalone_crate
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Int64Array, RecordBatch};
/// use mpexec_core::{Pool, Workers};
///
/// let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10));
/// let batch = RecordBatch::try_from_iter([("n", numbers)])?;
/// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
/// let fewer = |batch: RecordBatch| Ok::<_, String>(batch.slice(0, 3));
/// let error = mpexec_frame::map_rows(&pool, [Ok(batch)], fewer).next().unwrap().unwrap_err();
/// assert_eq!(error.to_string(), "chunk 0: the function returned 3 rows, but 10 rows is wanted");
/// # Ok(())
/// # }
/// ```
pub fn map_rows<'a, I, F, E>(pool: &'a Pool, batches: I, function: F) -> Mapped<'a>
where
    I: IntoIterator<Item = Result<RecordBatch, FrameError>>,
    I::IntoIter: 'a,
    F: Fn(RecordBatch) -> Result<RecordBatch, E> + Copy + Send + 'static,
    E: Display,
{
    Mapped::of(pool, batches.into_iter(), function, true)
}

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
    let task = move |parcel: Parcel| -> Result<Returned, String> {
        let batch = parcel.open().map_err(|error| error.to_string())?;
        let column = function(batch.column(0).clone()).map_err(|error| error.to_string())?;
        let schema = Schema::new(vec![Field::new("", column.data_type().clone(), true)]);
        let batch = RecordBatch::try_new(schema.into(), vec![column]).map_err(|error| error.to_string())?;
        Returned::of(&batch)
    };
    let (mut fields, mut columns) = (Vec::new(), Vec::<ArrayRef>::new());
    for (index, answer) in (0..).zip(pool.imap(task, parcels)) {
        let column = opened("column", index, answer)?.column(0).clone();
        if let Some(first) = columns.first().filter(|first| first.len() != column.len()) {
            let (found, wanted) = (format!("{} rows", column.len()), format!("{} rows", first.len()));
            return Err(FrameError::Misfit { what: "column", index, found, wanted });
        }
        fields.push(Field::new(batch.schema().field(index as usize).name(), column.data_type().clone(), true));
        columns.push(column);
    }
    RecordBatch::try_new(Schema::new(fields).into(), columns).map_err(|error| FrameError::format("columns", &error))
}

/// The batches that a function has made, in order.
pub struct Mapped<'a> {
    answers: Box<dyn Iterator<Item = Answer> + 'a>,
    index: u64,
    schema: Option<SchemaRef>,
    /// For each batch on its way, its rows, if as many must come back; or why there is none.
    sent: Rc<RefCell<VecDeque<Result<usize, FrameError>>>>,
    same_rows: bool,
    ended: bool,
}

type Answer = Result<Result<Returned, String>, TaskError>;

impl<'a> Mapped<'a> {
    fn of<I, F, E>(pool: &'a Pool, mut batches: I, function: F, same_rows: bool) -> Mapped<'a>
    where
        I: Iterator<Item = Result<RecordBatch, FrameError>> + 'a,
        F: Fn(RecordBatch) -> Result<RecordBatch, E> + Copy + Send + 'static,
        E: Display,
    {
        let sent = Rc::new(RefCell::new(VecDeque::new()));
        let told = Rc::clone(&sent);
        let parcels = std::iter::from_fn(move || {
            let packed = batches.next()?.and_then(|batch| {
                let parcel = Parcel::of(&batch).map_err(ArrowError::IpcError);
                let parcel = parcel.map_err(|error| FrameError::format("a chunk", &error))?;
                Ok((batch.num_rows(), parcel))
            });
            // What could not be read ends the input, and is told behind all that was.
            let (rows, parcel) = match packed {
                Ok((rows, parcel)) => (Ok(rows), Some(parcel)),
                Err(error) => (Err(error), None),
            };
            told.borrow_mut().push_back(rows);
            parcel
        });
        let task = move |parcel: Parcel| -> Result<Returned, String> {
            let batch = parcel.open().map_err(|error| error.to_string())?;
            Returned::of(&function(batch).map_err(|error| error.to_string())?)
        };
        let answers = Box::new(pool.imap(task, parcels.fuse()));
        Mapped { answers, index: 0, schema: None, sent, same_rows, ended: false }
    }

    fn check(&mut self, answer: Answer, rows: usize) -> Result<RecordBatch, FrameError> {
        let index = self.index;
        let batch = opened("chunk", index, answer)?;
        if self.same_rows && batch.num_rows() != rows {
            let (found, wanted) = (format!("{} rows", batch.num_rows()), format!("{rows} rows"));
            return Err(FrameError::Misfit { what: "chunk", index, found, wanted });
        }
        let schema = self.schema.get_or_insert_with(|| batch.schema());
        if **schema != *batch.schema() {
            let (found, wanted) = (columns_of(&batch.schema()), columns_of(schema));
            return Err(FrameError::Misfit { what: "chunk", index, found, wanted });
        }
        Ok(batch)
    }
}

impl Iterator for Mapped<'_> {
    type Item = Result<RecordBatch, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let answer = self.answers.next();
        let rows = self.sent.borrow_mut().pop_front();
        let done = match (answer, rows) {
            (Some(answer), Some(Ok(rows))) => self.check(answer, rows),
            (_, Some(Err(error))) => Err(error),
            _ => {
                self.ended = true;
                return None;
            }
        };
        self.index += 1;
        self.ended = done.is_err();
        Some(done)
    }
}

impl std::fmt::Debug for Mapped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mapped").field("index", &self.index).field("schema", &self.schema).finish_non_exhaustive()
    }
}

fn opened(what: &'static str, index: u64, answer: Answer) -> Result<RecordBatch, FrameError> {
    let returned = answer.map_err(|cause| FrameError::Task { what, index, cause })?;
    let returned = returned.map_err(|message| FrameError::Function { what, index, message })?;
    returned.open().map_err(|error| FrameError::format(format!("{what} {index}"), &error))
}

fn columns_of(schema: &Schema) -> String {
    let columns: Vec<_> =
        schema.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type())).collect();
    format!("the columns {}", columns.join(", "))
}
