//! One process for one call.

use std::time::Duration;

use crate::engine::state::Life;
use crate::error::{Exit, PoolError, TaskError, WaitTimedOut};
use crate::pending::Pending;
use crate::pool::Pool;
use crate::registry::Callable;
use crate::task::{Args, TaskResult};

/// A child process that runs one function and ends.
///
/// It dies with this process. Dropping the handle lets it run on.
///
/// ```standalone_crate
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Exit, Process};
/// let mut process = Process::spawn(|a: u64, b: u64| (std::process::id(), a * b), (6, 7))?;
/// let (pid, product) = process.join()?;
/// assert_eq!((pid, product), (process.pid(), 42));
/// assert_eq!(process.exit_status(), Some(Exit::Code(0)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Process<R> {
    pool: Pool,
    result: Option<Pending<R>>,
    pid: u32,
    name: String,
}

impl<R: TaskResult> Process<R> {
    /// Starts a process that calls `function` with `args`.
    ///
    /// # Errors
    /// [`PoolError`] when the process cannot be started; see [`PoolBuilder::build`](crate::PoolBuilder::build).
    pub fn spawn<C, M, A>(function: C, args: A) -> Result<Process<R>, PoolError>
    where
        C: Callable<M, Output = R>,
        A: Args<M>,
    {
        let pool = Pool::builder().single().build()?;
        let pid = pool.pids().first().copied().unwrap_or_default();
        let result = Some(pool.apply_async(function, args));
        pool.close();
        Ok(Process { pool, result, pid, name: format!("Process-{pid}") })
    }

    /// Waits for the process to end; what its function returned.
    ///
    /// # Errors
    /// What the task ended as; [`TaskError::Cancelled`] when the result was fetched before.
    pub fn join(&mut self) -> Result<R, TaskError> {
        let result = match self.result.take() {
            Some(result) => result.get(),
            None => Err(TaskError::Cancelled { reason: "its result was fetched before".to_owned() }),
        };
        // The process is gone, and its exit status known, when this returns.
        let _ = self.pool.join();
        result
    }

    /// Waits for the process to end, but no longer than `limit`; the process goes on.
    ///
    /// # Errors
    /// [`WaitTimedOut`] when the time was up.
    pub fn join_timeout(&mut self, limit: Duration) -> Result<Result<R, TaskError>, WaitTimedOut> {
        if self.result.as_ref().is_some_and(|result| !result.wait_timeout(limit)) {
            return Err(WaitTimedOut(limit));
        }
        Ok(self.join())
    }

    /// Kills the process, and what it started in its group, at once.
    pub fn kill(&self) {
        for slot in &mut self.pool.engine.lock().slots {
            slot.kill();
        }
    }

    /// Asks the process to end (SIGTERM); it may ignore that.
    pub fn terminate(&self) {
        for slot in &self.pool.engine.lock().slots {
            slot.ask_to_end();
        }
    }

    /// Whether the process runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let state = self.pool.engine.lock();
        state.last_exit.is_none() && !(state.ended && state.life != Life::Open)
    }

    /// How it ended; `None` as long as it runs. Known at once after [`Process::join`].
    ///
    /// Code 0: its function returned. Code 1: it panicked, or its argument or result could not be carried over, which
    /// `join` tells exactly. Anything else is what the function made of the process: it called `exit`, or a signal came.
    #[must_use]
    pub fn exit_status(&self) -> Option<Exit> {
        self.pool.engine.lock().last_exit
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}
