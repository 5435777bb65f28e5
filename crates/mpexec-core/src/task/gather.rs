//! Results of a job on the caller's side: decoded, and put in their places by index.
//!
//! Results are decoded straight into the vector that the caller gets. What comes ahead of its turn stays as the bytes it
//! is until then.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mpexec_ring::Parcel;
use mpexec_wire::{Results, Status};

use super::outcome::{decode_result, decode_uncaught, panicked};
use super::params::TaskResult;
use super::part::Part;
use crate::engine::jobs::{Chunk, News};
use crate::error::{JobError, TaskError};

fn results_of(chunk: &Chunk) -> Results<'_> {
    Results::new(chunk.bytes.get(chunk.from..chunk.to).unwrap_or_default(), 0, 0)
}

enum Early {
    Results(Chunk),
    Large(Status, Parcel),
}

/// Decodes results into the places that are next, until one is none.
fn decode_all<R: TaskResult>(chunk: &Chunk, places: &mut Vec<R>) -> Result<(), TaskError> {
    let mut entries = results_of(chunk);
    while let Some(Ok(entry)) = entries.next() {
        places.push(decode_uncaught(entry.status, entry.payload)?);
    }
    Ok(())
}

/// Results put in their places by index.
pub(crate) struct Gather<R> {
    places: Vec<R>,
    early: BTreeMap<u64, Early>,
}

impl<R: TaskResult> Gather<R> {
    pub(crate) fn with_capacity(expected: usize) -> Gather<R> {
        // A size hint may be any number; what is not needed is not touched.
        Gather { places: Vec::with_capacity(expected.min(1 << 20)), early: BTreeMap::new() }
    }

    fn next(&self) -> u64 {
        self.places.len() as u64
    }

    /// Takes results in; the first failure among these, by index, ends the job.
    pub(crate) fn take_in(&mut self, news: Vec<News>) -> Result<(), JobError> {
        let mut failed: Option<JobError> = None;
        let mut fail = |error: JobError| {
            if failed.as_ref().is_none_or(|first| error.index < first.index) {
                failed = Some(error);
            }
        };
        for news in news {
            let taken = match news {
                News::Failed(index, error) => Err(JobError { index, error }),
                News::Large(index, status, parcel) => self.take_one(index, Early::Large(status, parcel)),
                News::Results(chunk) => self.take_one(chunk.first, Early::Results(chunk)),
            };
            if let Err(error) = taken {
                fail(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn take_one(&mut self, first: u64, results: Early) -> Result<(), JobError> {
        if first != self.next() {
            look_for_failures::<R>(first, &results)?;
            self.early.insert(first, results);
            return Ok(());
        }
        self.place(results)?;
        while let Some(results) = self.early.remove(&self.next()) {
            self.place(results)?;
        }
        Ok(())
    }

    /// Decodes results whose turn it is.
    fn place(&mut self, results: Early) -> Result<(), JobError> {
        let at = |index: u64| move |error: TaskError| JobError { index, error };
        match results {
            Early::Large(status, parcel) => self.places.push(decode_result(status, &parcel).map_err(at(self.next()))?),
            Early::Results(chunk) => {
                self.places.reserve(chunk.count as usize);
                // One for all: what panicked is the one whose place is empty.
                let decoded = catch_unwind(AssertUnwindSafe(|| decode_all(&chunk, &mut self.places)));
                let decoded = decoded.unwrap_or_else(|_| Err(panicked::<R>()));
                decoded.map_err(at(self.next()))?;
            }
        }
        Ok(())
    }

    /// All results of a job of `total` tasks; each had exactly one outcome, so no place is empty.
    pub(crate) fn finish(self, total: u64) -> Result<Vec<R>, JobError> {
        if self.next() == total && self.early.is_empty() {
            return Ok(self.places);
        }
        let error = TaskError::Cancelled { reason: "no outcome came for it (a fault of mpexec)".to_owned() };
        Err(JobError { index: self.next(), error })
    }
}

/// A failure ends the job when it comes, not when its turn does.
fn look_for_failures<R: TaskResult>(first: u64, results: &Early) -> Result<(), JobError> {
    let failed = |index: u64, status: Status, bytes: &[u8]| match status {
        Status::Ok => Ok(()),
        _ => decode_result::<R>(status, bytes).map(drop).map_err(|error| JobError { index, error }),
    };
    match results {
        Early::Large(status, parcel) => failed(first, *status, parcel),
        Early::Results(chunk) => results_of(chunk)
            .flatten()
            .try_for_each(|entry| failed(first + u64::from(entry.offset), entry.status, entry.payload)),
    }
}

/// Every outcome in its place, the failed ones too.
pub(crate) struct Outcomes<R>(Vec<Option<Result<R, TaskError>>>);

impl<R: TaskResult> Outcomes<R> {
    pub(crate) fn with_capacity(expected: usize) -> Outcomes<R> {
        Outcomes(Vec::with_capacity(expected.min(1 << 20)))
    }

    /// Returns how many of them have failed.
    pub(crate) fn take_in(&mut self, news: Vec<News>) -> usize {
        let mut failed = 0;
        for mut part in news.into_iter().map(Part::of) {
            while let Some((taken, _)) = part.take() {
                let (index, outcome) = taken.decode();
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                if index >= self.0.len() {
                    self.0.resize_with(index + 1, || None);
                }
                failed += usize::from(outcome.is_err());
                self.0[index] = Some(outcome);
            }
        }
        failed
    }

    pub(crate) fn finish(self) -> Vec<Result<R, TaskError>> {
        let missing = || TaskError::Cancelled { reason: "no outcome came for it (a fault of mpexec)".to_owned() };
        self.0.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(missing()))).collect()
    }
}
