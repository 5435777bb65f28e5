//! wip
mod config;
mod context;
mod engine;
mod error;
mod link;
mod os;
mod pending;
mod pool;
mod process;
mod registry;
mod task;
mod worker;

pub use config::{Transport, WorkerStderr, Workers};
pub use context::{CurrentTask, context, current_task, in_worker};
pub use error::{Exit, JobError, PoolError, TaskError, WaitTimedOut};
pub use pending::Pending;
pub use pool::{Imap, ImapUnordered, Pool, PoolBuilder, Processors, count_processors};
pub use process::Process;
pub use registry::{Callable, DuplicateName, FunctionId, NamedFn, named, register};
pub use task::{Arg, Args, Input, Item, Owned, Param, Slice, TaskFn, TaskResult, Text, TextParam};

/// In a worker process this serves tasks and never returns; in any other it only takes note that it was called.
///
/// Call it as the first thing in `main`.
pub fn init() {
    worker::start::init(task::entry::entry_at);
}
