//! The pool: N worker processes, and the calls that send tasks to them.

mod builder;
mod call;
mod captured;
mod chaos;
mod containment;
mod environment;
mod feed;
mod given;
mod hooks;
mod inline;
mod json;
pub(crate) mod kept;
mod options;
mod recording;
mod setters;
mod stats;
mod streams;
mod tries;
mod under_way;
#[cfg(test)]
mod unsupervised;

use std::sync::Arc;
use std::time::Duration;

pub use builder::{PoolBuilder, Processors, count_processors};
pub use call::CallBuilder;
pub use captured::{Captured, ImapCaptured};
pub use hooks::EndResult;
pub use stats::{ChaosStats, PoolStats, RunningTask, WorkerState, WorkerStats};
pub use streams::{Imap, ImapUnordered};

use builder::check_count;

use crate::config::Transport;
use crate::engine::Engine;
use crate::engine::waiter::deadline_after;
use crate::error::{JobError, PoolError, TaskError};
use crate::pending::Pending;
use crate::registry::{Callable, TaskInfo, TryCallable};
use crate::task::{Args, Item};
use crate::worker::functions::told;

/// A pool of worker processes. Shared by reference from any thread.
///
/// Dropping it returns at once: calls whose handle lives are finished behind it, then its workers leave.
///
/// It belongs to the process that built it. In a fork of that process its copy answers with what had come by then, and else with
/// [`PoolError::Forked`], and takes nothing from the parent; the fork may build a pool of its own. Callbacks that were set before the fork are run in the parent alone. If a thread of the parent was at the pool at the moment
/// of the fork, there is no telling what had come: then the copy panics and says so.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Workers};
///
/// fn howmany_within_range(row: Vec<i64>, minimum: i64, maximum: i64) -> usize {
///     row.into_iter().filter(|n| (minimum..=maximum).contains(n)).count()
/// }
///
/// let rows = vec![vec![8, 8, 3, 7, 7], vec![0, 4, 2, 5, 2]];
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// assert_eq!(pool.apply(howmany_within_range, (&rows[0], 4, 8))?, 4);
/// assert_eq!(pool.starmap(howmany_within_range, rows.iter().map(|row| (row, 4, 8)))?, [4, 2]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pool {
    pub(crate) engine: Arc<Engine>,
}

impl Pool {
    /// A pool with one worker per processor this process may use.
    ///
    /// # Errors
    /// As [`PoolBuilder::build`].
    pub fn new() -> Result<Pool, PoolError> {
        Pool::builder().build()
    }

    /// To set options.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    /// How many workers the pool has when all are up; see [`Pool::resize`].
    #[must_use]
    pub fn workers(&self) -> usize {
        self.engine.workers()
    }

    /// From now on the pool is to have so many workers. Returns at once: new ones are started behind it; those that are too
    /// many get no more tasks, what they have not started goes to others, and they leave when they have finished what they
    /// run.
    ///
    /// # Errors
    /// [`PoolError::BadSetting`] for 0 and for more than 4,096; [`PoolError::Closed`] when the pool was closed or terminated.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
    /// pool.resize(3)?;
    /// assert!(pool.wait_ready(None));
    /// assert_eq!((pool.workers(), pool.pids().len()), (3, 3));
    /// # Ok(())
    /// # }
    /// ```
    pub fn resize(&self, workers: usize) -> Result<(), PoolError> {
        self.engine.resize(check_count(workers)?)
    }

    /// The link in use; never `Auto`.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.engine.transport
    }

    /// The process ids of the workers that are up now.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        let state = self.engine.lock();
        state.slots.iter().filter(|slot| slot.child.is_some()).map(|slot| slot.pid).collect()
    }

    /// The functions with names that the workers know, with what is known of each.
    ///
    /// ```
    /// /// Twice as much.
    /// #[mpexec_core::task]
    /// fn double(n: u64) -> u64 { n * 2 }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     mpexec_core::init();
    ///     let functions = mpexec_core::Pool::new()?.functions();
    ///     assert_eq!(functions[0].to_string(), "double(n: u64) -> u64");
    ///     assert_eq!(functions[0].doc, "Twice as much.");
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn functions(&self) -> Vec<TaskInfo> {
        let names = self.engine.lock().names.clone();
        let told = match names {
            Some(names) if !self.engine.program.own => names.all().to_vec(),
            _ => told(true),
        };
        told.into_iter().map(TaskInfo::of).collect()
    }

    /// Waits until all workers have shaken hands; `false` when the time was up first. Calls need not wait for this.
    #[must_use]
    pub fn wait_ready(&self, limit: Option<Duration>) -> bool {
        let all = self.engine.drive(limit.and_then(deadline_after), |state, _| {
            let wanted = state.sched.workers.iter().take(self.engine.workers());
            let all = wanted.clone().all(|worker| worker.is_up());
            (all || state.no_more_workers()).then_some(all)
        });
        all == Some(true)
    }

    /// A call with options of its own: `pool.call().chunk_size(40).map(f, items)`. The pool's own methods are its forms
    /// with the pool's settings.
    pub fn call(&self) -> CallBuilder<'_> {
        CallBuilder::new(&self.engine)
    }

    /// Calls `function` with `args` in a worker and waits for the result.
    ///
    /// An `Err` that the function returns is a value like any other. Where its type can be sent (serde) it arrives as what it
    /// is; of an `anyhow::Error`, a `Box<dyn Error>` and some of the standard library its text and its causes arrive, as a
    /// [`ReturnedError`](crate::ReturnedError). [`Pool::try_apply`] takes an `Err` as a failure.
    ///
    /// # Errors
    /// Whatever the task ended as; see [`TaskError`].
    pub fn apply<C, M, A>(&self, function: C, args: A) -> Result<C::Output, TaskError>
    where
        C: Callable<M>,
        A: Args<M>,
    {
        self.call().apply(function, args)
    }

    /// Calls `function` with `args` in a worker and returns at once. The arguments are encoded now.
    ///
    /// Errors come with the handle.
    pub fn apply_async<C, M, A>(&self, function: C, args: A) -> Pending<C::Output>
    where
        C: Callable<M>,
        A: Args<M>,
    {
        self.call().apply_async(function, args)
    }

    /// Calls `function` with each item in turn as its only argument; the results in the order of the items.
    ///
    /// Items are taken from the iterator as workers have room, on this thread.
    ///
    /// # Errors
    /// The first failure that came in, with its index; the tasks that had not started are then not run.
    pub fn map<C, M, I>(&self, function: C, items: I) -> Result<Vec<C::Output>, JobError>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.call().map(function, items)
    }

    /// Calls `function` with each tuple in turn as its arguments; the results in the order of the tuples.
    ///
    /// # Errors
    /// As [`Pool::map`].
    pub fn starmap<C, M, I>(&self, function: C, tuples: I) -> Result<Vec<C::Output>, JobError>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Args<M>,
    {
        self.call().starmap(function, tuples)
    }

    /// As [`Pool::map`], for a function that returns a `Result`: an `Err` is a failure too, and stops the job.
    ///
    /// Any error will do, also one that cannot be sent: its text and its causes come ([`ReturnedError`](crate::ReturnedError)). To get errors as
    /// values, and every one of them, use [`Pool::map`].
    ///
    /// # Errors
    /// The first failure that came in, with its index: [`TaskError::Returned`] for an `Err`. The tasks that had not
    /// started are then not run.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, TaskError, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
    /// let parse = |text: String| text.parse::<u32>();
    /// assert_eq!(pool.try_map(parse, ["1", "2"])?, [1, 2]);
    /// let failed = pool.try_map(parse, ["1", "two", "3"]).unwrap_err();
    /// assert_eq!(failed.to_string(), "task 1: the task returned an error: invalid digit found in string");
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_map<F, M, I>(&self, function: F, items: I) -> Result<Vec<F::Value>, JobError>
    where
        F: TryCallable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.call().try_map(function, items)
    }

    /// As [`Pool::starmap`], for a function that returns a `Result`; see [`Pool::try_map`].
    ///
    /// # Errors
    /// As [`Pool::try_map`].
    pub fn try_starmap<F, M, I>(&self, function: F, tuples: I) -> Result<Vec<F::Value>, JobError>
    where
        F: TryCallable<M>,
        I: IntoIterator,
        I::Item: Args<M>,
    {
        self.call().try_starmap(function, tuples)
    }

    /// As [`Pool::map`], but runs every task whatever the others end as, and brings every outcome, in order.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, TaskError, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
    /// let outcomes = pool.map_outcomes(|n: u32| 100 / n, [5, 0, 2]);
    /// assert!(matches!(outcomes[..], [Ok(20), Err(TaskError::Panicked { .. }), Ok(50)]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn map_outcomes<C, M, I>(&self, function: C, items: I) -> Vec<Result<C::Output, TaskError>>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.call().map_outcomes(function, items)
    }

    /// As [`Pool::starmap`], but runs every task whatever the others end as, and brings every outcome, in order.
    pub fn starmap_outcomes<C, M, I>(&self, function: C, tuples: I) -> Vec<Result<C::Output, TaskError>>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Args<M>,
    {
        self.call().starmap_outcomes(function, tuples)
    }

    /// As [`Pool::map`], but returns at once. All items are encoded now.
    pub fn map_async<C, M, I>(&self, function: C, items: I) -> Pending<Vec<C::Output>, JobError>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.call().map_async(function, items)
    }

    /// As [`Pool::starmap`], but returns at once. All tuples are encoded now.
    pub fn starmap_async<C, M, I>(&self, function: C, tuples: I) -> Pending<Vec<C::Output>, JobError>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Args<M>,
    {
        self.call().starmap_async(function, tuples)
    }

    /// The results in the order of the items, as an iterator: each as soon as it and all before it are there. Items are
    /// taken inside `next()` only, and never more than the window ahead of what was read: 65,536 tasks, 64 MiB of arguments
    /// and 64 MiB of results, but always one task for each worker.
    pub fn imap<C, M, I>(&self, function: C, items: I) -> Imap<I::IntoIter, C::Output>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.call().imap(function, items)
    }

    /// The results with their indices, as they finish. Items are taken inside `next()` only, and never more than the
    /// window ahead of what was read; see [`Pool::imap`].
    pub fn imap_unordered<C, M, I>(&self, function: C, items: I) -> ImapUnordered<I::IntoIter, C::Output>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.call().imap_unordered(function, items)
    }

    /// Takes no more calls. What was submitted is finished; then the workers leave. Closing twice is harmless.
    pub fn close(&self) {
        self.engine.close();
    }

    /// Ends everything now: tasks without an outcome end as [`TaskError::Cancelled`], workers are killed. Returns at once.
    pub fn terminate(&self) {
        self.engine.terminate("the pool was terminated");
    }

    /// Waits until all work is done, all callbacks have run and all workers are gone. To be called after
    /// [`Pool::close`] or [`Pool::terminate`].
    ///
    /// A stream ([`Pool::imap`] and its kin) that is not read to its end is work: read it or drop it first, unless another thread
    /// does. Where that is not sure, use [`Pool::join_timeout`], which counts such a stream as one task that is left.
    ///
    /// # Errors
    /// [`PoolError::StillOpen`] when neither was called.
    pub fn join(&self) -> Result<(), PoolError> {
        self.join_until(None)
    }

    /// As [`Pool::join`], but gives up after `limit`. The pool goes on.
    ///
    /// # Errors
    /// Also [`PoolError::JoinTimedOut`], with how much was left.
    pub fn join_timeout(&self, limit: Duration) -> Result<(), PoolError> {
        self.join_until(Some(limit))
    }

    fn join_until(&self, limit: Option<Duration>) -> Result<(), PoolError> {
        self.engine.join(limit)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.engine.release();
    }
}
