//! `mpexec gen`: writes the tutorial's table. One process does it, because each number follows from the one before.

use std::io::Write;
use std::sync::Arc;

use mpexec::names::shown;
use mpexec_data::{DType, EmptyRange, NpyWriter, Output, Shape, generate};

use crate::console::{Console, Level};
use crate::failure::Failure;
use crate::interrupt::{Running, Work};
use crate::plan::{GenPlan, Place};
use crate::progress::{Progress, Unit};
use crate::stdout::Stdout;

/// What is written at once.
const BLOCK: usize = 1 << 20;

/// Generates, and writes the file.
///
/// # Errors
/// The [`Failure`] that ended it early; the file is absent then.
pub(crate) fn run(plan: &GenPlan, console: &Arc<Console>, running: &Running) -> Result<(), Failure> {
    running.is(Work { unit: "rows", verb: "made", file: plan.place != Place::Stdout }, console);
    let shape = format!("int64 ({}, {}), {} to {}, seed {}", plan.rows, plan.cols, plan.low, plan.high - 1, plan.seed);
    match &plan.place {
        Place::Stdout => {
            fill(plan, console, running, Stdout::bytes()?, |error| Failure::stdout(&error))?;
            running.finish()?;
            console.note(Level::Normal, &format!("standard output: {shape}"));
        }
        Place::File(path) => {
            let output = Output::create(path)?;
            output.reserve(plan.bytes)?;
            // The errors of writing to an output are whole lines already.
            let output = fill(plan, console, running, output, |error| Failure::files(error.to_string()))?;
            running.finish()?;
            running.named(output.commit().map_err(Failure::from))?;
            console.note(Level::Normal, &format!("{}: {shape}", shown(path)));
        }
    }
    Ok(())
}

/// Writes the whole table to `out`.
fn fill<W: Write>(
    plan: &GenPlan,
    console: &Arc<Console>,
    running: &Running,
    out: W,
    failed: impl Fn(std::io::Error) -> Failure,
) -> Result<W, Failure> {
    let mut array = NpyWriter::new(out, DType::I64, Shape::Matrix(plan.rows, plan.cols)).map_err(&failed)?;
    running.begin(Some(plan.rows));
    let mut progress = Progress::start(console, plan.progress, Unit::Rows, plan.rows, plan.place == Place::Stdout);
    let mut block = Vec::with_capacity(BLOCK + (64 << 10));
    let mut rows = Rows::new(plan.cols);
    generate(plan.rows, plan.cols, plan.low, plan.high, plan.seed, |numbers| {
        if running.is_stopping() {
            return Err(Stopped(running.asked()));
        }
        block.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        if block.len() >= BLOCK {
            array.write(&block).map_err(|error| Stopped(failed(error)))?;
            block.clear();
        }
        let made = rows.after(numbers.len());
        running.advance(made);
        progress.advance(made);
        Ok(())
    })
    .map_err(|Stopped(failure)| failure)?;
    array.write(&block).map_err(&failed)?;
    array.finish().map_err(&failed)
}

/// Counts whole rows in a stream of numbers that is not cut at their ends.
struct Rows {
    cols: u64,
    started: u64,
}

impl Rows {
    fn new(cols: u64) -> Rows {
        Rows { cols: cols.max(1), started: 0 }
    }

    /// How many rows are whole after so many more numbers.
    fn after(&mut self, numbers: usize) -> u64 {
        let all = self.started + numbers as u64;
        self.started = all % self.cols;
        all / self.cols
    }
}

/// What ends the generation.
struct Stopped(Failure);

impl From<EmptyRange> for Stopped {
    fn from(empty: EmptyRange) -> Stopped {
        Stopped(Failure::usage(empty.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_when_they_are_whole() {
        let mut rows = Rows::new(5);
        assert_eq!([4, 1, 11, 4].map(|numbers| rows.after(numbers)), [0, 1, 2, 1]);
        assert_eq!(Rows::new(0).after(0), 0);
    }
}
