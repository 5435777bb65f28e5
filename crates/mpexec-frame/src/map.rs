//! Functions over frames: chunk by chunk or row for row, in worker processes and in order.

use std::cell::RefCell;
use std::fmt::Display;
use std::rc::Rc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use mpexec_core::TaskError;
use mpexec_runs::{Fate, Next, Stream, stream};
use serde::{Deserialize, Serialize};

use crate::FrameError;
use crate::carry::Returned;
use crate::chunk::{Chunk, Sent, Unread};
use crate::watch::{Event, OnTheWay, Watch};
use crate::workplace::Workplace;

/// Applies `function` to each batch, in the workers of `pool`, and returns what it makes of them, in order. Chunks are those of a file
/// ([`FrameFile::chunks`](crate::FrameFile::chunks)), which workers read themselves, or batches of your own. They are taken as
/// results are read, so memory stays bounded however many there are. The function may return any number of rows, but all that it
/// returns must have one schema.
///
/// `function` is any function or closure that captures nothing.
///
/// ```
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
pub fn map_chunks<'a, I, C, F, E>(place: impl Into<Workplace<'a>>, chunks: I, function: F) -> Mapped<'a>
where
    I: IntoIterator<Item = Result<C, FrameError>>,
    I::IntoIter: 'a,
    C: Into<Chunk> + 'a,
    F: Fn(RecordBatch) -> Result<RecordBatch, E> + Copy + Send + 'static,
    E: Display,
{
    Mapped::of(place.into(), chunks.into_iter(), function, false)
}

/// As [`map_chunks`], for a function that works row for row: it must return as many rows as it got.
///
/// ```
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
/// assert_eq!(error.to_string(), "chunk 0: the function returned 3 rows; wanted: 10 rows");
/// # Ok(())
/// # }
/// ```
pub fn map_rows<'a, I, C, F, E>(place: impl Into<Workplace<'a>>, chunks: I, function: F) -> Mapped<'a>
where
    I: IntoIterator<Item = Result<C, FrameError>>,
    I::IntoIter: 'a,
    C: Into<Chunk> + 'a,
    F: Fn(RecordBatch) -> Result<RecordBatch, E> + Copy + Send + 'static,
    E: Display,
{
    Mapped::of(place.into(), chunks.into_iter(), function, true)
}

/// The batches that a function has made, in order.
pub struct Mapped<'a> {
    answers: Stream<'a, Result<Returned, Fault>>,
    index: u64,
    schema: Option<SchemaRef>,
    /// Why the input ended early is told behind all that came before.
    sending: Rc<Sending>,
    watch: Watch<'a>,
    ended: bool,
}

/// One chunk on its way, and whether as many rows must come back.
#[derive(Serialize, Deserialize)]
struct Job {
    chunk: Sent,
    same_rows: bool,
}

/// Why a worker gives nothing back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fault {
    /// What it was to read cannot be read, or what it was to write cannot be written.
    Input(String),
    /// What it has read is not what the others hold.
    Unfit(String),
    /// The function returned an error.
    Function(String),
    /// The same, and the file that it worked on.
    FunctionOn(String, String),
    /// The function returned so many rows for so many.
    Rows(u64, u64),
}

/// What becomes of what a worker gave back, where results are kept.
pub(crate) fn fate<R>(answer: &Result<R, Fault>) -> Fate {
    answer.as_ref().map_or_else(Fault::fate, |_| Fate::Kept)
}

impl From<Unread> for Fault {
    fn from(unread: Unread) -> Fault {
        if unread.refused { Fault::Unfit(unread.line) } else { Fault::Input(unread.line) }
    }
}

impl Fault {
    /// What becomes of it where results are kept.
    pub(crate) fn fate(&self) -> Fate {
        match self {
            Fault::Input(_) => Fate::Lost,
            Fault::Unfit(_) | Fault::Function(_) | Fault::FunctionOn(..) | Fault::Rows(..) => Fate::Refused,
        }
    }

    pub(crate) fn function(error: impl Display) -> Fault {
        Fault::Function(error.to_string())
    }

    /// The same of a function that worked on a part of a file.
    fn function_on(file: Option<&str>, error: impl Display) -> Fault {
        match file {
            Some(file) => Fault::FunctionOn(file.to_owned(), error.to_string()),
            None => Fault::function(error),
        }
    }
}

type Answer = Result<Result<Returned, Fault>, TaskError>;

impl<'a> Mapped<'a> {
    fn of<I, F, E>(
        place: Workplace<'a>,
        chunks: impl Iterator<Item = Result<I, FrameError>> + 'a,
        function: F,
        same_rows: bool,
    ) -> Mapped<'a>
    where
        I: Into<Chunk> + 'a,
        F: Fn(RecordBatch) -> Result<RecordBatch, E> + Copy + Send + 'static,
        E: Display,
    {
        let sending = Rc::<Sending>::default();
        place.watch.tell(Event::Walks);
        let jobs = sent(chunks, Rc::clone(&sending)).map(move |next| match next {
            Next::Task(weight, chunk) => Next::Task(weight, Job { chunk, same_rows }),
            Next::CutShort => Next::CutShort,
        });
        let task = move |job: Job| -> Result<Returned, Fault> {
            let file = job.chunk.file().map(str::to_owned);
            let batch = job.chunk.open()?;
            let rows = batch.num_rows() as u64;
            let done = function(batch).map_err(|error| Fault::function_on(file.as_deref(), error))?;
            if job.same_rows && done.num_rows() as u64 != rows {
                return Err(Fault::Rows(done.num_rows() as u64, rows));
            }
            Returned::of(&done).map_err(Fault::Function)
        };
        let stage = place.name_of("chunks");
        let answers = stream(place.pool, place.stage(&stage, false, false), task, fate, jobs);
        Mapped { answers, index: 0, schema: None, sending, watch: place.watch, ended: false }
    }

    fn check(&mut self, answer: Answer) -> Result<RecordBatch, FrameError> {
        let index = self.index;
        let batch = opened("chunk", index, answer)?;
        let schema = self.schema.get_or_insert_with(|| batch.schema());
        if **schema != *batch.schema() {
            let (found, wanted) = (columns_of(&batch.schema()), columns_of(schema));
            return Err(FrameError::Misfit { what: "chunk", index, found, wanted });
        }
        let (rows, bytes) = (batch.num_rows() as u64, self.sending.on_the_way.came());
        self.watch.tell(Event::Walked { rows, bytes });
        Ok(batch)
    }
}

/// What is known of chunks on their way.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    /// Why the input ended early.
    pub(crate) broken: RefCell<Option<FrameError>>,
    pub(crate) on_the_way: OnTheWay,
}

/// Chunks on their way. What could not be read ends them.
pub(crate) fn sent<'a, I: Into<Chunk> + 'a>(
    chunks: impl Iterator<Item = Result<I, FrameError>> + 'a,
    sending: Rc<Sending>,
) -> impl Iterator<Item = Next<Sent>> + 'a {
    let mut chunks = chunks.map(|chunk| chunk.and_then(|chunk| chunk.into().send()));
    std::iter::from_fn(move || match chunks.next()? {
        Ok(chunk) => {
            sending.on_the_way.sent(chunk.bytes());
            Some(Next::Task(chunk.weight(), chunk))
        }
        Err(error) => {
            sending.broken.replace(Some(error));
            Some(Next::CutShort)
        }
    })
}

impl Iterator for Mapped<'_> {
    type Item = Result<RecordBatch, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let done = match self.answers.next() {
            Ok(Some(answer)) => self.check(answer),
            Ok(None) => {
                self.ended = true;
                let broken = self.sending.broken.take();
                return broken.or_else(|| self.answers.finish().err().map(FrameError::from)).map(Err);
            }
            Err(error) => Err(error.into()),
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

/// What a worker has given, or why it has not.
pub(crate) fn told<T>(
    what: &'static str,
    index: u64,
    answer: Result<Result<T, Fault>, TaskError>,
) -> Result<T, FrameError> {
    let answer = answer.map_err(|cause| FrameError::Task { what, index, cause })?;
    answer.map_err(|fault| match fault {
        Fault::Input(line) | Fault::Unfit(line) => FrameError::Input(line),
        Fault::Function(message) => FrameError::Function { file: None, what, index, message },
        Fault::FunctionOn(file, message) => FrameError::Function { file: Some(file), what, index, message },
        Fault::Rows(found, wanted) => {
            let (found, wanted) = (rows(found), rows(wanted));
            FrameError::Misfit { what, index, found, wanted }
        }
    })
}

/// So many rows, for a person.
pub(crate) fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

pub(crate) fn opened(what: &'static str, index: u64, answer: Answer) -> Result<RecordBatch, FrameError> {
    let returned = told(what, index, answer)?;
    returned.open().map_err(|error| FrameError::format(format!("{what} {index}"), &error))
}

fn columns_of(schema: &Schema) -> String {
    let missing = |nullable| if nullable { "" } else { " (without missing values)" };
    let columns = schema
        .fields()
        .iter()
        .map(|field| format!("{} {}{}", field.name(), field.data_type(), missing(field.is_nullable())));
    let columns: Vec<_> = columns.collect();
    format!("the columns {}", columns.join(", "))
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Field};

    use super::*;

    #[test]
    fn columns_that_differ_in_what_may_be_missing_alone_are_told_apart() {
        let columns = |missing| columns_of(&Schema::new(vec![Field::new("n", DataType::Int64, missing)]));
        assert_eq!(columns(true), "the columns n Int64");
        assert_eq!(columns(false), "the columns n Int64 (without missing values)");
    }
}
