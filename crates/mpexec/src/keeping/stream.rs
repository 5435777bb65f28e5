//! The answers of a pool to the tasks of a command: straight, or by way of its run folder, where each is computed once.

use std::sync::Arc;

use mpexec_core::{Callable, Item, Pool, TaskError, TaskResult};
use mpexec_runs::{Answers, Next, RunFolder};

use crate::failure::Failure;

/// A stage of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept<'a> {
    pub(crate) run: &'a Arc<RunFolder>,
    pub(crate) stage: &'a str,
}

/// Answers in order.
pub(crate) enum Stream<'a, R> {
    Straight(Box<dyn Iterator<Item = Result<R, TaskError>> + 'a>),
    Kept(Answers<'a, R>),
}

/// Calls `function` for each of these, as the answers are taken. With a run folder, what `is_final` holds of is kept there.
pub(crate) fn stream<'a, C, M, J, R>(
    pool: &'a Pool,
    kept: Option<Kept<'_>>,
    function: C,
    is_final: fn(&R) -> bool,
    tasks: impl Iterator<Item = Next<J>> + 'a,
) -> Stream<'a, R>
where
    C: Callable<M, Output = R>,
    J: Item<M> + 'a,
    R: TaskResult,
    M: 'a,
{
    match kept {
        Some(Kept { run, stage }) => Stream::Kept(Answers::begin(pool, run, (stage, false), function, is_final, tasks)),
        None => {
            let tasks = tasks.map_while(|next| match next {
                Next::Task(_, job) => Some(job),
                Next::CutShort => None,
            });
            Stream::Straight(Box::new(pool.imap(function, tasks)))
        }
    }
}

impl<R: TaskResult> Stream<'_, R> {
    /// The next answer.
    ///
    /// # Errors
    /// A [`Failure`] of the run folder.
    pub(crate) fn next(&mut self) -> Result<Option<Result<R, TaskError>>, Failure> {
        match self {
            Stream::Straight(answers) => Ok(answers.next()),
            Stream::Kept(answers) => answers.next().transpose().map_err(Failure::from),
        }
    }

    /// Behind the last: how many ranges it was, all of them published.
    ///
    /// # Errors
    /// As [`next`](Stream::next).
    pub(crate) fn finish(&mut self) -> Result<u64, Failure> {
        match self {
            Stream::Straight(_) => Ok(0),
            Stream::Kept(answers) => Ok(answers.finish()?.unwrap_or_default()),
        }
    }
}
