//! The inputs of `map`, one after the other: their rows are numbered through, and one is open at a time.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use mpexec_core::TaskInfo;
use mpexec_data::DataError;

use super::input::Input;
use super::shape::Shape;
use crate::failure::Failure;
use crate::input::Outputs;
use crate::plan::Reading;
use crate::walk::BadRows;

/// The inputs that were named.
pub(super) struct Inputs {
    now: Input,
    /// Those whose turn comes yet.
    rest: VecDeque<PathBuf>,
    reading: Reading,
    outputs: Outputs,
    /// The bad rows of all of them.
    bad: Arc<Mutex<BadRows>>,
    /// Rows that were given out.
    given: u64,
    begins: Begins,
}

/// The number of the first row of each input that was begun: of those that are known, whose a row is.
#[derive(Clone, Debug)]
pub(super) struct Begins(Arc<Mutex<Vec<u64>>>);

impl Begins {
    fn add(&self, first: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(first);
    }

    /// Which input this row is of, and its number there.
    pub(super) fn place_of(&self, row: u64) -> (usize, u64) {
        let begins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let input = begins.partition_point(|&first| first <= row).saturating_sub(1);
        (input, row - begins.get(input).copied().unwrap_or_default())
    }
}

/// How rows become calls: that depends on what their input is.
pub(super) struct Calls {
    pub(super) task: TaskInfo,
    pub(super) with: Vec<(String, String)>,
}

impl Inputs {
    /// Opens the first, and sees that the others are there.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub(super) fn open(files: &[PathBuf], reading: &Reading, outputs: &Outputs) -> Result<Inputs, Failure> {
        if let Some(path) = files.iter().find(|path| path.as_path() != Path::new("-") && path.metadata().is_err()) {
            // It says why.
            drop(Input::open(path, reading, outputs)?);
            return Err(DataError::Missing { path: path.clone() }.into());
        }
        let mut rest: VecDeque<_> = files.iter().cloned().collect();
        let first = rest.pop_front().unwrap_or_else(|| "-".into());
        let begins = Begins(Arc::new(Mutex::new(vec![0])));
        let (now, reading) = (Input::open(&first, reading, outputs)?, reading.clone());
        let outputs = outputs.clone();
        Ok(Inputs { now, rest, reading, outputs, bad: Arc::default(), given: 0, begins })
    }

    /// Where the rows of each input begin.
    pub(super) fn begins(&self) -> Begins {
        self.begins.clone()
    }

    /// The number of rows, if that is known.
    pub(super) fn rows(&self) -> Option<u64> {
        self.now.rows().filter(|_| self.rest.is_empty())
    }

    /// The rows that were left out or completed, when all were read.
    pub(super) fn bad_rows(&self) -> Arc<Mutex<BadRows>> {
        Arc::clone(&self.bad)
    }

    /// The arguments of the next call; `None` behind the last. `shape` is that of the input that is open.
    ///
    /// # Errors
    /// A [`Failure`] of files, or one of usage if the rows of an input are not what the task takes.
    pub(super) fn next(&mut self, calls: &Calls, shape: &mut Shape) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            if let Some(row) = self.now.next(shape)? {
                self.given += 1;
                return Ok(Some(row));
            }
            let ended = std::mem::take(&mut *self.now.bad_rows().lock().unwrap_or_else(PoisonError::into_inner));
            let mut all = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
            all.count += ended.count;
            all.first = all.first.take().or(ended.first);
            all.titles_alone = all.titles_alone.take().or(ended.titles_alone);
            drop(all);
            let Some(next) = self.rest.pop_front() else { return Ok(None) };
            self.now = Input::open(&next, &self.reading, &self.outputs)?;
            self.begins.add(self.given);
            *shape = self.shape(calls)?;
        }
    }

    /// How the rows of the input that is open become calls.
    ///
    /// # Errors
    /// As [`Shape::new`].
    pub(super) fn shape(&self, calls: &Calls) -> Result<Shape, Failure> {
        let Inputs { now, .. } = self;
        Shape::new(&calls.task, &calls.with, now.width(), now.titles(), now.is_matrix())
    }
}
