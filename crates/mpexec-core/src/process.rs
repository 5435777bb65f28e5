//! One process for one call, and the family of this one: the children that it has.

mod builder;

use std::time::{Duration, Instant};

pub use builder::ProcessBuilder;

use crate::engine::slot::Signal;
use crate::engine::state::Life;
use crate::error::{Exit, PoolError, TaskError, WaitTimedOut};
use crate::pending::Pending;
use crate::pool::Pool;
use crate::registry::Callable;
use crate::task::{Args, TaskResult};

/// A child process that runs one function and ends.
///
/// It dies with this process, whatever ends this one, unless it was started with
/// [`die_with_parent(false)`](ProcessBuilder::die_with_parent). Dropping the handle neither ends it nor waits for it.
///
/// ```
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
    /// Dropped before the result: a call whose handle lives is not cancelled.
    pool: Pool,
    result: Option<Pending<R>>,
    pid: u32,
    name: String,
}

impl Process<()> {
    /// To give it a name, an environment, a life of its own.
    pub fn builder() -> ProcessBuilder {
        ProcessBuilder::new()
    }
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
        ProcessBuilder::new().spawn(function, args)
    }

    fn start<C, M, A>(pool: Pool, name: String, function: C, args: A) -> Process<R>
    where
        C: Callable<M, Output = R>,
        A: Args<M>,
    {
        let pid = pool.pids().first().copied().unwrap_or_default();
        let result = Some(pool.apply_async(function, args));
        pool.close();
        Process { pool, result, pid, name }
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

    /// As [`Process::join`], but waits no longer than `limit`: then the process goes on, and can be joined later.
    ///
    /// # Errors
    /// [`WaitTimedOut`] when the time was up. Inside, what the task ended as.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use std::time::Duration;
    /// use mpexec_core::{Exit, Process};
    /// fn wait_for_ever() { loop { std::thread::park() } }
    /// let mut process = Process::spawn(wait_for_ever, ())?;
    /// assert!(process.join_timeout(Duration::from_millis(10)).is_err());
    /// process.kill();
    /// assert!(process.join().is_err());
    /// assert_eq!(process.exit_status(), Some(Exit::Signal(9)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn join_timeout(&mut self, limit: Duration) -> Result<Result<R, TaskError>, WaitTimedOut> {
        let since = Instant::now();
        let came = self.result.as_ref().is_none_or(|result| result.wait_timeout(limit));
        // What the function returned is kept until the process itself is over.
        let left = limit.saturating_sub(since.elapsed());
        if !came || matches!(self.pool.join_timeout(left), Err(PoolError::JoinTimedOut { .. })) {
            return Err(WaitTimedOut(limit));
        }
        Ok(self.join())
    }

    /// Kills the process, and what it started in its group, at once (SIGKILL).
    pub fn kill(&self) {
        for slot in &mut self.pool.engine.lock().slots {
            slot.kill();
        }
        self.pool.engine.wake.ring();
    }

    /// Asks the process to end (SIGTERM). It may ignore that, or catch it and take its time.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Interrupts the process as Ctrl-C does (SIGINT): that ends it unless it has set another reaction. A Ctrl-C at the terminal
    /// does not reach it: it has a process group of its own.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    fn signal(&self, signal: Signal) {
        for slot in &self.pool.engine.lock().slots {
            slot.signal(signal);
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

    /// What it is called; see [`ProcessBuilder::name`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A living child of this process; see [`active_children`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// Its process id.
    pub pid: u32,
    /// What it is called: a [`Process`] by its name, a worker of a pool `label worker`.
    pub name: String,
}

/// The children that this process has through this library, oldest first: each [`Process`], its handle kept or dropped, and the
/// workers of all pools. One that has ended is listed until its end was taken note of, which takes a moment, but no longer
/// than its [`Process::join`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Process, active_children};
/// let mut process = Process::builder().name("counter").spawn(|| 1, ())?;
/// assert!(active_children().iter().all(|child| child.name == "counter"));
/// process.join()?;
/// assert_eq!(active_children(), []);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn active_children() -> Vec<ChildInfo> {
    crate::engine::slot::children().into_iter().map(|(pid, name)| ChildInfo { pid, name }).collect()
}
