//! How a process is started: its name, its surroundings, whether it dies with its parent.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Process;
use crate::config::{Affinity, Output, Transport};
use crate::error::PoolError;
use crate::pool::{Pool, PoolBuilder};
use crate::registry::Callable;
use crate::task::{Args, TaskResult};

/// Numbers the processes that were given no name.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Sets how a process is started; see [`Process::builder`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::Process;
/// let directory = || std::env::current_dir().map(|at| at.display().to_string()).unwrap_or_default();
/// let mut process = Process::builder().name("scout").current_dir("/").nice(5).spawn(directory, ())?;
/// assert_eq!(process.name(), "scout");
/// assert_eq!(process.join()?, "/");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is started before `spawn`"]
pub struct ProcessBuilder {
    pool: PoolBuilder,
    name: Option<String>,
    outlives: bool,
    stderr: Option<Output>,
}

impl ProcessBuilder {
    pub(super) fn new() -> ProcessBuilder {
        ProcessBuilder { pool: Pool::builder(), name: None, outlives: false, stderr: None }
    }

    /// What it is called: by [`Process::name`], [`active_children`](crate::active_children) and `ps`. `Process-1`, `Process-2` and so on if
    /// not set.
    pub fn name(mut self, name: impl Into<String>) -> ProcessBuilder {
        self.name = Some(name.into());
        self
    }

    /// Sets an environment variable for it.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> ProcessBuilder {
        self.pool = self.pool.env(name, value);
        self
    }

    /// Takes an environment variable away from it.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> ProcessBuilder {
        self.pool = self.pool.env_remove(name);
        self
    }

    /// It gets none of this process's environment, and nothing that was set here before: only what is set after this.
    pub fn env_clear(mut self) -> ProcessBuilder {
        self.pool = self.pool.env_clear();
        self
    }

    /// Its working directory; see [`PoolBuilder::current_dir`].
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> ProcessBuilder {
        self.pool = self.pool.current_dir(directory);
        self
    }

    /// Adds to its niceness; see [`PoolBuilder::nice`].
    pub fn nice(mut self, by: i32) -> ProcessBuilder {
        self.pool = self.pool.nice(by);
        self
    }

    /// The processors that it may use, by the system's numbers. Not set: those that this process may use.
    pub fn processors(mut self, numbers: impl IntoIterator<Item = u32>) -> ProcessBuilder {
        self.pool = self.pool.affinity(Affinity::Sets(vec![numbers.into_iter().collect()]));
        self
    }

    /// What becomes of its standard error; see [`PoolBuilder::stderr`].
    pub fn stderr(mut self, stderr: Output) -> ProcessBuilder {
        self.stderr = Some(stderr);
        self
    }

    /// What becomes of its standard output; see [`PoolBuilder::stdout`].
    pub fn stdout(mut self, stdout: Output) -> ProcessBuilder {
        self.pool = self.pool.stdout(stdout);
        self
    }

    /// Over which link; `Auto` if not set.
    pub fn transport(mut self, transport: Transport) -> ProcessBuilder {
        self.pool = self.pool.transport(transport);
        self
    }

    /// Whether it dies when this process ends, whatever ends this one; `true` if not set. With `false` it finishes its
    /// function, and what that returned is lost.
    ///
    /// A pipe to this process would be broken by then, so with `false` its standard error is inherited if nothing else is
    /// set, and [`TaskError::Crashed`](crate::TaskError::Crashed) has no last lines to show.
    pub fn die_with_parent(mut self, dies: bool) -> ProcessBuilder {
        self.outlives = !dies;
        self
    }

    /// Starts it: it calls `function` with `args`.
    ///
    /// # Errors
    /// As [`PoolBuilder::build`], when the process cannot be started; [`PoolError::BadSetting`] when it cannot be one, because its
    /// `transport` is [`Transport::Memory`], or would not outlive this one, because its output is read by it.
    pub fn spawn<C, M, A>(self, function: C, args: A) -> Result<Process<C::Output>, PoolError>
    where
        C: Callable<M>,
        A: Args<M>,
        C::Output: TaskResult,
    {
        let name = self.name.unwrap_or_else(|| format!("Process-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        if name.contains('\0') {
            let remedy = "give a name without a zero byte";
            return Err(PoolError::BadSetting { setting: "name", value: format!("{name:?}"), remedy });
        }
        let mut pool = self.pool.single(name.clone())?;
        pool = match (self.stderr, self.outlives) {
            (Some(stderr), _) => pool.stderr(stderr),
            (None, true) => pool.stderr(Output::Inherit),
            (None, false) => pool,
        };
        if self.outlives {
            pool = pool.outliving();
        }
        Ok(Process::start(pool.build()?, name, function, args))
    }
}
