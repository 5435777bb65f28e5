//! Run functions in a pool of worker **processes**: memory spaces of their own, at nearly the price of threads.
//!
//! A coordinator starts N copies of its own program as workers, sends them encoded tasks over shared memory (or a local
//! socket) and takes back results that carry the index of their task. A task may crash, leak, loop or abort: it takes
//! its worker along, never the program, and the pool goes on with a new worker.
//!
//! # 1. Begin `main` with `init`
//!
//! Workers are this same program started again. [`init`] sees whether this process is one; then it serves tasks and never
//! returns.
//!
//! ```
//! use mpexec_core::{Pool, Workers};
//!
//! fn howmany_within_range(row: Vec<i64>, minimum: i64, maximum: i64) -> usize {
//!     row.into_iter().filter(|n| (minimum..=maximum).contains(n)).count()
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     mpexec_core::init();
//!     let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
//!     assert_eq!(pool.apply(howmany_within_range, (vec![8, 8, 3, 7, 7], 4, 8))?, 4);
//!     Ok(())
//! }
//! ```
//!
//! # 2. Many tasks, results in order
//!
//! [`Pool::map`] takes items for functions of one parameter, [`Pool::starmap`] tuples. Arguments may be given by
//! reference; nothing is cloned.
//!
//! ```
//! # use mpexec_core::{Pool, Workers};
//! # fn howmany_within_range(row: Vec<i64>, minimum: i64, maximum: i64) -> usize {
//! #     row.into_iter().filter(|n| (minimum..=maximum).contains(n)).count()
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # mpexec_core::init();
//! let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
//! let rows = vec![vec![8, 8, 3, 7, 7], vec![0, 4, 2, 5, 2], vec![2, 2, 1, 0, 8]];
//! assert_eq!(pool.starmap(howmany_within_range, rows.iter().map(|row| (row, 4, 8)))?, [4, 2, 1]);
//! assert_eq!(pool.map(|n: u64| n * n, 0..5)?, [0, 1, 4, 9, 16]);
//! # Ok(())
//! # }
//! ```
//!
//! [`Pool::map`] ends at the first failure; [`Pool::map_outcomes`] brings what each task ended as. A function that returns
//! a `Result` brings its `Err`s as values, as text and causes ([`ReturnedError`]) where the error cannot be sent; with
//! [`Pool::try_map`] an `Err` is a failure.
//!
//! # 3. Results to come, and results as they come
//!
//! The `_async` forms return a [`Pending`] at once: wait for it, ask it, give it callbacks, or `.await` it in any runtime.
//! [`Pool::imap`] and [`Pool::imap_unordered`] are iterators over a lazy, even endless, input with bounded memory.
//!
//! ```
//! # use mpexec_core::{Pool, Workers};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # mpexec_core::init();
//! let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
//! let sum = pool.apply_async(|a: u32, b: u32| a + b, (1, 2)).on_success(|sum| println!("{sum}"));
//! assert_eq!(sum.get()?, 3);
//!
//! let first = pool.imap(|n: u64| n * n, 0..).take(3).collect::<Result<Vec<_>, _>>()?;
//! assert_eq!(first, [0, 1, 4]);
//! # Ok(())
//! # }
//! ```
//!
//! # 4. When things go wrong
//!
//! Every task ends exactly once, as a value or as a [`TaskError`] that says what happened. There is no broken pool.
//!
//! ```
//! # use mpexec_core::{Exit, Pool, TaskError, Workers};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # mpexec_core::init();
//! let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
//! let divide = |n: u32| 100 / n;
//! assert!(matches!(pool.apply(divide, (0,)), Err(TaskError::Panicked { .. })));
//!
//! let abort = |really: bool| if really { std::process::abort() };
//! let Err(TaskError::Crashed { exit, .. }) = pool.apply(abort, (true,)) else { panic!() };
//! assert_eq!(exit, Exit::Signal(6));
//!
//! assert_eq!(pool.apply(divide, (5,))?, 20); // a new worker
//! # Ok(())
//! # }
//! ```
//!
//! What a function *returns* is a value, an `Err` too. An error that serde carries keeps its type; of others, `anyhow`'s among
//! them, the text and the chain of causes arrive. The `try_` forms take an `Err` as a failure.
//!
//! ```
//! # use mpexec_core::{Pool, ReturnedError, Workers};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # mpexec_core::init();
//! use anyhow::Context;
//! let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
//! let price = |text: String| text.parse::<f64>().with_context(|| format!("{text:?} is no price"));
//! let returned: Result<f64, ReturnedError> = pool.apply(price, ("free",))?;
//! assert_eq!(format!("{:#}", returned.unwrap_err()), "\"free\" is no price: invalid float literal");
//! assert_eq!(pool.try_map(price, ["1.5", "free"]).unwrap_err().index, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # 5. Limits of a call
//!
//! [`Pool::call`] sets options of one call; the same on the pool's builder are for all calls. A time limit counts from the
//! task's start and is enforced from outside, whatever the task does. Nothing is tried again unless you say so.
//!
//! ```
//! # use mpexec_core::{Pool, TaskError, Workers};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # mpexec_core::init();
//! use std::time::Duration;
//! let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
//! let solve = |n: u64| { while n == 3 { std::hint::spin_loop() } n * n };
//! let call = pool.call().time_limit(Duration::from_millis(100)).attempts(3).retry_delay(Duration::from_millis(10));
//! let outcomes = call.map_outcomes(solve, 0..5);
//! assert!(matches!(outcomes[3], Err(TaskError::TimedOut { .. })));
//! assert_eq!(outcomes[4].clone()?, 16);
//! # Ok(())
//! # }
//! ```
//!
//! # 6. What every task needs
//!
//! A value that all tasks share is sent to each worker once: [`PoolBuilder::context`] puts it in, [`context`] reads it.
//! [`current_task`] tells a task its index, attempt and worker.
//!
//! A large table, model or image is a [`Shared`] buffer: an argument like any other, which lies in memory once, however many
//! workers and tasks read it.
//!
//! ```
//! # use mpexec_core::{Pool, Shared, Workers};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # mpexec_core::init();
//! let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
//! let table = Shared::build(1_000_000, |table: &mut [u32]| table.iter_mut().zip(0..).for_each(|(at, n)| *at = n))?;
//! let sum = |table: Shared<u32>, from: usize| table[from..from + 10].iter().sum::<u32>();
//! assert_eq!(pool.starmap(sum, [0, 500_000].map(|from| (&table, from)))?, [45, 5_000_045]);
//! # Ok(())
//! # }
//! ```
//!
//! # 7. What a worker keeps
//!
//! A start hook runs in each worker before its first task, and what it makes, a connection or a cache, lives from task to task:
//! [`worker_state`] lends it out. An end hook sees it last, and what that returns can be fetched.
//!
//! ```
//! # use mpexec_core::{Pool, Workers, worker_state};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # mpexec_core::init();
//! let pool = Pool::builder().workers(Workers::Exact(2)).start_hook(Vec::<u32>::new).end_hook(|seen: Vec<u32>| seen.len()).build()?;
//! pool.map(|n: u32| worker_state(|seen: &mut Vec<u32>| seen.push(n)), 0..100)?;
//! pool.close();
//! pool.join()?;
//! let seen = pool.end_results::<usize>().into_iter().map(|end| end.result);
//! assert_eq!(seen.sum::<Result<usize, _>>()?, 100);
//! # Ok(())
//! # }
//! ```
//!
//! The pool may grow and shrink while it works ([`Pool::resize`]), and workers may be replaced by fresh ones: after so many tasks
//! ([`PoolBuilder::max_tasks_per_worker`]), or when they have grown too large ([`PoolBuilder::max_worker_memory`]).
//! [`Pool::stats`] shows what each is doing, and [`CallBuilder::label`] is the name under which it shows a call.
//!
//! ```
//! # use mpexec_core::{Pool, Workers};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # mpexec_core::init();
//! let pool = Pool::builder().workers(Workers::Exact(1)).max_tasks_per_worker(10).build()?;
//! let mut processes = pool.map(|_: u8| std::process::id(), 0..30)?;
//! processes.dedup();
//! assert_eq!(processes.len(), 3);
//! pool.resize(4)?;
//! assert_eq!((pool.workers(), pool.stats().finished), (4, 30));
//! # Ok(())
//! # }
//! ```
//!
//! # 8. One process, one call
//!
//! [`Process::spawn`] runs a function in a child process of its own: join it, interrupt or kill it, ask how it ended.
//! [`Process::builder`] gives it a name, an environment, a directory, or a life beyond that of this process.
//! [`active_children`] lists whom this process has started, [`parent`] tells who has started it.
//!
//! ```
//! # use mpexec_core::Process;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # mpexec_core::init();
//! let greet = || format!("hello from {}", std::env::var("PLACE").unwrap_or_default());
//! let mut process = Process::builder().name("greeter").env("PLACE", "afar").spawn(greet, ())?;
//! assert_eq!(process.join()?, "hello from afar");
//! assert!(process.exit_status().is_some_and(|exit| exit.success()));
//! # Ok(())
//! # }
//! ```
//!
//! # 9. Where workers run
//!
//! [`PoolBuilder::env`], [`current_dir`](PoolBuilder::current_dir), [`nice`](PoolBuilder::nice) and [`affinity`](PoolBuilder::affinity) are for all
//! workers of a pool and their replacements. [`PoolBuilder::stdout`] and [`PoolBuilder::stderr`] say where goes what they print,
//! and with [`PoolBuilder::capture_output`] it comes with each task's outcome ([`Pool::apply_captured`]).
//!
//! # 10. Tasks that talk
//!
//! The two ends of a [`channel`](channel()) are arguments too: for progress, for pipelines, for results as they are found. Many
//! senders, many receivers; a process that is killed leaves whole messages and holds nobody up.
//!
//! ```
//! # use mpexec_core::{Process, Receiver, Sender, channel};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # mpexec_core::init();
//! let ((questions, from_us), (to_us, answers)) = (channel::<u64>()?, channel::<u64>()?);
//! let squares = |numbers: Receiver<u64>, squares: Sender<u64>| {
//!     numbers.iter().map_while(Result::ok).take_while(|n| squares.send(&(n * n)).is_ok()).count()
//! };
//! let mut process = Process::spawn(squares, (from_us, to_us))?;
//! questions.send(&7)?;
//! assert_eq!(answers.recv()?, 49);
//! drop(questions); // the end, for its receivers
//! assert_eq!(process.join()?, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # 11. Another program as worker
//!
//! A function with [`#[task]`](macro@task) has a name in every program that it is part of, so a library of tasks can be called with
//! another worker program ([`PoolBuilder::worker_program`]). [`register`] gives a name at run time, in the worker program alone;
//! [`named`] calls a function by a name. Before the first call both sides' types are compared, field by field
//! ([`TaskError::SignatureMismatch`]); [`Pool::functions`] lists what there is. Whoever does not know the types, as a command
//! line, calls with JSON: [`Pool::apply_json`].
//!
//! ```standalone_crate
//! /// How many numbers of a row lie within a range.
//! #[mpexec_core::task]
//! fn howmany_within_range(row: Vec<i64>, minimum: i64, maximum: i64) -> usize {
//!     row.into_iter().filter(|n| (minimum..=maximum).contains(n)).count()
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     mpexec_core::init();
//!     let pool = mpexec_core::Pool::new()?;
//!     assert_eq!(pool.apply_json("howmany_within_range", r#"{"row": [8, 3, 7], "minimum": 4, "maximum": 8}"#)?, "2");
//!     assert_eq!(pool.functions()[0].doc, "How many numbers of a row lie within a range.");
//!     Ok(())
//! }
//! ```
//!
//! # 12. Tests and debugging
//!
//! Inside `cargo test` one line makes pools work: [`init_in_tests!`]. With [`Workers::Inline`] a pool has no processes at all and the same
//! face: breakpoints in tasks are hit, and statics are this program's own.
//!
//! ```
//! # use mpexec_core::{Pool, Workers};
//! let pool = Pool::builder().workers(Workers::Inline).build()?;
//! let own = pool.apply(|| std::process::id(), ())?;
//! assert_eq!(own, std::process::id());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # From Python
//!
#![cfg_attr(
    doc,
    doc = "Who knows `multiprocessing` or `concurrent.futures` finds every name of theirs in [`coming_from_python`]."
)]
//!
//! # What is a task
//!
//! Any function or closure that captures nothing, with up to eight parameters that serde can carry, or that are borrowed
//! plain slices or text. A capture is refused by the compiler. See [`TaskFn`].
//!
//! # Rules of the house
//!
//! * Nothing of yours (iterators, `Serialize`, `Deserialize`, callbacks, wakers) runs while the pool holds a lock.
//! * A worker has only its socket, its rings and the three standard streams; stdin is `/dev/null`.
//! * Workers die with the coordinator, however it dies, and take their process group along.

#[cfg(not(unix))]
compile_error!("mpexec-core runs on Unix systems; its shared-memory link on Linux");

mod carry;
mod channel;
mod config;
mod context;
mod engine;
mod error;
mod link;
mod os;
mod pending;
mod pool;
mod process;
mod recording;
mod registry;
mod shared;
mod task;
mod worker;

pub use channel::{Messages, Receiver, RecvError, SendError, Sender, channel, channel_with_capacity};
pub use config::{Affinity, Chaos, Containment, Output, Transport, WorkerStderr, Workers};
pub use context::{CurrentTask, ParentInfo, context, current_task, in_worker, parent, worker_state};
pub use error::{CrashBacktrace, Exit, JobError, PoolError, ReturnedError, TaskError, WaitTimedOut};
pub use mpexec_macros::task;
pub use pending::Pending;
pub use pending::many::{AsCompleted, Until, Waited, as_completed, wait_all, wait_any, wait_first_error, wait_many};
pub use pool::{
    CallBuilder, Captured, ChaosStats, EndResult, Imap, ImapCaptured, ImapUnordered, Pool, PoolBuilder, PoolStats,
    Processors, RunningTask, WorkerState, WorkerStats, count_processors,
};
pub use process::{ChildInfo, Process, ProcessBuilder, active_children};
pub use recording::{BatchSpan, Depth, Recording, SlowTask, Totals, WorkerChange, WorkerEvent};
pub use registry::{Callable, DuplicateName, FunctionId, NamedFn, TaskInfo, TryCallable, named, register};
pub use shared::{Shared, SharedError};
pub use task::{
    Arg, Args, Input, Item, Kept, ListedError, Owned, Param, Plain, ResultOf, Slice, TaskFn, TaskOutput, TaskResult,
    Text, TextParam, Told, ToldListed, TriedError,
};

/// For those who know `multiprocessing` or `concurrent.futures`.
///
#[doc = include_str!("coming_from_python.md")]
#[cfg(doc)]
pub mod coming_from_python {}

/// What `#[task]` writes into a program; not to be used by hand.
#[doc(hidden)]
pub mod __task {
    pub use crate::registry::{Registration, collect};
    pub use crate::task::json::{BadJson, JsonFn, JsonInput, JsonParam, ParameterNames};
}

/// What mpexec-runs asks a pool: for results with their bytes, and whether those that it has kept are those that would be computed; not to be used by hand.
#[doc(hidden)]
pub mod __kept {
    pub use crate::pool::kept::{ResultBytes, SharedBytes, context, encode_item, imap_with_bytes, worker_program};
}

/// In a worker process this serves tasks and never returns; in any other it takes note that it was called.
///
/// Call it as the first thing in `main`, after [`register`]: nothing before it should open files or start threads,
/// because a worker closes what it finds open.
pub fn init() {
    worker::start::init(task::entry::entry_at);
}
