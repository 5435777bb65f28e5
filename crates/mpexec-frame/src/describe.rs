//! `describe`: count, mean, standard deviation, least, quartiles and greatest of each column of numbers or times, as pandas gives them.
//!
//! Nothing is estimated: what a chunk gives is added to what the others gave, in sums that lose nothing. One walk finds all but the quartiles, and these too if the
//! numbers are so few that they can be held. Of more numbers it counts how they begin, and the second walk collects those that may be
//! quartiles; only if these are still too many, there is a third, and at most a fourth. The table itself is never held.

mod big;
mod holds;
mod moments;
mod statistics;

use std::rc::Rc;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use mpexec_runs::{Next, stream};
use serde::{Deserialize, Serialize};

use crate::FrameError;
use crate::chunk::{Chunk, Sent};
use crate::map::{Fault, Sending, fate, sent, told};
use crate::select::{Beginnings, Counts, Number, Numbers, Wanted};
use crate::watch::Event;
use crate::workplace::Workplace;
use holds::Holds;
use moments::Moments;

/// The names of the statistics, in their order.
const STATISTICS: [&str; 8] = ["count", "mean", "std", "min", "25%", "50%", "75%", "max"];

/// What one column has given so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Column {
    holds: Holds,
    count: u64,
    moments: Moments,
    least: Option<Number>,
    greatest: Option<Number>,
    counts: Counts,
    /// All numbers, or those that may be quartiles; `None` if they were not to be collected.
    numbers: Option<Numbers>,
}

/// What a later walk looks for in one column.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Look {
    beginnings: Beginnings,
    /// Whether the numbers are collected or counted.
    collects: bool,
}

/// One chunk of one walk.
#[derive(Serialize, Deserialize)]
struct Job {
    chunk: Sent,
    /// Its number, from 0 on.
    index: u64,
    /// `None` in the first walk.
    looks: Option<Vec<Look>>,
}

/// So many numbers of all columns at most are held here: 16 MiB.
const HELD: u64 = 2 << 20;

/// Describes the columns of numbers, dates, times and durations of a table. `open` gives its chunks from the first on each time it is called: once if
/// there are up to some million numbers, or else twice, and at most four times. A null and NaN are missing; columns of other types are left out.
/// What describes a column of times is a column of texts, such as `2024-02-29 12:00:00` and `1 days 12:00:00`; in universal time if the column has a zone.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use std::sync::Arc;
/// use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, cast::AsArray, types::Float64Type};
/// use mpexec_core::{Pool, Workers};
///
/// let numbers: ArrayRef = Arc::new(Float64Array::from(vec![4.0, 1.0, 3.0, 2.0]));
/// let batch = RecordBatch::try_from_iter([("n", numbers)])?;
/// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
/// let chunks = || Ok([Ok(batch.slice(0, 1)), Ok(batch.slice(1, 3))]);
/// let described = mpexec_frame::describe(&pool, chunks)?;
/// let column = described.column(1).as_primitive::<Float64Type>();
/// assert_eq!((column.value(0), column.value(1), column.value(4)), (4.0, 2.5, 1.75));
///
/// use arrow_array::DurationSecondArray;
/// let spans: ArrayRef = Arc::new(DurationSecondArray::from(vec![3600, 86_400, -1, 0]));
/// let batch = RecordBatch::try_from_iter([("spans", spans)])?;
/// let described = mpexec_frame::describe(&pool, || Ok([Ok(batch.clone())]))?;
/// let column = described.column(1).as_string::<i32>();
/// let told = ["4", "0 days 06:14:59.750000", "0 days 11:50:33.965335750", "-1 days +23:59:59"];
/// assert_eq!((0..4).map(|place| column.value(place)).collect::<Vec<_>>(), told);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A [`FrameError`] of reading or of a chunk.
pub fn describe<'a, I, C, F>(place: impl Into<Workplace<'a>>, open: F) -> Result<RecordBatch, FrameError>
where
    F: Fn() -> Result<I, FrameError>,
    I: IntoIterator<Item = Result<C, FrameError>>,
    C: Into<Chunk>,
{
    let place = place.into();
    let Walked { names, mut columns, .. } = walk((place, "walk0"), open()?, None)?;
    let mut wanted: Vec<_> = columns.iter_mut().map(Column::quartiles).collect();
    for number in 1.. {
        let open_ones: u64 = wanted.iter().filter_map(|wanted| Some(wanted.open()?.1)).sum();
        if open_ones == 0 {
            break;
        }
        // Of so many bits no two numbers have the same, and these are found by counting; so this ends.
        let look = |wanted: &Wanted| {
            let (beginnings, _) = wanted.open().unwrap_or_default();
            Look { beginnings, collects: open_ones <= HELD }
        };
        let looks: Vec<_> = wanted.iter().map(look).collect();
        let found = walk((place, &format!("walk{number}")), open()?, Some(&looks))?;
        for (wanted, column) in wanted.iter_mut().zip(found.columns) {
            match column.numbers {
                Some(numbers) => wanted.find(numbers),
                None => wanted.narrow(&column.counts),
            }
        }
    }
    let mut fields = vec![Field::new("statistic", DataType::Utf8, false)];
    let mut described: Vec<ArrayRef> = vec![Arc::new(StringArray::from(STATISTICS.to_vec()))];
    for ((name, column), wanted) in names.iter().zip(&columns).zip(&wanted) {
        let statistics = statistics::of(column, wanted);
        fields.push(Field::new(name, statistics.data_type().clone(), true));
        described.push(statistics);
    }
    RecordBatch::try_new(Schema::new(fields).into(), described).map_err(|error| FrameError::format("describe", &error))
}

/// What a walk has given: the names of the columns of numbers, and their sums; and of how many rows.
#[derive(Serialize, Deserialize)]
struct Walked {
    names: Vec<String>,
    columns: Vec<Column>,
    rows: u64,
}

/// Walks the table once and adds up what its chunks give, by column.
fn walk<C: Into<Chunk>>(
    (place, stage): (Workplace<'_>, &str),
    chunks: impl IntoIterator<Item = Result<C, FrameError>>,
    looks: Option<&[Look]>,
) -> Result<Walked, FrameError> {
    let (mut names, mut sums, mut rows) = (Vec::new(), Vec::<Column>::new(), 0);
    let sending = Rc::<Sending>::default();
    place.watch.tell(Event::Walks);
    let jobs = sent(chunks.into_iter(), Rc::clone(&sending)).zip(0..).map(|(next, index)| match next {
        Next::Task(weight, chunk) => Next::Task(weight, Job { chunk, index, looks: looks.map(<[Look]>::to_vec) }),
        Next::CutShort => Next::CutShort,
    });
    let stage = place.name_of(stage);
    let mut answers = stream(place.pool, place.stage(&stage, true, looks.is_some()), look, fate, jobs);
    let mut index = 0;
    while let Some(answer) = answers.next()? {
        let Walked { names: named, columns, rows: more } = told("chunk", index, answer)?;
        if index > 0 && named != names {
            let (found, wanted) = (named.join(", "), names.join(", "));
            return Err(FrameError::Misfit { what: "chunk", index, found, wanted });
        }
        names = named;
        if index == 0 {
            sums.resize_with(columns.len(), || Column { numbers: Some(Numbers::default()), ..Column::default() });
        }
        sums.iter_mut().zip(columns).for_each(|(sum, column)| sum.add(column));
        index += 1;
        rows += more;
        place.watch.tell(Event::Walked { rows: more, bytes: sending.on_the_way.came() });
    }
    answers.finish()?;
    drop(answers);
    match sending.broken.take() {
        Some(error) => Err(error),
        None if names.is_empty() => {
            Err(FrameError::Format { what: "describe".into(), cause: "there is no column of numbers or times".into() })
        }
        None => Ok(Walked { names, columns: sums, rows }),
    }
}

/// The task: what one chunk gives.
fn look(job: Job) -> Result<Walked, Fault> {
    let batch = job.chunk.open()?;
    let schema = batch.schema();
    let fields = schema.fields().iter().zip(batch.columns());
    let fields = fields.filter_map(|(field, column)| Some((field, column, Holds::of(field.data_type())?)));
    let fields: Vec<_> = fields.collect();
    // If all chunks are as long, all of them up to this one are few enough. What is kept of a run must not depend on anything else.
    let few = (job.index + 1).saturating_mul((batch.num_rows() * fields.len()) as u64) <= HELD;
    let (mut names, mut columns) = (Vec::new(), Vec::new());
    for (at, (field, column, holds)) in fields.into_iter().enumerate() {
        let numbers = holds.numbers(column).map_err(Fault::function)?;
        let look = job.looks.as_ref().map(|looks| looks.get(at).cloned().unwrap_or_default());
        columns.push(match look {
            None => Column::of(holds, &numbers, few),
            Some(Look { beginnings, collects: true }) => {
                Column { numbers: Some(beginnings.collect(numbers)), ..Column::default() }
            }
            Some(Look { beginnings, .. }) => Column { counts: beginnings.count(numbers), ..Column::default() },
        });
        names.push(field.name().clone());
    }
    Ok(Walked { names, columns, rows: batch.num_rows() as u64 })
}

impl Column {
    /// What the numbers of one chunk give; if they are `few`, they are kept themselves.
    fn of(holds: Holds, numbers: &[Number], few: bool) -> Column {
        Column {
            holds,
            count: numbers.len() as u64,
            moments: if holds == Holds::Floats { Moments::of_floats(numbers) } else { Moments::of_wholes(numbers) },
            least: numbers.iter().copied().reduce(Number::min),
            greatest: numbers.iter().copied().reduce(Number::max),
            counts: Beginnings::all().count(numbers.iter().copied()),
            numbers: few.then(|| numbers.iter().copied().collect()),
        }
    }

    fn add(&mut self, more: Column) {
        self.holds = more.holds;
        self.count += more.count;
        self.moments.add(&more.moments);
        let either =
            |mine: Option<Number>, theirs: Option<Number>, choose: fn(Number, Number) -> Number| match (mine, theirs) {
                (Some(mine), Some(theirs)) => Some(choose(mine, theirs)),
                (mine, theirs) => mine.or(theirs),
            };
        self.least = either(self.least, more.least, Number::min);
        self.greatest = either(self.greatest, more.greatest, Number::max);
        self.counts.add(more.counts);
        match (&mut self.numbers, more.numbers) {
            (Some(mine), Some(theirs)) => mine.extend(theirs),
            (mine, _) => *mine = None,
        }
    }
}

/// The quartiles, in hundredths.
const QUARTERS: [f64; 3] = [0.25, 0.5, 0.75];

impl Column {
    /// The neighbours of the quartiles, found as far as this walk can tell.
    fn quartiles(&mut self) -> Wanted {
        let places = self.places();
        let places = places.iter().flat_map(|at| [at.floor() as u64, at.ceil() as u64]);
        let mut wanted = Wanted::places(places, self.count);
        match self.numbers.take() {
            Some(numbers) => wanted.find(numbers),
            None => wanted.narrow(&std::mem::take(&mut self.counts)),
        }
        wanted
    }
}
