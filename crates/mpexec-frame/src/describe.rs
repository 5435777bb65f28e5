//! `describe`: count, mean, standard deviation, least, quartiles and greatest of each column of numbers, as pandas gives them.
//!
//! Nothing is estimated. The table is walked several times and never held: what a chunk gives is added to what the others gave.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema};
use mpexec_runs::{Next, stream};
use serde::{Deserialize, Serialize};

use crate::FrameError;
use crate::chunk::{Chunk, Sent};
use crate::map::{Fault, sent, told};
use crate::select::{Counts, WALKS, Wanted};
use crate::workplace::Workplace;

/// The names of the statistics, in their order.
const STATISTICS: [&str; 8] = ["count", "mean", "std", "min", "25%", "50%", "75%", "max"];

/// What one column has given so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Column {
    count: u64,
    /// The sum, and what was lost of it in rounding.
    sum: f64,
    lost: f64,
    /// The squares of the distances from the mean, once that is known.
    squares: f64,
    least: Option<f64>,
    greatest: Option<f64>,
    counts: Counts,
}

/// What a walk looks for in one column.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Look {
    mean: f64,
    wanted: Wanted,
}

/// One chunk of one walk.
#[derive(Serialize, Deserialize)]
struct Job {
    chunk: Sent,
    looks: Vec<Look>,
}

/// Describes the columns of numbers of a table. `open` gives its chunks from the first on each time it is called; that is five
/// times. A null and NaN are missing; columns of other types are left out.
///
/// ```standalone_crate
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
    // The first walk finds the count, and so the places of the quartiles; the others find what stands there.
    let (names, first) = walk((place, "walk0"), open()?, &[])?;
    let mut looks: Vec<_> = first.iter().map(Look::of).collect();
    let mut second = Vec::new();
    for at in 0..WALKS {
        let (_, columns) = walk((place, &format!("walk{}", at + 1)), open()?, &looks)?;
        looks.iter_mut().zip(&columns).for_each(|(look, column)| look.wanted.narrow(&column.counts));
        if at == 0 {
            second = columns;
        }
    }
    let mut fields = vec![Field::new("statistic", DataType::Utf8, false)];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(STATISTICS.to_vec()))];
    for (((name, first), second), look) in names.iter().zip(&first).zip(&second).zip(&looks) {
        fields.push(Field::new(name, DataType::Float64, true));
        columns.push(Arc::new(Float64Array::from(statistics(first, second.squares, look))));
    }
    RecordBatch::try_new(Schema::new(fields).into(), columns).map_err(|error| FrameError::format("describe", &error))
}

/// What a walk has given: the names of the columns of numbers, and their sums.
type Walked = (Vec<String>, Vec<Column>);

/// Walks the table once and adds up what its chunks give, by column.
fn walk<C: Into<Chunk>>(
    (place, stage): (Workplace<'_>, &str),
    chunks: impl IntoIterator<Item = Result<C, FrameError>>,
    looks: &[Look],
) -> Result<Walked, FrameError> {
    let (mut names, mut sums) = (Vec::new(), Vec::<Column>::new());
    let broken = Rc::new(RefCell::new(None));
    let jobs = sent(chunks.into_iter(), Rc::clone(&broken)).map(|next| match next {
        Next::Task(weight, chunk) => Next::Task(weight, Job { chunk, looks: looks.to_vec() }),
        Next::CutShort => Next::CutShort,
    });
    let is_final = |answer: &Result<Walked, Fault>| answer.is_ok();
    let mut answers = stream(place.pool, place.stage(stage), look, is_final, jobs);
    let mut index = 0;
    while let Some(answer) = answers.next()? {
        let (named, columns) = told("chunk", index, answer)?;
        if index > 0 && named != names {
            let (found, wanted) = (named.join(", "), names.join(", "));
            return Err(FrameError::Misfit { what: "chunk", index, found, wanted });
        }
        names = named;
        sums.resize_with(columns.len(), Column::default);
        sums.iter_mut().zip(columns).for_each(|(sum, column)| sum.add(column));
        index += 1;
    }
    answers.finish()?;
    drop(answers);
    match broken.take() {
        Some(error) => Err(error),
        None if names.is_empty() => {
            Err(FrameError::Format { what: "describe".into(), cause: "there is no column of numbers".into() })
        }
        None => Ok((names, sums)),
    }
}

/// The task: what one chunk gives. Numbers are taken as float64; truth values are none, as in pandas.
fn look(job: Job) -> Result<Walked, Fault> {
    let batch = job.chunk.open().map_err(Fault::Input)?;
    let schema = batch.schema();
    let fields = schema.fields().iter().zip(batch.columns()).filter(|(field, _)| field.data_type().is_numeric());
    let (mut names, mut columns) = (Vec::new(), Vec::new());
    for (at, (field, column)) in fields.enumerate() {
        let column = cast(column, &DataType::Float64).map_err(Fault::function)?;
        let column = column.as_primitive::<Float64Type>();
        let numbers = || column.iter().flatten().filter(|number| !number.is_nan());
        let mut done = Column::default();
        match job.looks.get(at) {
            None => numbers().for_each(|number| done.take(number)),
            Some(look) => {
                look.wanted.count(numbers(), &mut done.counts);
                done.squares = numbers().map(|number| (number - look.mean).powi(2)).sum();
            }
        }
        names.push(field.name().clone());
        columns.push(done);
    }
    Ok((names, columns))
}

impl Column {
    fn take(&mut self, number: f64) {
        self.count += 1;
        self.sum_up(number);
        self.least = Some(self.least.map_or(number, |least| least.min(number)));
        self.greatest = Some(self.greatest.map_or(number, |greatest| greatest.max(number)));
    }

    /// Adds to the sum and keeps what rounding loses, after Neumaier.
    fn sum_up(&mut self, number: f64) {
        let sum = self.sum + number;
        if sum.is_finite() {
            self.lost +=
                if self.sum.abs() >= number.abs() { (self.sum - sum) + number } else { (number - sum) + self.sum };
        }
        self.sum = sum;
    }

    fn add(&mut self, more: Column) {
        self.count += more.count;
        self.sum_up(more.sum);
        self.lost += more.lost;
        self.squares += more.squares;
        let either = |mine: Option<f64>, theirs: Option<f64>, choose: fn(f64, f64) -> f64| match (mine, theirs) {
            (Some(mine), Some(theirs)) => Some(choose(mine, theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        self.least = either(self.least, more.least, f64::min);
        self.greatest = either(self.greatest, more.greatest, f64::max);
        self.counts.add(more.counts);
    }

    fn mean(&self) -> f64 {
        (self.sum + self.lost) / self.count as f64
    }
}

/// The quartiles, in hundredths.
const QUARTERS: [f64; 3] = [0.25, 0.5, 0.75];

impl Look {
    fn of(column: &Column) -> Look {
        let last = column.count.saturating_sub(1);
        let places = QUARTERS.iter().flat_map(|quarter| {
            let at = last as f64 * quarter;
            [at.floor() as u64, at.ceil() as u64]
        });
        Look { mean: column.mean(), wanted: Wanted::places(places) }
    }
}

fn statistics(column: &Column, squares: f64, look: &Look) -> Vec<Option<f64>> {
    if column.count == 0 {
        return [Some(0.0)].into_iter().chain([None; 7]).collect();
    }
    let at = |quarter: usize| {
        let numbers = look.wanted.numbers();
        let place = (column.count - 1) as f64 * QUARTERS[quarter];
        Some(between(numbers[2 * quarter], numbers[2 * quarter + 1], place.fract()))
    };
    let deviation = (column.count > 1).then(|| (squares / (column.count - 1) as f64).sqrt());
    let (count, mean) = (Some(column.count as f64), Some(look.mean));
    vec![count, mean, deviation, column.least, at(0), at(1), at(2), column.greatest]
}

/// Between two neighbours, as NumPy does it: from the nearer one, so that the result never leaves them.
fn between(low: f64, high: f64, part: f64) -> f64 {
    if low == high {
        low
    } else if part < 0.5 {
        low + (high - low) * part
    } else {
        high - (high - low) * (1.0 - part)
    }
}
