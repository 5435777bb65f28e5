//! Results as iterators: in the order of the input, or as they finish.

use std::collections::{BTreeMap, VecDeque};

use super::feed::Running;
use crate::engine::jobs::News;
use crate::engine::printed::Printed;
use crate::error::TaskError;
use crate::task::TaskResult;
use crate::task::part::{Part, Taken};
use crate::task::result_bytes::ResultBytes;

/// Input is taken at most so many tasks ahead of the results that were read.
const WINDOW: u64 = 65_536;

/// Results in the order of the input; see [`Pool::imap`](crate::Pool::imap). Dropping it ends the job.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Workers};
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// let squares = pool.imap(|n: u64| n * n, 0..).take(4).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(squares, [0, 1, 4, 9]);
/// # Ok(())
/// # }
/// ```
pub struct Imap<I: Iterator, R: TaskResult> {
    running: Source<I, R>,
    next: u64,
    /// Whose turn it is.
    part: Option<Part>,
    /// What came ahead of its turn.
    early: BTreeMap<u64, Part>,
}

/// Results with their indices as they finish; see [`Pool::imap_unordered`](crate::Pool::imap_unordered). Dropping it
/// ends the job.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Workers};
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// let mut all: Vec<(u64, u64)> =
///     pool.imap_unordered(|n: u64| n * n, 0..4).map(|(index, square)| Ok((index, square?))).collect::<Result<_, mpexec_core::TaskError>>()?;
/// all.sort();
/// assert_eq!(all, [(0, 0), (1, 1), (2, 4), (3, 9)]);
/// # Ok(())
/// # }
/// ```
pub struct ImapUnordered<I: Iterator, R: TaskResult> {
    running: Source<I, R>,
    came: VecDeque<Part>,
}

/// How a task has ended, and its index.
type Ended<T> = (u64, Result<T, TaskError>);

enum Source<I: Iterator, R: TaskResult> {
    Runs(Box<Running<I, R>>),
    /// The job could not be opened; told once.
    Refused(TaskError),
    Over,
}

impl<I: Iterator, R: TaskResult> Source<I, R> {
    fn of(opened: Result<Running<I, R>, TaskError>) -> Source<I, R> {
        opened.map_or_else(Source::Refused, |running| Source::Runs(Box::new(running)))
    }

    fn next_outcomes(&mut self) -> Option<Vec<News>> {
        match self {
            Source::Runs(running) => {
                let outcomes = running.next_outcomes(WINDOW);
                if outcomes.is_none() {
                    *self = Source::Over;
                }
                outcomes
            }
            Source::Refused(_) => match std::mem::replace(self, Source::Over) {
                Source::Refused(error) => Some(vec![News::Failed(0, error)]),
                _ => None,
            },
            Source::Over => None,
        }
    }

    /// The next outcome of `part`, if it has one, decoded in this way.
    fn take<T>(&mut self, part: &mut Part, decode: impl FnOnce(Taken<'_>) -> Ended<T>) -> Option<Ended<T>> {
        let (taken, freed) = part.take()?;
        let Source::Runs(running) = self else { return Some(decode(taken)) };
        running.handed_out(1, freed);
        let ended = running.decoding(|| decode(taken));
        if ended.1.is_err() {
            running.failed(1);
        }
        Some(ended)
    }
}

impl<I: Iterator, R: TaskResult> Imap<I, R> {
    pub(crate) fn new(opened: Result<Running<I, R>, TaskError>) -> Imap<I, R> {
        Imap { running: Source::of(opened), next: 0, part: None, early: BTreeMap::new() }
    }
}

impl<I: Iterator, R: TaskResult> Iterator for Imap<I, R> {
    type Item = Result<R, TaskError>;

    fn next(&mut self) -> Option<Result<R, TaskError>> {
        loop {
            if let Some(part) = &mut self.part {
                let taken = self.running.take(part, |taken| taken.decode());
                self.next = part.first();
                if part.is_empty() {
                    self.part = None;
                }
                if let Some((_, outcome)) = taken {
                    return Some(outcome);
                }
            }
            self.part = self.early.remove(&self.next);
            if self.part.is_none() {
                let came = self.running.next_outcomes()?;
                self.early.extend(came.into_iter().map(Part::of).map(|part| (part.first(), part)));
            }
        }
    }
}

impl<I: Iterator, R: TaskResult> std::iter::FusedIterator for Imap<I, R> {}

impl<I: Iterator, R: TaskResult> std::fmt::Debug for Imap<I, R> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Imap").field("next", &self.next).finish_non_exhaustive()
    }
}

impl<I: Iterator, R: TaskResult> ImapUnordered<I, R> {
    pub(crate) fn new(opened: Result<Running<I, R>, TaskError>) -> ImapUnordered<I, R> {
        ImapUnordered { running: Source::of(opened), came: VecDeque::new() }
    }
}

impl<I: Iterator, R: TaskResult> ImapUnordered<I, R> {
    /// What a task had printed that took its worker down.
    pub(super) fn left_behind(&self, index: u64) -> Option<Printed> {
        match &self.running {
            Source::Runs(running) => running.take_printed(index),
            Source::Refused(_) | Source::Over => None,
        }
    }

    /// The next, and with each result its bytes.
    pub(super) fn next_with_bytes(&mut self) -> Option<Ended<(R, ResultBytes)>> {
        self.next_by(|taken| taken.decode_with_bytes())
    }

    fn next_by<T>(&mut self, decode: impl Fn(Taken<'_>) -> Ended<T>) -> Option<Ended<T>> {
        loop {
            match self.came.front_mut().and_then(|part| self.running.take(part, &decode)) {
                Some(ended) => {
                    if self.came.front().is_some_and(Part::is_empty) {
                        self.came.pop_front();
                    }
                    return Some(ended);
                }
                None if self.came.pop_front().is_some() => {}
                None => self.came.extend(self.running.next_outcomes()?.into_iter().map(Part::of)),
            }
        }
    }
}

impl<I: Iterator, R: TaskResult> Iterator for ImapUnordered<I, R> {
    type Item = (u64, Result<R, TaskError>);

    fn next(&mut self) -> Option<(u64, Result<R, TaskError>)> {
        self.next_by(|taken| taken.decode())
    }
}

impl<I: Iterator, R: TaskResult> std::iter::FusedIterator for ImapUnordered<I, R> {}

impl<I: Iterator, R: TaskResult> std::fmt::Debug for ImapUnordered<I, R> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ImapUnordered").field("came", &self.came.len()).finish_non_exhaustive()
    }
}
