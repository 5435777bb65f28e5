//! Where a pool's workers run, and what becomes of what they print: options of the builder.
//!
//! Variables and directory are the spawn's business; niceness and processors the worker sees to itself, before anything else
//! runs in it. Both hold for every replacement too.

use std::ffi::OsString;
use std::path::PathBuf;

use super::PoolBuilder;
use crate::config::{Affinity, Output};
use crate::error::PoolError;

/// No more is kept of what a task prints to a stream, in bytes.
const MOST_CAPTURED: usize = 1 << 30;

impl PoolBuilder {
    /// Sets an environment variable for the workers.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(1)).env("ROWS", "50").env_remove("HOME").build()?;
    /// let ask = || (std::env::var("ROWS").ok(), std::env::var("HOME").ok());
    /// assert_eq!(pool.apply(ask, ())?, (Some("50".to_owned()), None));
    /// # Ok(())
    /// # }
    /// ```
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> PoolBuilder {
        self.config.environment.variables.push((name.into(), Some(value.into())));
        self
    }

    /// Takes an environment variable away from the workers.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> PoolBuilder {
        self.config.environment.variables.push((name.into(), None));
        self
    }

    /// The workers get none of this process's environment, and nothing that was set here before: only what is set after this.
    pub fn env_clear(mut self) -> PoolBuilder {
        self.config.environment.clear();
        self
    }

    /// The workers' working directory. A relative path is taken from where this process is when the pool is built.
    /// [`PoolBuilder::build`] says [`PoolError::WorkingDirectory`] when it cannot be entered.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> PoolBuilder {
        self.config.environment.directory = Some(directory.into());
        self
    }

    /// Adds to the workers' niceness, as the command `nice -n` does: above 0 they give way to others. Below 0 needs a
    /// privilege; without it [`PoolBuilder::build`] says [`PoolError::System`]. The system keeps the sum between -20 and 19.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// let pool = mpexec_core::Pool::builder().nice(10).build()?;
    /// # let _ = pool;
    /// # Ok(())
    /// # }
    /// ```
    pub fn nice(mut self, by: i32) -> PoolBuilder {
        self.config.environment.nice = by;
        self
    }

    /// On which processors the workers run; see [`Affinity`]. [`PoolBuilder::build`] says [`PoolError::System`] for a set of
    /// which this process may use none.
    pub fn affinity(mut self, affinity: Affinity) -> PoolBuilder {
        self.config.environment.affinity = affinity;
        self
    }

    /// What becomes of the workers' standard error; [`Output::Forward`] if not set. Only `Forward` and [`Output::Keep`] can show
    /// the last lines of a worker that died ([`TaskError::Crashed`](crate::TaskError::Crashed)).
    pub fn stderr(mut self, stderr: Output) -> PoolBuilder {
        self.config.stderr = stderr;
        self
    }

    /// What becomes of the workers' standard output; [`Output::Inherit`] if not set. [`Output::Keep`] is nothing for it:
    /// an error of [`PoolBuilder::build`].
    pub fn stdout(mut self, stdout: Output) -> PoolBuilder {
        self.config.stdout = stdout;
        self
    }

    /// The workers print to memory, and what a task printed comes with its outcome, where it is asked for:
    /// [`Pool::apply_captured`](crate::Pool::apply_captured), [`Pool::imap_captured`](crate::Pool::imap_captured). It takes the place of `stdout` and `stderr`.
    ///
    /// Of each stream the first `bytes` of a task are kept, of the rest it is told how long it was; 1 MiB (`1 << 20`) serves most,
    /// 1 GiB is the most.
    /// While a task prints, the memory of what is too much is given back ten times a second. What it leaves running and
    /// prints later is the next task's. What other calls print is dropped.
    pub fn capture_output(mut self, bytes: usize) -> PoolBuilder {
        self.config.capture = Some(bytes);
        self
    }

    /// Whether what was said of the workers' surroundings goes together.
    pub(super) fn check_environment(&self) -> Result<(), PoolError> {
        let bad =
            |setting, value: &str, remedy| Err(PoolError::BadSetting { setting, value: value.to_owned(), remedy });
        if self.config.capture.is_some_and(|bytes| bytes > MOST_CAPTURED) {
            return bad("capture_output", "more than 1 GiB", "what is kept of a task is held in memory: give less");
        }
        if self.config.capture == Some(0) {
            return bad("capture_output", "0", "give how many bytes to keep, or do without it");
        }
        if self.config.stdout == Output::Keep {
            return bad("stdout", "Keep", "only the end of standard error is kept; give Output::Null");
        }
        let read_here = [("stdout", self.config.stdout), ("stderr", self.config.stderr)];
        for (stream, output) in read_here.into_iter().filter(|_| self.config.outlives) {
            if matches!(output, Output::Forward | Output::Keep) {
                let remedy = "who outlives this process cannot print to it; give Output::Inherit or Output::Null";
                return bad(stream, &format!("{output:?}"), remedy);
            }
        }
        Ok(())
    }
}
