//! Hooks of the pool's workers, as its builder takes them, and what the end hooks brought.

use std::any::TypeId;
use std::time::Duration;

use super::{Pool, PoolBuilder};
use crate::engine::outcomes::Farewell;
use crate::error::TaskError;
use crate::task::hooks::{end_of, start_of, try_start_of};
use crate::task::outcome::decode_outcome;
use crate::task::{TaskResult, TriedError};

/// What a worker's end hook brought; see [`Pool::end_results`].
#[derive(Clone, Debug)]
pub struct EndResult<R> {
    /// The worker's number in its pool; a replacement has the number of the worker that it replaced.
    pub worker: usize,
    /// Its process id.
    pub pid: u32,
    /// What the hook returned, or how it failed.
    pub result: Result<R, TaskError>,
}

impl PoolBuilder {
    /// What each worker runs before its first task, replacements too. What it returns is the worker's state, which tasks use
    /// by [`worker_state`](crate::worker_state). It must capture nothing; the shared context can be read in it.
    ///
    /// This is also the place for what the program sets up after [`init`](crate::init) and its tasks need as well, as a logger: a
    /// worker never comes to what stands behind `init`. The example `logging` does it with `tracing`.
    ///
    /// A worker gets no tasks before its hook is through, and [`build`](PoolBuilder::build) waits for the first. When a hook
    /// panics, or ends its process, and no other worker is up, the calls that wait end as
    /// [`PoolError::StartHook`](crate::PoolError::StartHook); otherwise the others serve them, and the pool's
    /// [`notes`](PoolBuilder::notes) tell of it. A worker that is to leave before its hook is through is killed.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, Workers, worker_state};
    /// use std::collections::HashMap;
    ///
    /// type Cache = HashMap<u64, u64>;
    ///
    /// fn square(n: u64) -> u64 {
    ///     worker_state(|cache: &mut Cache| *cache.entry(n).or_insert_with(|| n * n))
    /// }
    ///
    /// let pool = Pool::builder().workers(Workers::Exact(2)).start_hook(Cache::new).end_hook(|cache: Cache| cache.len()).build()?;
    /// assert_eq!(pool.map(square, [3, 3, 4, 3])?, [9, 9, 16, 9]);
    /// pool.close();
    /// pool.join()?;
    /// let computed: usize = pool.end_results::<usize>().into_iter().filter_map(|end| end.result.ok()).sum();
    /// assert!((2..=4).contains(&computed));
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_hook<F, S>(mut self, hook: F) -> PoolBuilder
    where
        F: Fn() -> S + Copy + Send + 'static,
        S: 'static,
    {
        self.hooks.start = Some((start_of(hook), TypeId::of::<S>()));
        self
    }

    /// As [`start_hook`](PoolBuilder::start_hook), for a hook that may fail: an `Err` ends the calls that wait, as
    /// [`PoolError::StartHook`](crate::PoolError::StartHook) with its text, and the next call tries again.
    pub fn try_start_hook<F, S, E, K>(mut self, hook: F) -> PoolBuilder
    where
        F: Fn() -> Result<S, E> + Copy + Send + 'static,
        S: 'static,
        E: TriedError<K>,
    {
        self.hooks.start = Some((try_start_of(hook), TypeId::of::<S>()));
        self
    }

    /// How long a start hook or an end hook may take; a minute if not set. A start hook that takes longer has failed, an end hook
    /// that takes longer is given up: the worker is killed.
    pub fn hook_limit(mut self, limit: Duration) -> PoolBuilder {
        self.hooks.limit = Some(limit);
        self
    }

    /// What each worker runs when it is told to leave, after its last task: because the pool was closed or made smaller, or the
    /// worker has done its share. It takes what the start hook made (which is `()` for a hook that returns nothing), and what it
    /// returns can be fetched by [`Pool::end_results`]. A worker that is killed, by [`Pool::terminate`] too, runs no end hook.
    pub fn end_hook<F, S, R>(mut self, hook: F) -> PoolBuilder
    where
        F: Fn(S) -> R + Copy + Send + 'static,
        S: 'static,
        R: TaskResult,
    {
        self.hooks.end = Some((end_of(hook), TypeId::of::<S>()));
        self
    }
}

impl Pool {
    /// What the end hooks of workers that have left brought, each once, in the order in which they came; after
    /// [`Pool::join`] those of all workers that were not killed. They are kept until they are fetched, the latest 10,000 of them: a pool
    /// that replaces its workers for ever does not fill the memory with what nobody asks for.
    #[must_use]
    pub fn end_results<R: TaskResult>(&self) -> Vec<EndResult<R>> {
        let farewells = std::mem::take(&mut self.engine.lock().farewells);
        let told = |farewell: Farewell| EndResult {
            worker: farewell.worker,
            pid: farewell.pid,
            result: decode_outcome(Some(farewell.outcome)),
        };
        farewells.into_iter().map(told).collect()
    }
}
