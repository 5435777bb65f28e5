//! Results as iterators: in the order of the input, or as they finish.

use std::collections::{BTreeMap, VecDeque};

use super::feed::Running;
use crate::error::TaskError;
use crate::task::TaskResult;
use crate::task::gather::{Ended, decode_all};

/// Input is taken at most so many tasks ahead of the results that were read.
const WINDOW: u64 = 65_536;

/// Results in the order of the input; see [`Pool::imap`](crate::Pool::imap). Dropping it ends the job.
///
/// ```standalone_crate
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
    early: BTreeMap<u64, Result<R, TaskError>>,
}

/// Results with their indices as they finish; see [`Pool::imap_unordered`](crate::Pool::imap_unordered). Dropping it
/// ends the job.
///
/// ```standalone_crate
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
    came: VecDeque<Ended<R>>,
}

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

    fn next_outcomes(&mut self) -> Option<Vec<Ended<R>>> {
        match self {
            Source::Runs(running) => {
                let outcomes = running.next_outcomes(WINDOW).map(decode_all);
                if outcomes.is_none() {
                    *self = Source::Over;
                }
                outcomes
            }
            Source::Refused(_) => match std::mem::replace(self, Source::Over) {
                Source::Refused(error) => Some(vec![(0, Err(error))]),
                _ => None,
            },
            Source::Over => None,
        }
    }

    fn read(&mut self) {
        if let Source::Runs(running) = self {
            running.read(1);
        }
    }
}

impl<I: Iterator, R: TaskResult> Imap<I, R> {
    pub(super) fn new(opened: Result<Running<I, R>, TaskError>) -> Imap<I, R> {
        Imap { running: Source::of(opened), next: 0, early: BTreeMap::new() }
    }
}

impl<I: Iterator, R: TaskResult> Iterator for Imap<I, R> {
    type Item = Result<R, TaskError>;

    fn next(&mut self) -> Option<Result<R, TaskError>> {
        loop {
            if let Some(outcome) = self.early.remove(&self.next) {
                self.next += 1;
                self.running.read();
                return Some(outcome);
            }
            self.early.extend(self.running.next_outcomes()?);
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
    pub(super) fn new(opened: Result<Running<I, R>, TaskError>) -> ImapUnordered<I, R> {
        ImapUnordered { running: Source::of(opened), came: VecDeque::new() }
    }
}

impl<I: Iterator, R: TaskResult> Iterator for ImapUnordered<I, R> {
    type Item = (u64, Result<R, TaskError>);

    fn next(&mut self) -> Option<(u64, Result<R, TaskError>)> {
        loop {
            if let Some(ended) = self.came.pop_front() {
                self.running.read();
                return Some(ended);
            }
            self.came.extend(self.running.next_outcomes()?);
        }
    }
}

impl<I: Iterator, R: TaskResult> std::iter::FusedIterator for ImapUnordered<I, R> {}

impl<I: Iterator, R: TaskResult> std::fmt::Debug for ImapUnordered<I, R> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ImapUnordered").field("came", &self.came.len()).finish_non_exhaustive()
    }
}
