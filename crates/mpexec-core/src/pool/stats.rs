//! What a pool is doing, as figures.

use super::Pool;
use crate::engine::slot::Phase;
use crate::engine::striking::Struck;

/// What a pool is doing now and has done; see [`Pool::stats`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolStats {
    /// The workers that are there, by their numbers.
    pub workers: Vec<WorkerStats>,
    /// Tasks that no worker has.
    pub queued: u64,
    /// Tasks that workers have: each runs one, the others wait behind it.
    pub held: u64,
    /// Tasks that came back with an outcome of their own: a value, an error, a panic.
    pub finished: u64,
    /// Workers that were started, replacements counted.
    pub started: u64,
    /// Workers that died while they were wanted, or were killed for a time limit.
    pub crashed: u64,
    /// What was done to workers by chance, if that was asked for ([`PoolBuilder::chaos`](crate::PoolBuilder::chaos)).
    pub chaos: Option<ChaosStats>,
}

/// What was done to workers by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChaosStats {
    /// What the chances follow from: given, or taken by the pool.
    pub seed: u64,
    /// Workers that were killed.
    pub killed: u64,
    /// How often a worker was stopped for a while.
    pub stopped: u64,
}

/// One worker of a pool.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Its number within the pool; a replacement has the number of the worker that it replaced.
    pub number: usize,
    /// Its process id; this process's own if it is a thread.
    pub pid: u32,
    /// What it is at.
    pub state: WorkerState,
    /// Tasks that it has, the running one included.
    pub held: u64,
    /// Tasks that it has finished.
    pub finished: u64,
    /// What it runs, if that is a task.
    pub task: Option<RunningTask>,
}

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerState {
    /// Started, and not ready for tasks: it has not shaken hands, or is in its start hook.
    Starting,
    /// Ready.
    Ready,
    /// On its way out.
    Leaving,
}

/// A task that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningTask {
    /// Its index within its job; for a single call 0.
    pub index: u64,
    /// What its caller calls the job ([`CallBuilder::label`](crate::CallBuilder::label)).
    pub label: Option<String>,
}

impl Pool {
    /// What the pool is doing now, and has done. It is a look at one moment: what is told of workers that run may be over when
    /// it is read.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, WorkerState, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
    /// pool.call().label("squares").map(|n: u64| n * n, 0..1_000)?;
    /// let stats = pool.stats();
    /// assert_eq!((stats.finished, stats.queued, stats.held, stats.crashed), (1_000, 0, 0, 0));
    /// assert!(stats.workers.iter().any(|worker| worker.state == WorkerState::Ready && worker.finished > 0));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        let mut state = self.engine.lock();
        // Over the socket a worker's word of what it runs may lie there unread.
        state.turn_if_free();
        let mut stats = PoolStats {
            workers: Vec::new(),
            queued: 0,
            held: 0,
            finished: state.sched.finished,
            started: state.launched,
            crashed: state.crashes,
            chaos: state.struck.map(|Struck { seed, killed, stopped }| ChaosStats { seed, killed, stopped }),
        };
        for (number, (slot, worker)) in state.slots.iter().zip(&state.sched.workers).enumerate() {
            let doing = match slot.phase {
                Phase::Empty => continue,
                Phase::Starting(_) => WorkerState::Starting,
                Phase::Ready if worker.warming => WorkerState::Starting,
                Phase::Ready if worker.leaving => WorkerState::Leaving,
                Phase::Ready => WorkerState::Ready,
                Phase::Leaving(_) => WorkerState::Leaving,
            };
            let ordinal = slot.link.as_ref().and_then(|link| link.progress().running);
            let task = ordinal.and_then(|ordinal| worker.task_of(ordinal)).and_then(|(id, index)| {
                let job = state.jobs.get(&id)?;
                let index = if job.calls.is_some() { 0 } else { index };
                Some(RunningTask { index, label: job.label.as_deref().map(str::to_owned) })
            });
            let (held, finished) = (worker.tasks_held(), worker.finished.saturating_sub(u64::from(slot.hooks)));
            stats.held += held;
            stats.workers.push(WorkerStats { number, pid: slot.pid, state: doing, held, finished, task });
        }
        stats.queued = state.sched.unsettled().saturating_sub(stats.held);
        stats
    }
}
