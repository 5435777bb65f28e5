//! Results of a job on the caller's side: decoded, and put in their places by index.

use mpexec_wire::Results;

use super::outcome::decode_result;
use super::params::TaskResult;
use crate::engine::jobs::News;
use crate::error::{JobError, TaskError};

/// One task's end, decoded.
pub(crate) type Ended<R> = (u64, Result<R, TaskError>);

/// Decodes what came.
pub(crate) fn decode_all<R: TaskResult>(news: Vec<News>) -> Vec<Ended<R>> {
    let mut all = Vec::new();
    for news in news {
        match news {
            News::Failed(index, error) => all.push((index, Err(error))),
            News::Large(index, status, parcel) => all.push((index, decode_result(status, &parcel))),
            News::Results(chunk) => {
                all.reserve(chunk.count as usize);
                let entries = chunk.bytes.get(chunk.from..chunk.to).unwrap_or_default();
                for entry in Results::new(entries, 0, 0).flatten() {
                    all.push((chunk.first + u64::from(entry.offset), decode_result(entry.status, entry.payload)));
                }
            }
        }
    }
    all
}

/// Results put in their places by index.
pub(crate) struct Gather<R> {
    places: Vec<Option<R>>,
}

impl<R> Gather<R> {
    pub(crate) fn with_capacity(expected: usize) -> Gather<R> {
        // A size hint may be any number; what is not needed is not touched.
        Gather { places: Vec::with_capacity(expected.min(1 << 20)) }
    }

    /// Takes results in; the first failure, by index, among these ends the job.
    pub(crate) fn take_in(&mut self, ended: Vec<Ended<R>>) -> Result<(), JobError> {
        let mut failed: Option<JobError> = None;
        for (index, outcome) in ended {
            match outcome {
                Ok(value) => {
                    let place = usize::try_from(index).unwrap_or(usize::MAX);
                    if place == self.places.len() {
                        self.places.push(Some(value));
                        continue;
                    }
                    if place > self.places.len() {
                        self.places.resize_with(place + 1, || None);
                    }
                    self.places[place] = Some(value);
                }
                Err(error) if failed.as_ref().is_none_or(|first| index < first.index) => {
                    failed = Some(JobError { index, error });
                }
                Err(_) => {}
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// All results; each task had exactly one outcome, so no place is empty.
    pub(crate) fn finish(self) -> Result<Vec<R>, JobError> {
        let lost = |index: usize| JobError {
            index: index as u64,
            error: TaskError::Cancelled { reason: "no outcome came for it (a fault of mpexec)".to_owned() },
        };
        self.places.into_iter().enumerate().map(|(index, place)| place.ok_or_else(|| lost(index))).collect()
    }
}
