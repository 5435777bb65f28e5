//! One call of a function that returns a `Result`, with an `Err` taken as a failure.

use super::Pool;
use super::call::CallBuilder;
use crate::error::TaskError;
use crate::pending::Pending;
use crate::registry::TryCallable;
use crate::task::Args;

impl Pool {
    /// As [`Pool::apply`], for a function that returns a `Result`: an `Err` is a failure like any other. It may be of any
    /// error type; see [`Pool::try_map`].
    ///
    /// # Errors
    /// [`TaskError::Returned`] for an `Err`; whatever else the task ended as.
    ///
    /// ```standalone_crate
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
    /// let read = |path: String| std::fs::read_to_string(path);
    /// let error = pool.try_apply(read, ("no/such/file",)).unwrap_err();
    /// assert!(error.to_string().starts_with("the task returned an error: No such file"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_apply<F, M, A>(&self, function: F, args: A) -> Result<F::Value, TaskError>
    where
        F: TryCallable<M>,
        A: Args<M>,
    {
        self.call().try_apply(function, args)
    }

    /// As [`Pool::try_apply`], but returns at once. The arguments are encoded now.
    pub fn try_apply_async<F, M, A>(&self, function: F, args: A) -> Pending<F::Value>
    where
        F: TryCallable<M>,
        A: Args<M>,
    {
        self.call().try_apply_async(function, args)
    }
}

impl CallBuilder<'_> {
    /// As [`Pool::try_apply`].
    ///
    /// # Errors
    /// [`TaskError::Returned`] for an `Err`; whatever else the task ended as.
    pub fn try_apply<F, M, A>(&self, function: F, args: A) -> Result<F::Value, TaskError>
    where
        F: TryCallable<M>,
        A: Args<M>,
    {
        self.call_and_wait(&function.try_id().0, |sink| args.encode_all(sink))
    }

    /// As [`Pool::try_apply_async`].
    pub fn try_apply_async<F, M, A>(&self, function: F, args: A) -> Pending<F::Value>
    where
        F: TryCallable<M>,
        A: Args<M>,
    {
        self.call_at_once(&function.try_id().0, |sink| args.encode_all(sink))
    }
}
