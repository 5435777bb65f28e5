//! `describe`: count, mean, standard deviation, least, quartiles and greatest of each column of numbers, as pandas gives them.
//!
//! Nothing is estimated: what a chunk gives is added to what the others gave. One walk finds all but the quartiles, and these too if the
//! numbers are so few that they can be held. Of more numbers it counts how they begin, and the second walk collects those that may be
//! quartiles; only if these are still too many, there is a third, and at most a fourth. The table itself is never held.

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
use crate::map::{Fault, fate, sent, told};
use crate::select::{Beginnings, Counts, Wanted};
use crate::workplace::Workplace;

/// The names of the statistics, in their order.
const STATISTICS: [&str; 8] = ["count", "mean", "std", "min", "25%", "50%", "75%", "max"];

/// What one column has given so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Column {
    count: u64,
    sum: Sum,
    /// The squares of the distances from the mean.
    squares: Sum,
    least: Option<f64>,
    greatest: Option<f64>,
    counts: Counts,
    /// All numbers, or those that may be quartiles; `None` if they were not to be collected.
    numbers: Option<Vec<f64>>,
}

/// A sum, and what was lost of it in rounding.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Sum {
    sum: f64,
    lost: f64,
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

/// Describes the columns of numbers of a table. `open` gives its chunks from the first on each time it is called: once if
/// there are up to some million numbers, or else twice, and at most four times. A null and NaN are missing; columns of other types are left out.
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
    let (names, mut columns) = walk((place, "walk0"), open()?, None)?;
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
        let (_, found) = walk((place, &format!("walk{number}")), open()?, Some(&looks))?;
        for (wanted, column) in wanted.iter_mut().zip(found) {
            match column.numbers {
                Some(numbers) => wanted.find(numbers),
                None => wanted.narrow(&column.counts),
            }
        }
    }
    let mut fields = vec![Field::new("statistic", DataType::Utf8, false)];
    let mut described: Vec<ArrayRef> = vec![Arc::new(StringArray::from(STATISTICS.to_vec()))];
    for ((name, column), wanted) in names.iter().zip(&columns).zip(&wanted) {
        fields.push(Field::new(name, DataType::Float64, true));
        described.push(Arc::new(Float64Array::from(statistics(column, wanted))));
    }
    RecordBatch::try_new(Schema::new(fields).into(), described).map_err(|error| FrameError::format("describe", &error))
}

/// What a walk has given: the names of the columns of numbers, and their sums.
type Walked = (Vec<String>, Vec<Column>);

/// Walks the table once and adds up what its chunks give, by column.
fn walk<C: Into<Chunk>>(
    (place, stage): (Workplace<'_>, &str),
    chunks: impl IntoIterator<Item = Result<C, FrameError>>,
    looks: Option<&[Look]>,
) -> Result<Walked, FrameError> {
    let (mut names, mut sums) = (Vec::new(), Vec::<Column>::new());
    let broken = Rc::new(RefCell::new(None));
    let jobs = sent(chunks.into_iter(), Rc::clone(&broken)).zip(0..).map(|(next, index)| match next {
        Next::Task(weight, chunk) => Next::Task(weight, Job { chunk, index, looks: looks.map(<[Look]>::to_vec) }),
        Next::CutShort => Next::CutShort,
    });
    let stage = place.name_of(stage);
    let mut answers = stream(place.pool, place.stage(&stage, true), look, fate, jobs);
    let mut index = 0;
    while let Some(answer) = answers.next()? {
        let (named, columns) = told("chunk", index, answer)?;
        if index > 0 && named != names {
            let (found, wanted) = (named.join(", "), names.join(", "));
            return Err(FrameError::Misfit { what: "chunk", index, found, wanted });
        }
        names = named;
        if index == 0 {
            sums.resize_with(columns.len(), || Column { numbers: Some(Vec::new()), ..Column::default() });
        }
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
    let batch = job.chunk.open()?;
    let schema = batch.schema();
    let fields = schema.fields().iter().zip(batch.columns()).filter(|(field, _)| field.data_type().is_numeric());
    let fields: Vec<_> = fields.collect();
    // If all chunks are as long, all of them up to this one are few enough. What is kept of a run must not depend on anything else.
    let few = (job.index + 1).saturating_mul((batch.num_rows() * fields.len()) as u64) <= HELD;
    let (mut names, mut columns) = (Vec::new(), Vec::new());
    for (at, (field, column)) in fields.into_iter().enumerate() {
        let column = cast(column, &DataType::Float64).map_err(Fault::function)?;
        let column = column.as_primitive::<Float64Type>();
        let numbers = || column.iter().flatten().filter(|number| !number.is_nan());
        let look = job.looks.as_ref().map(|looks| looks.get(at).cloned().unwrap_or_default());
        columns.push(match look {
            None => Column::of(numbers, few),
            Some(Look { beginnings, collects: true }) => {
                Column { numbers: Some(beginnings.collect(numbers())), ..Column::default() }
            }
            Some(Look { beginnings, .. }) => Column { counts: beginnings.count(numbers()), ..Column::default() },
        });
        names.push(field.name().clone());
    }
    Ok((names, columns))
}

impl Column {
    /// What the numbers of one chunk give; if they are `few`, they are kept themselves.
    fn of<I: Iterator<Item = f64>>(numbers: impl Fn() -> I, few: bool) -> Column {
        let mut done = Column::default();
        numbers().for_each(|number| done.take(number));
        let mean = done.mean();
        numbers().for_each(|number| done.squares.add((number - mean).powi(2)));
        done.counts = Beginnings::all().count(numbers());
        done.numbers = few.then(|| numbers().collect());
        done
    }

    fn take(&mut self, number: f64) {
        self.count += 1;
        self.sum.add(number);
        self.least = Some(self.least.map_or(number, |least| least.min(number)));
        self.greatest = Some(self.greatest.map_or(number, |greatest| greatest.max(number)));
    }

    fn add(&mut self, more: Column) {
        // The distances from one mean become those from the mean of all.
        let apart = if self.count == 0 || more.count == 0 { 0.0 } else { more.mean() - self.mean() };
        let weight = self.count as f64 * more.count as f64 / (self.count + more.count).max(1) as f64;
        self.squares.add_all(more.squares);
        self.squares.add(apart * apart * weight);
        self.count += more.count;
        self.sum.add_all(more.sum);
        let either = |mine: Option<f64>, theirs: Option<f64>, choose: fn(f64, f64) -> f64| match (mine, theirs) {
            (Some(mine), Some(theirs)) => Some(choose(mine, theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        self.least = either(self.least, more.least, f64::min);
        self.greatest = either(self.greatest, more.greatest, f64::max);
        self.counts.add(more.counts);
        match (&mut self.numbers, more.numbers) {
            (Some(mine), Some(theirs)) => mine.extend(theirs),
            (mine, _) => *mine = None,
        }
    }

    fn mean(&self) -> f64 {
        self.sum.value() / self.count as f64
    }
}

impl Sum {
    /// After Neumaier.
    fn add(&mut self, number: f64) {
        let sum = self.sum + number;
        if sum.is_finite() {
            self.lost +=
                if self.sum.abs() >= number.abs() { (self.sum - sum) + number } else { (number - sum) + self.sum };
        }
        self.sum = sum;
    }

    fn add_all(&mut self, more: Sum) {
        self.add(more.sum);
        self.lost += more.lost;
    }

    fn value(self) -> f64 {
        self.sum + self.lost
    }
}

/// The quartiles, in hundredths.
const QUARTERS: [f64; 3] = [0.25, 0.5, 0.75];

impl Column {
    /// The neighbours of the quartiles, found as far as this walk can tell.
    fn quartiles(&mut self) -> Wanted {
        let last = self.count.saturating_sub(1);
        let places = QUARTERS.iter().flat_map(|quarter| {
            let at = last as f64 * quarter;
            [at.floor() as u64, at.ceil() as u64]
        });
        let mut wanted = Wanted::places(places.filter(|_| self.count > 0), self.count);
        match self.numbers.take() {
            Some(numbers) => wanted.find(numbers),
            None => wanted.narrow(&std::mem::take(&mut self.counts)),
        }
        wanted
    }
}

fn statistics(column: &Column, wanted: &Wanted) -> Vec<Option<f64>> {
    if column.count == 0 {
        return [Some(0.0)].into_iter().chain([None; 7]).collect();
    }
    let at = |quarter: usize| {
        let numbers = wanted.numbers();
        let place = (column.count - 1) as f64 * QUARTERS[quarter];
        Some(between(numbers[2 * quarter], numbers[2 * quarter + 1], place.fract()))
    };
    let deviation = (column.count > 1).then(|| (column.squares.value() / (column.count - 1) as f64).sqrt());
    let (count, mean) = (Some(column.count as f64), Some(column.mean()));
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
