//! What can go wrong, as types: how a task ended when it did not return, and why a pool could not be had.
//!
//! This file is on the ground floor: it imports no room of the crate. Each error says what happened, to what (pid,
//! index, path) and what to do; the values are public so that a program can decide by them.

mod backtrace;
mod exit;
mod returned;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub use backtrace::CrashBacktrace;
pub use exit::Exit;
pub(crate) use exit::told_signal;
use exit::{crashed, last_words};
pub use returned::ReturnedError;

/// What a task ended as when it did not return a value: exactly one of these, once.
///
/// ```
/// use mpexec_core::TaskError;
/// let error = TaskError::Panicked { message: "no such row".into(), location: Some("src/rows.rs:7:9".into()), backtrace: None };
/// assert_eq!(error.to_string(), "the task panicked at src/rows.rs:7:9: no such row");
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The function panicked. The worker lives on.
    #[error("the task panicked{}: {message}", location.as_ref().map(|l| format!(" at {l}")).unwrap_or_default())]
    Panicked {
        /// The panic's message.
        message: String,
        /// File, line and column.
        location: Option<String>,
        /// The backtrace, unless `RUST_BACKTRACE=0` refused it.
        backtrace: Option<String>,
    },
    /// The worker process died while it ran this task. With `{:#}` the text goes on with the backtrace.
    #[error(fmt = crashed)]
    Crashed {
        /// The process id of the worker.
        pid: u32,
        /// How it ended.
        exit: Exit,
        /// The last lines of its standard error, as far as they could be read; then, in brackets, what the pool knows of its death:
        /// why it has killed the worker, or that memory ran out. The kernel does not tell whom it has killed for that: a worker that was
        /// ended by SIGKILL just when it had killed a process of the same memory cgroup (of the machine, where there is none) was
        /// probably that.
        stderr: String,
        /// What it ran: the name of a function that has one, the path of any other as the compiler writes it.
        function: String,
        /// How long the task had run by then. The worker looks at its clock before tasks that are not very short, and the
        /// pool looks at a worker every millisecond while that has more than one: so this is at most a few milliseconds off. `None`
        /// where nobody looked, as before most of many short single calls.
        ran_for: Option<Duration>,
        /// Where it was, if it was ended by a signal that means a fault of its program, such as SIGSEGV or SIGABRT.
        backtrace: Option<CrashBacktrace>,
    },
    /// The task ran longer than it may ([`time_limit`](crate::CallBuilder::time_limit)): its worker was killed.
    #[error("the task ran longer than its time limit of {limit:?}: worker process {pid} was killed")]
    TimedOut {
        /// The process id of the worker.
        pid: u32,
        /// The limit.
        limit: Duration,
    },
    /// The task used more processor time than it may ([`cpu_limit`](crate::CallBuilder::cpu_limit)): its worker was killed.
    #[error("the task used more processor time than its limit of {limit:?}: worker process {pid} was killed")]
    CpuTimeExceeded {
        /// The process id of the worker.
        pid: u32,
        /// The limit.
        limit: Duration,
    },
    /// The worker had no more memory than its limit while it ran the task ([of the pool](crate::PoolBuilder::memory_limit) or
    /// [of the call](crate::CallBuilder::memory_limit)):
    /// it was killed, or was refused more and aborted.
    #[error("the task ran out of memory: worker process {pid} {} its limit of {limit} bytes", exceeded(*had))]
    OutOfMemory {
        /// The process id of the worker.
        pid: u32,
        /// The limit in bytes.
        limit: u64,
        /// What the worker was found to have, in bytes, and killed for; `None` when it was refused more and aborted.
        had: Option<u64>,
    },
    /// The worker process died while it ran this task, or what it told leaves open whether it had begun it, and the task may run at most once
    /// ([`at_most_once`](crate::CallBuilder::at_most_once)): what it had done by then is not known, and it is not tried again.
    #[error("{death}\nThe task may run at most once: how much of it was done is not known")]
    OutcomeUnknown {
        /// How the worker died: a [`Crashed`](TaskError::Crashed).
        death: Box<TaskError>,
    },
    /// The function returned an `Err`, in a form that takes this as a failure ([`try_map`](crate::Pool::try_map)).
    #[error("the task returned an error: {0:#}")]
    Returned(
        /// What can be told of it: its text and its causes.
        ReturnedError,
    ),
    /// The task was cancelled before it had started, or its pool was terminated.
    #[error("the task was cancelled: {reason}")]
    Cancelled {
        /// Who cancelled it.
        reason: String,
    },
    /// The argument could not be decoded in the worker.
    #[error("the argument of the task could not be decoded in the worker: {message}")]
    ArgumentUndecodable {
        /// The type and what was wrong with its bytes.
        message: String,
    },
    /// The argument could not be encoded.
    #[error("the argument of the task could not be encoded: {message}")]
    ArgumentUnencodable {
        /// The type and what its `Serialize` said.
        message: String,
    },
    /// The result could not be encoded in the worker.
    #[error("the result of the task could not be encoded in the worker: {message}")]
    ResultUnencodable {
        /// The type and what its `Serialize` said.
        message: String,
    },
    /// The result arrived but its bytes are not a value of the expected type.
    #[error("the result of the task could not be decoded: {message}")]
    ResultUndecodable {
        /// The type and what was wrong with its bytes.
        message: String,
    },
    /// The worker program does not know this function.
    #[error(
        "the worker does not know the function of this task: {message}; register it in the worker program, or use the program itself as worker"
    )]
    UnknownFunction {
        /// Which function was asked for.
        message: String,
    },
    /// The worker program has a function of this name, but with other types than this program takes it to have.
    #[error(
        "the function {name:?} is `{ours}` here, but `{theirs}` in the worker program {}: build both from the same sources",
        program.display()
    )]
    SignatureMismatch {
        /// The function's name.
        name: String,
        /// The structure of its parameters and its result, as this program knows them.
        ours: String,
        /// The same as the worker program knows them.
        theirs: String,
        /// The worker program.
        program: PathBuf,
    },
    /// The function of this name cannot be called with JSON.
    #[error(
        "the function {name:?} of {} cannot be called with JSON: only one with #[task] can, if it does not say `json = false`",
        program.display()
    )]
    NoJson {
        /// The function's name.
        name: String,
        /// The worker program.
        program: PathBuf,
    },
    /// The pool cannot run anything now: its workers die one after another, or none could be started.
    #[error("the pool could not run the task: {0}")]
    Pool(PoolError),
    /// The pool was closed, joined or terminated before the call.
    #[error("the pool is {state}: it takes no more tasks")]
    PoolClosed {
        /// `closed` or `terminated`.
        state: &'static str,
    },
}

fn exceeded(had: Option<u64>) -> String {
    had.map_or_else(|| "was refused more than".to_owned(), |had| format!("had {had} bytes, more than"))
}

/// One task of a job failed: which, and how.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Workers};
/// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
/// let error = pool.map(|n: u32| 100 / n, [5, 0, 2]).unwrap_err();
/// assert_eq!(error.index, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
pub struct JobError {
    /// The index of the task within its job, from 0.
    pub index: u64,
    /// What it ended as.
    pub error: TaskError,
}

impl fmt::Display for JobError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let JobError { index, error } = self;
        match out.alternate() {
            true => write!(out, "task {index}: {error:#}"),
            false => write!(out, "task {index}: {error}"),
        }
    }
}

impl TaskError {
    /// Whether the fault lies with the system (a worker died) and not with the task's own code or values.
    #[must_use]
    pub fn is_system(&self) -> bool {
        matches!(self, TaskError::Crashed { .. } | TaskError::OutcomeUnknown { .. } | TaskError::Pool(_))
    }
}

/// Why a pool could not be built or cannot go on.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// A setting makes no sense; nothing was started.
    #[error("{setting} cannot be {value}: {remedy}")]
    BadSetting {
        /// The option's name.
        setting: &'static str,
        /// What was given.
        value: String,
        /// What may be given.
        remedy: &'static str,
    },
    /// `mpexec_core::init()` was not called at the start of `main`.
    #[error(
        "mpexec_core::init() was not called: call it as the first thing in main(), because workers are this same program started again"
    )]
    NotInitialised,
    /// This process was forked from the one that built the pool, whose workers and results are not its own. Its parent's pool is none the worse.
    #[error("this pool is that of the process from which this one was forked: build another one here")]
    Forked,
    /// Two task functions have one name, so that nobody can say which is meant; nothing was started.
    #[error(
        "two task functions are named {name:?}, one at {first}, one at {second}: give one of them another name (#[task(name = \"...\")])"
    )]
    DuplicateTask {
        /// The name.
        name: String,
        /// File and line of the one.
        first: String,
        /// File and line of the other.
        second: String,
    },
    /// The operating system refused something the pool needs.
    #[error("cannot {what}: {message}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        message: String,
    },
    /// Workers cannot run in the directory that they were given; or could not be replaced, since it has gone.
    #[error("workers cannot run in {}: {message}; give a directory that exists and may be entered", path.display())]
    WorkingDirectory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// The worker program could not be started, or is none.
    #[error("worker program {}: {what}; {remedy}", program.display())]
    WorkerProgram {
        /// The file.
        program: PathBuf,
        /// What happened.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// Workers died one after another, and no task came to its end meanwhile: five, or fifty that were killed (SIGKILL). A death that ends its task, as all do without
    /// [`attempts`](crate::PoolBuilder::attempts), is no part of such a row, nor is one of a task that may be tried ten times at most: that comes to its end by itself. Where the last
    /// death is charged to a task, it ends with this, alone; else all calls that wait do, and the next call starts afresh.
    #[error(
        "{deaths} workers in a row died without finishing a task; the last one, process {pid} of {}, {exit}{}",
        program.display(), last_words(stderr)
    )]
    CrashLoop {
        /// The worker program.
        program: PathBuf,
        /// How many.
        deaths: u32,
        /// The last one's process id.
        pid: u32,
        /// How the last one ended.
        exit: Exit,
        /// The last lines it wrote to standard error.
        stderr: String,
    },
    /// The start hook of a worker failed: it returned an `Err`, panicked, or died. The calls that waited end with this, and
    /// the next call starts a worker anew.
    #[error("the start hook of worker {worker} (process {pid}) failed: {message}")]
    StartHook {
        /// The worker's number in its pool.
        worker: usize,
        /// Its process id.
        pid: u32,
        /// What the hook said.
        message: String,
    },
    /// `join` with a time limit: not all was done in time.
    #[error("after {waited:?} {left} tasks are still not done")]
    JoinTimedOut {
        /// The limit.
        waited: Duration,
        /// Tasks without an outcome.
        left: u64,
    },
    /// The pool was closed or terminated before it was to be changed.
    #[error("the pool is {state}: it cannot be changed any more")]
    Closed {
        /// `closed` or `terminated`.
        state: &'static str,
    },
    /// `join` was called from one of the pool's own callbacks.
    #[error("join() was called from a callback of the pool, for whose end it would wait: call it elsewhere")]
    JoinInCallback,
    /// A task of a pool with a single worker in this process ([`Workers::Inline`](crate::Workers::Inline)) called this very pool.
    #[error(
        "a task of a pool without processes called this same pool, whose only worker it keeps busy: use another pool there"
    )]
    CallInTask,
    /// `join` was called before `close` or `terminate`.
    #[error("join() was called on an open pool: call close() or terminate() first")]
    StillOpen,
}

impl PoolError {
    pub(crate) fn system(what: impl Into<String>, error: impl fmt::Display) -> PoolError {
        PoolError::System { what: what.into(), message: error.to_string() }
    }
}

/// A wait with a time limit ended before the result was there. The task goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no result within {0:?}; the task goes on")]
pub struct WaitTimedOut(
    /// The limit.
    pub Duration,
);
