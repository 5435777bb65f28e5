//! What a pool may be told: how many workers, over which link, started from which program.
//!
//! This file is on the ground floor: it imports no room of the crate.

mod chaos;
mod environment;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub use chaos::Chaos;
pub use environment::Affinity;
pub(crate) use environment::Environment;

use crate::error::PoolError;

/// The first argument of a worker: with the socket on its stdin it says that the process is one.
pub(crate) const WORKER_MARK: &str = "--mpexec-worker";

/// How many worker processes a pool has.
///
/// ```
/// use mpexec_core::Workers;
/// assert_eq!("auto".parse::<Workers>().unwrap(), Workers::Auto);
/// assert_eq!("3".parse::<Workers>().unwrap(), Workers::Exact(3));
/// assert!("0".parse::<Workers>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// As many as this process may use processors: affinity and the cgroup's quota count. One inside a worker.
    #[default]
    Auto,
    /// Just so many, at least one.
    Exact(usize),
    /// No process at all: one thread of this process is the worker, and takes the same path through the pool. For debugging:
    /// a breakpoint in a task is hit, `println!` goes through, statics are this program's own, and `main` need not call
    /// [`init`](crate::init).
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use mpexec_core::{Pool, Workers};
    ///
    /// static CALLS: AtomicU32 = AtomicU32::new(0);
    ///
    /// fn double(n: u64) -> u64 {
    ///     CALLS.fetch_add(1, Ordering::Relaxed);
    ///     n * 2
    /// }
    ///
    /// let pool = Pool::builder().workers(Workers::Inline).build()?;
    /// assert_eq!(pool.map(double, 1..4)?, [2, 4, 6]);
    /// assert_eq!(CALLS.load(Ordering::Relaxed), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A panic is caught as in a process, but nothing else is kept apart: a task that aborts, exits or overflows its stack ends
    /// this program. A task that runs cannot be killed: [`Pending::abort`](crate::Pending::abort), [`Pool::terminate`](crate::Pool::terminate)
    /// and a dropped pool let it finish. [`Pool::pids`](crate::Pool::pids) is empty, [`in_worker`](crate::in_worker) is false, and what tasks
    /// print goes where this program prints. What needs a process is refused as [`PoolError::BadSetting`]: another worker program, a
    /// limit of memory, captured output, an environment, directory, niceness or processors of their own. `build` takes the names that
    /// [`register`](crate::register) has given by then.
    Inline,
}

impl FromStr for Workers {
    type Err = PoolError;

    fn from_str(text: &str) -> Result<Workers, PoolError> {
        match text {
            "auto" => Ok(Workers::Auto),
            number => match number.parse::<usize>() {
                Ok(count) if count > 0 => Ok(Workers::Exact(count)),
                _ => Err(PoolError::BadSetting {
                    setting: "workers",
                    value: format!("{text:?}"),
                    remedy: "give auto or a number of at least 1",
                }),
            },
        }
    }
}

impl std::fmt::Display for Workers {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Workers::Auto => out.write_str("auto"),
            Workers::Exact(count) => write!(out, "{count}"),
            Workers::Inline => out.write_str("inline"),
        }
    }
}

/// The way between the coordinator and each worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Shared memory where the system has it, the socket elsewhere. It is chosen when the pool is built, and stays: where the system has no more of it
    /// when a worker is replaced, calls end with an error that says so.
    #[default]
    Auto,
    /// Two sealed shared-memory rings per worker (Linux).
    Shm,
    /// A local socket per worker (all Unix systems).
    Socket,
    /// No processes: threads of this process over the same rings. See [`Workers::Inline`], which is one of them.
    Memory,
}

impl Transport {
    /// The name as the command line has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Transport::Auto => "auto",
            Transport::Shm => "shm",
            Transport::Socket => "socket",
            Transport::Memory => "memory",
        }
    }

    /// What `Auto` means on this system.
    #[must_use]
    pub(crate) fn resolved(self) -> Transport {
        match self {
            Transport::Auto if cfg!(target_os = "linux") => Transport::Shm,
            Transport::Auto => Transport::Socket,
            chosen => chosen,
        }
    }
}

impl FromStr for Transport {
    type Err = PoolError;

    fn from_str(text: &str) -> Result<Transport, PoolError> {
        match text {
            "auto" => Ok(Transport::Auto),
            "shm" => Ok(Transport::Shm),
            "socket" => Ok(Transport::Socket),
            "memory" => Ok(Transport::Memory),
            _ => Err(PoolError::BadSetting {
                setting: "transport",
                value: format!("{text:?}"),
                remedy: "give auto, shm or socket",
            }),
        }
    }
}

/// What becomes of what workers print; see [`PoolBuilder::stderr`](crate::PoolBuilder::stderr) and
/// [`PoolBuilder::stdout`](crate::PoolBuilder::stdout).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Output, Pool, Workers};
/// let quiet = Pool::builder().workers(Workers::Exact(1)).stdout(Output::Null).stderr(Output::Keep).build()?;
/// quiet.apply(|| println!("nobody sees this"), ())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Read by this process through a pipe and passed on to its own stream of the same kind. A worker never waits for this: when
    /// nobody takes what is passed on, all but the last 1 MiB is dropped, and the gap is told.
    Forward,
    /// Not shown; of standard error the last 4 KiB are kept for the report of a death, as with `Forward`.
    Keep,
    /// The worker writes to the very file, terminal or pipe that this process's stream is, and waits for it.
    Inherit,
    /// Dropped unseen.
    Null,
}

/// The name that [`Output`] had while only standard error could be told where to go.
#[doc(hidden)]
pub type WorkerStderr = Output;

/// What the kill of a worker takes along; see [`PoolBuilder::containment`](crate::PoolBuilder::containment).
///
/// ```
/// use mpexec_core::Containment;
/// assert_eq!(Containment::default().to_string(), "process group");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Containment {
    /// What the worker has started, as long as it stays in the worker's process group.
    #[default]
    ProcessGroup,
    /// All that the worker has started, and what was started by that: each worker is in a cgroup of its own (version 2).
    Cgroup,
}

impl std::fmt::Display for Containment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Containment::ProcessGroup => "process group",
            Containment::Cgroup => "cgroup",
        })
    }
}

/// Functions that each worker runs once, by their offsets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hooks {
    /// Before its first task.
    pub start: Option<u64>,
    /// After its last.
    pub end: Option<u64>,
    /// How long either may take.
    pub limit: Option<Duration>,
}

/// All settings of a pool; the builder fills it.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub workers: Workers,
    pub transport: Transport,
    /// Another program that serves as worker; `None` = this program itself.
    pub worker_program: Option<PathBuf>,
    pub stderr: Output,
    pub stdout: Output,
    /// In place of these two: so many bytes of each are captured per task.
    pub capture: Option<usize>,
    /// Where and how workers run.
    pub environment: Environment,
    /// What a worker is called; `None`: by the label.
    pub name: Option<String>,
    /// What this process is called.
    pub called: String,
    /// Workers finish what they have when this process ends, and do not die with it.
    pub outlives: bool,
    /// Encoded shared context with the name of its type.
    pub context: Option<std::sync::Arc<Vec<u8>>>,
    /// The same as it is in every process, if buffers go along: those are named by other numbers in each.
    pub context_to_keep: Option<Vec<u8>>,
    /// How long a worker may take from its spawn to its first word.
    pub handshake_limit: Duration,
    /// How long a worker may take to begin what it is sent when it has nothing to do, to answer, and to leave.
    pub response_limit: Duration,
    /// How often a task may be started when its worker died under it: 1 = no retry.
    pub attempts: u32,
    /// How long a task may run.
    pub time_limit: Option<Duration>,
    /// How much processor time a task may use.
    pub cpu_limit: Option<Duration>,
    /// How much memory of its own a worker may have, in bytes.
    pub memory_limit: Option<u64>,
    /// How long a task waits before it is tried again for the first time.
    pub retry_delay: Option<Duration>,
    /// How many tasks are sent together; `None` = by measurement.
    pub chunk: Option<usize>,
    /// What the workers are called in `argv[0]`.
    pub label: String,
    /// What each worker runs at its start and its end.
    pub hooks: Hooks,
    /// A worker that was given so many tasks is replaced.
    pub most_tasks: Option<u64>,
    /// A worker that has more memory of its own, in bytes, is replaced.
    pub most_memory: Option<u64>,
    /// What a kill is to take along.
    pub containment: Containment,
    /// What is done to workers by chance.
    pub chaos: Option<Chaos>,
    /// Whether a worker that died is replaced.
    pub replace: bool,
    /// Capacity of each ring in bytes.
    pub ring_capacity: usize,
    /// The longest result that is taken, in bytes.
    pub max_message: u64,
    /// Told what the pool did and why (a worker replaced, what `auto` counted).
    pub notes: Option<Notes>,
    /// What happens when is kept.
    pub record: bool,
}

/// Where a pool's notes go: one line each, without a line end.
#[derive(Clone)]
pub(crate) struct Notes(std::sync::Arc<dyn Fn(&str) + Send + Sync>);

impl Notes {
    pub(crate) fn new(notes: impl Fn(&str) + Send + Sync + 'static) -> Notes {
        Notes(std::sync::Arc::new(notes))
    }

    /// Tells the user. Whatever their code does, the thread that tells lives on: it is the pool's own.
    pub(crate) fn tell(&self, line: &str) {
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (self.0)(line)));
        // The panic hook has told of it. The payload is the user's as well, and its drop may panic again.
        std::mem::forget(told);
    }
}

impl std::fmt::Debug for Notes {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Notes")
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            workers: Workers::Auto,
            transport: Transport::Auto,
            worker_program: None,
            stderr: Output::Forward,
            stdout: Output::Inherit,
            capture: None,
            environment: Environment::default(),
            name: None,
            called: String::new(),
            outlives: false,
            context: None,
            context_to_keep: None,
            handshake_limit: Duration::from_secs(10),
            response_limit: Duration::from_secs(5),
            attempts: 1,
            time_limit: None,
            cpu_limit: None,
            memory_limit: None,
            retry_delay: None,
            chunk: None,
            label: "mpexec".to_owned(),
            hooks: Hooks::default(),
            most_tasks: None,
            most_memory: None,
            containment: Containment::default(),
            chaos: None,
            replace: true,
            ring_capacity: mpexec_ring::DEFAULT_CAPACITY,
            max_message: 16 << 30,
            notes: None,
            record: false,
        }
    }
}

impl Config {
    /// What a worker is called, in lists of processes too.
    pub(crate) fn worker_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("{} worker", self.label))
    }
}
