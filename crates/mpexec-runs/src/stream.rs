//! The answers of a pool to some tasks: straight, or by way of a run folder, where each is computed once.

use crate::answers::{Answers, Fate, Next};
use crate::error::RunError;
use crate::kept::Kept;
use mpexec_core::{Callable, Item, Pool, TaskError, TaskResult};

/// Answers in order; see [`stream`].
pub enum Stream<'a, R> {
    /// From the pool alone.
    Straight(Box<dyn Iterator<Item = Result<R, TaskError>> + 'a>),
    /// By way of a run folder.
    Kept(Answers<'a, R>),
}

/// Calls `function` for each of these, as the answers are taken. With a run folder, what is [`Kept`](Fate::Kept) by its fate is kept there.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Workers};
/// use mpexec_runs::{Fate, Next, stream};
/// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
/// let mut squares = stream(&pool, None, |n: u64| n * n, |_| Fate::Kept, (0..3).map(|n| Next::Task(1, n)));
/// let mut sum = 0;
/// while let Some(square) = squares.next()? {
///     sum += square?;
/// }
/// assert_eq!(sum, 5);
/// # Ok(())
/// # }
/// ```
pub fn stream<'a, C, M, J, R>(
    pool: &'a Pool,
    kept: Option<Kept<'_>>,
    function: C,
    fate: fn(&R) -> Fate,
    tasks: impl Iterator<Item = Next<J>> + 'a,
) -> Stream<'a, R>
where
    C: Callable<M, Output = R>,
    J: Item<M> + 'a,
    R: TaskResult,
    M: 'a,
{
    match kept {
        Some(kept) => Stream::Kept(Answers::begin(pool, kept, false, function, fate, tasks)),
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
    /// A [`RunError`].
    #[expect(clippy::should_implement_trait, reason = "an error of the folder is not one of an answer")]
    pub fn next(&mut self) -> Result<Option<Result<R, TaskError>>, RunError> {
        match self {
            Stream::Straight(answers) => Ok(answers.next()),
            Stream::Kept(answers) => answers.next().transpose(),
        }
    }

    /// Behind the last: how many ranges it was, all of them published.
    ///
    /// # Errors
    /// As [`next`](Stream::next).
    pub fn finish(&mut self) -> Result<u64, RunError> {
        match self {
            Stream::Straight(_) => Ok(0),
            Stream::Kept(answers) => Ok(answers.finish()?.unwrap_or_default()),
        }
    }
}
