//! The pool: N worker processes, and the calls that send tasks to them.

mod builder;
mod feed;
mod streams;
mod under_way;

use std::sync::Arc;
use std::time::Duration;

use mpexec_ring::current_cpu;

pub use builder::{PoolBuilder, Processors, count_processors};
pub use streams::{Imap, ImapUnordered};

use crate::config::Transport;
use crate::engine::Engine;
use crate::engine::open::{Staged, Stream};
use crate::engine::waiter::deadline_after;
use crate::error::{JobError, PoolError, TaskError};
use crate::pending::Pending;
use crate::registry::Callable;
use crate::task::gather::Gather;
use crate::task::outcome::decode_outcome;
use crate::task::staging::Staging;
use crate::task::{Args, Item};
use feed::{Feed, Running};

/// A pool of worker processes. Shared by reference from any thread.
///
/// Dropping it returns at once: calls whose handle lives are finished behind it, then its workers leave.
///
/// ```standalone_crate
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

    /// How many workers the pool has when all are up.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.engine.workers
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

    /// Waits until all workers have shaken hands; `false` when the time was up first. Calls need not wait for this.
    #[must_use]
    pub fn wait_ready(&self, limit: Option<Duration>) -> bool {
        let all = self.engine.drive(limit.and_then(deadline_after), |state, _| {
            let all = state.sched.workers.iter().all(|worker| worker.ready);
            (all || state.no_more_workers()).then_some(all)
        });
        all == Some(true)
    }

    /// Calls `function` with `args` in a worker and waits for the result.
    ///
    /// # Errors
    /// Whatever the task ended as; see [`TaskError`].
    pub fn apply<C, M, A>(&self, function: C, args: A) -> Result<C::Output, TaskError>
    where
        C: Callable<M>,
        A: Args<M>,
    {
        self.engine.page.set_cpu(current_cpu());
        let mut staged = self.stage(&args)?;
        let cell = self.engine.call(&function.id().0, self.engine.config.attempts, &mut staged, true)?;
        staged.recycle();
        self.engine.wait_call(&cell, None);
        decode_outcome(cell.take())
    }

    /// Calls `function` with `args` in a worker and returns at once. The arguments are encoded now.
    ///
    /// Errors come with the handle.
    pub fn apply_async<C, M, A>(&self, function: C, args: A) -> Pending<C::Output>
    where
        C: Callable<M>,
        A: Args<M>,
    {
        let called = self.stage(&args).and_then(|mut staged| {
            let called = self.engine.call(&function.id().0, self.engine.config.attempts, &mut staged, false);
            staged.recycle();
            called
        });
        match called {
            Ok(cell) => Pending::of_call(self.engine.clone(), cell),
            Err(error) => Pending::failed(self.engine.clone(), error),
        }
    }

    fn stage<M, A: Args<M>>(&self, args: &A) -> Result<Staged, TaskError> {
        let mut staged = Staging::recycled();
        staged.push(self.engine.largest_payload(), |sink| args.encode_all(sink))?;
        Ok(staged.staged)
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
        self.gather(&function, Feed::new(items.into_iter(), |item, sink| item.encode_one(sink)))
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
        self.gather(&function, Feed::new(tuples.into_iter(), |tuple, sink| tuple.encode_all(sink)))
    }

    fn gather<C, M, I>(&self, function: &C, feed: Feed<I>) -> Result<Vec<C::Output>, JobError>
    where
        C: Callable<M>,
        I: Iterator,
    {
        let mut running = Running::<I, C::Output>::open(&self.engine, function, None, feed)
            .map_err(|error| JobError { index: 0, error })?;
        let mut gather = Gather::with_capacity(running.size_hint());
        while let Some(outcomes) = running.next_outcomes(u64::MAX) {
            gather.take_in(outcomes)?;
        }
        gather.finish(running.brought())
    }

    /// As [`Pool::map`], but returns at once. All items are encoded now.
    pub fn map_async<C, M, I>(&self, function: C, items: I) -> Pending<Vec<C::Output>, JobError>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.scatter(&function, Feed::new(items.into_iter(), |item, sink| item.encode_one(sink)))
    }

    /// As [`Pool::starmap`], but returns at once. All tuples are encoded now.
    pub fn starmap_async<C, M, I>(&self, function: C, tuples: I) -> Pending<Vec<C::Output>, JobError>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Args<M>,
    {
        self.scatter(&function, Feed::new(tuples.into_iter(), |tuple, sink| tuple.encode_all(sink)))
    }

    fn scatter<C, M, I>(&self, function: &C, feed: Feed<I>) -> Pending<Vec<C::Output>, JobError>
    where
        C: Callable<M>,
        I: Iterator,
    {
        match Running::<I, C::Output>::open(&self.engine, function, None, feed) {
            Ok(running) => running.into_pending(),
            Err(error) => Pending::failed(self.engine.clone(), JobError { index: 0, error }),
        }
    }

    /// The results in the order of the items, as an iterator: each as soon as it and all before it are there. Items are
    /// taken inside `next()` only, and never more than the window ahead (65,536 tasks or 64 MiB).
    pub fn imap<C, M, I>(&self, function: C, items: I) -> Imap<I::IntoIter, C::Output>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        let feed = Feed::new(items.into_iter(), |item: &I::Item, sink| item.encode_one(sink));
        Imap::new(Running::open(&self.engine, &function, Some(Stream::Ordered), feed))
    }

    /// The results with their indices, as they finish. Items are taken inside `next()` only, and never more than the
    /// window ahead (65,536 tasks or 64 MiB).
    pub fn imap_unordered<C, M, I>(&self, function: C, items: I) -> ImapUnordered<I::IntoIter, C::Output>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        let feed = Feed::new(items.into_iter(), |item: &I::Item, sink| item.encode_one(sink));
        ImapUnordered::new(Running::open(&self.engine, &function, Some(Stream::Unordered), feed))
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
