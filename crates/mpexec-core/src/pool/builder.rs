//! A pool's options, and what `auto` counts.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use mpexec_wire::encode;

use super::Pool;
use super::given::GivenHooks;
use super::inline;
use super::kept;
use super::options::{CallOptions, check_memory};
use crate::carry::Attachment;
use crate::carry::outgoing::{Naming, collect};
use crate::config::{Config, Notes, Transport, Workers};
use crate::engine::Engine;
use crate::error::PoolError;
use crate::registry::check_names;
use crate::worker::parent::own_name;
use crate::worker::{ambient, program, start};

/// How many processors this process may use, as two counters see it; what [`Workers::Auto`] goes by.
///
/// Shown, it is the line that says what `auto` took and what it was compared with.
///
/// ```
/// let counted = mpexec_core::count_processors();
/// assert!(counted.chosen >= 1);
/// assert!(counted.to_string().starts_with(&format!("auto: {} worker", counted.chosen)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processors {
    /// `num_cpus::get()`: affinity and the cgroup's quota count, a fraction of a processor counts as a whole one.
    pub num_cpus: usize,
    /// `std::thread::available_parallelism()`: the same sources, a fraction counts for nothing.
    pub available_parallelism: Option<usize>,
    /// All that are online in the machine.
    pub online: usize,
    /// What `auto` means: `num_cpus`, which makes full use of a fractional quota; 1 inside a worker.
    pub chosen: usize,
}

impl fmt::Display for Processors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Processors { num_cpus, available_parallelism, online, chosen } = self;
        let plural = if *chosen == 1 { "" } else { "s" };
        write!(f, "auto: {chosen} worker{plural} (num_cpus {num_cpus}, available_parallelism ")?;
        match available_parallelism {
            Some(count) => write!(f, "{count}")?,
            None => f.write_str("unknown")?,
        }
        write!(f, ", online {online})")
    }
}

/// Counts the processors; see [`Processors`].
#[must_use]
pub fn count_processors() -> Processors {
    let counted = program::processors();
    let chosen = if ambient::in_worker() { 1 } else { counted.num_cpus };
    Processors {
        num_cpus: counted.num_cpus,
        available_parallelism: counted.available_parallelism,
        online: counted.online,
        chosen,
    }
}

/// Sets a pool's options; see [`Pool::builder`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Transport, Workers};
/// let pool = Pool::builder().workers(Workers::Exact(2)).transport(Transport::Socket).attempts(3).build()?;
/// assert_eq!((pool.workers(), pool.transport()), (2, Transport::Socket));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct PoolBuilder {
    pub(super) config: Config,
    pub(super) hooks: GivenHooks,
    /// What the context names.
    attachments: Vec<Attachment>,
}

impl PoolBuilder {
    /// How many workers; `Auto` if not set.
    pub fn workers(mut self, workers: Workers) -> PoolBuilder {
        self.config.workers = workers;
        self
    }

    /// Over which link; `Auto` if not set.
    pub fn transport(mut self, transport: Transport) -> PoolBuilder {
        self.config.transport = transport;
        self
    }

    /// Another program to start as worker. It must call [`init`](crate::init); only functions with a name there can be
    /// called: those that are a [`task`](macro@crate::task) of both programs, because they stand in a library that both use, and by
    /// [`named`](crate::named) all that are a task there or [`register`](crate::register)ed. Not set: this program itself.
    pub fn worker_program(mut self, program: impl Into<PathBuf>) -> PoolBuilder {
        self.config.worker_program = Some(program.into());
        self
    }

    /// How often a task may be started, in all, when its worker dies under it. 1 if not set: no retry.
    pub fn attempts(mut self, attempts: u32) -> PoolBuilder {
        self.config.attempts = attempts;
        self
    }

    /// How long each task may run, if a call does not say otherwise; see [`CallBuilder::time_limit`](crate::CallBuilder::time_limit).
    pub fn time_limit(mut self, limit: Duration) -> PoolBuilder {
        self.config.time_limit = Some(limit);
        self
    }

    /// How much processor time each task may use, if a call does not say otherwise; see
    /// [`CallBuilder::cpu_limit`](crate::CallBuilder::cpu_limit).
    pub fn cpu_limit(mut self, limit: Duration) -> PoolBuilder {
        self.config.cpu_limit = Some(limit);
        self
    }

    /// How much memory of its own a worker may have, in bytes. A task whose worker passes this ends as
    /// [`TaskError::OutOfMemory`](crate::TaskError::OutOfMemory), which names the limit: its worker is killed with all that it has
    /// started in its process group (what has left the group, with `setsid`, only with [`containment`](PoolBuilder::containment)), and
    /// replaced. Nothing else is lost by it, and the task is not tried again. Without a limit if not set; less than 16 MiB is
    /// refused, which a worker needs to begin with.
    ///
    /// It is a wall: the system refuses memory beyond it (`RLIMIT_DATA`). All counts that is private and may be written, from
    /// the moment it is asked for, touched or not: the heap, stacks of threads, static variables. Files that are mapped
    /// do not count, unless as a private copy that may be written. A task that handles the refusal itself (`Vec::try_reserve`) gets its
    /// error and lives on. Beside that the worker's resident anonymous memory is looked at every 20 ms while there is work, and one that has
    /// more than its limit is killed: `had` says how much was found. Memory that processes may share escapes both, the wall and
    /// the look: anonymous memory that is mapped as shared, and memory files (`memfd_create`, files in `/dev/shm`).
    ///
    /// A task that does not handle the refusal is ended by its allocator, with an abort (SIGABRT). An abort is `OutOfMemory`, with `had: None`, if
    /// the standard library's [`handle_alloc_error`](std::alloc::handle_alloc_error) has called it; and, of code that is not Rust,
    /// which cannot be asked why it aborts, if the last that the system had refused to the aborting thread since its task began
    /// was memory (`ENOMEM`). An abort that Rust code calls for a reason of its own is
    /// [`Crashed`](crate::TaskError::Crashed), after a refusal that was handled too; and so is whatever else ends a worker, the
    /// crash of C code that uses a null pointer, or an abort that another process sends.
    ///
    /// It is the worker's memory, not one task's: what earlier tasks have left behind counts as well (see
    /// [`max_worker_memory`](PoolBuilder::max_worker_memory), [`max_tasks_per_worker`](PoolBuilder::max_tasks_per_worker)): what the
    /// system counts is the process. A call may have a limit of its own below this one
    /// ([`CallBuilder::memory_limit`](crate::CallBuilder::memory_limit)), which is no wall. Each process that a task starts has the same wall for itself.
    ///
    /// Limit or not, where the machine runs out of memory the kernel kills workers before this program: their `oom_score_adj` is
    /// 500 above its own. Such a death is [`Crashed`](crate::TaskError::Crashed), and its text says that memory ran out.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Output, Pool, TaskError, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(2)).memory_limit(100 << 20).stderr(Output::Keep).build()?;
    /// let outcomes = pool.map_outcomes(|mib: usize| std::hint::black_box(vec![1u8; mib << 20]).len(), [1, 500, 2]);
    /// assert!(matches!(outcomes[1], Err(TaskError::OutOfMemory { limit: 104_857_600, .. })));
    /// assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    ///
    /// let careful = |mib: usize| Vec::<u8>::new().try_reserve(mib << 20).is_ok();
    /// assert_eq!(pool.map(careful, [1, 500])?, [true, false]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn memory_limit(mut self, bytes: u64) -> PoolBuilder {
        self.config.memory_limit = Some(bytes);
        self
    }

    /// How long a task waits before it is tried again, if a call does not say otherwise; see
    /// [`CallBuilder::retry_delay`](crate::CallBuilder::retry_delay).
    pub fn retry_delay(mut self, first: Duration) -> PoolBuilder {
        self.config.retry_delay = Some(first);
        self
    }

    /// A worker that has run so many tasks is replaced by a fresh one; without a limit if not set. For functions that leak:
    /// whatever they left behind goes with the process. At least 1.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(1)).max_tasks_per_worker(2).build()?;
    /// let pids = pool.map(|_: u8| std::process::id(), 0..6)?;
    /// assert!(pids[0] == pids[1] && pids[1] != pids[2] && pids[3] != pids[4]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_tasks_per_worker(mut self, tasks: u64) -> PoolBuilder {
        self.config.most_tasks = Some(tasks);
        self
    }

    /// A worker that is found to have more memory than this, in bytes, is replaced by a fresh one when it has done the task
    /// that it runs. Memory of its own counts, not files that it maps. It is looked at every 20 ms while there is work, so
    /// this is for workers that grow slowly; it is no wall ([`memory_limit`](PoolBuilder::memory_limit) is). Nothing is watched if not set, nor where the system does not tell
    /// (outside of Linux).
    pub fn max_worker_memory(mut self, bytes: u64) -> PoolBuilder {
        self.config.most_memory = Some(bytes);
        self
    }

    /// How many tasks are sent to a worker together, if a call does not say otherwise; see
    /// [`CallBuilder::chunk_size`](crate::CallBuilder::chunk_size). By measurement if not set.
    pub fn chunk_size(mut self, tasks: usize) -> PoolBuilder {
        self.config.chunk = Some(tasks);
        self
    }

    /// A value that every task can read as [`context::<C>()`](crate::context): sent to each worker once.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn context<C: Serialize>(mut self, value: &C) -> Result<PoolBuilder, PoolError> {
        let mut bytes = Vec::new();
        let (encoded, attachments) = collect(Naming::Number, || {
            encode(std::any::type_name::<C>(), &mut bytes).and_then(|_| encode(value, &mut bytes))
        });
        encoded.map_err(|error| PoolError::system("encode the shared context", error))?;
        self.attachments = attachments.unwrap_or_default();
        self.config.context_to_keep = (!self.attachments.is_empty()).then(|| kept::encode_context(value));
        self.config.context = Some(Arc::new(bytes));
        Ok(self)
    }

    /// What the workers are called in lists of processes, and by [`active_children`](crate::active_children): `label worker`.
    /// `mpexec` if not set.
    pub fn label(mut self, label: impl Into<String>) -> PoolBuilder {
        self.config.label = label.into();
        self
    }

    /// How long a worker may take from its start to its first word; 10 s if not set.
    pub fn handshake_limit(mut self, limit: Duration) -> PoolBuilder {
        self.config.handshake_limit = limit;
        self
    }

    /// How long a worker may take to do what no task keeps it from: to begin what it is sent when it has nothing to do, to give back
    /// what it has not begun, and to leave when it is told to. 5 s if not set. One that takes longer is stopped (SIGSTOP, a debugger) or
    /// its program has come to a halt. It is killed and replaced, within twice this time at most, and what it had not begun goes to
    /// others free of charge; a task that it ran when it did not answer fails with it. The time during which this process itself is stopped does not count.
    ///
    /// How long a task may *run* is its time limit's matter ([`time_limit`](PoolBuilder::time_limit)), also in a worker that is stopped.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use std::time::Duration;
    /// use mpexec_core::{Pool, Workers};
    ///
    /// // For a debugger that is to stop workers for as long as it likes.
    /// let pool = Pool::builder().workers(Workers::Exact(1)).response_limit(Duration::MAX).build()?;
    /// assert_eq!(pool.apply(|n: u32| n + 1, (1,))?, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn response_limit(mut self, limit: Duration) -> PoolBuilder {
        self.config.response_limit = limit;
        self
    }

    /// The size of each of a worker's two rings in bytes, a power of two; 32 MiB if not set. Only what is used is touched: at most 4 MiB, unless arguments or results
    /// have more than a mebibyte each. What was touched stays the worker's until its end. Where this process may map only so much (`ulimit -v`), or make
    /// no files so long (`ulimit -f`), they have 4 MiB at most.
    ///
    /// A result of a quarter of it and more travels in memory of its own, whose pages are new each time, and that costs up to seven times as much. With smaller rings
    /// workers keep less, with larger ones the quarter is more. (Long arguments go into memory that the pool lends, if it has some.)
    pub fn ring_capacity(mut self, bytes: usize) -> PoolBuilder {
        self.config.ring_capacity = bytes;
        self
    }

    /// The longest result that is taken, in bytes; 16 GiB if not set. A worker that sends a longer one is killed as broken:
    /// the task ends as [`Crashed`](crate::TaskError::Crashed), and its text says how long the result was. What fits into
    /// a mebibyte (or a quarter of a smaller ring) is always taken, and arguments are not limited: they are the caller's own.
    ///
    /// A worker is not trusted, and a value of this size is decoded in this process: set it to what you can afford.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, TaskError, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(1)).max_message(10 << 20).build()?;
    /// let zeros = |length: usize| vec![0u8; length];
    /// assert_eq!(pool.apply(zeros, (9 << 20,))?.len(), 9 << 20);
    /// let error = pool.apply(zeros, (11 << 20,)).unwrap_err();
    /// assert!(matches!(error, TaskError::Crashed { .. }) && error.to_string().contains("max_message"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_message(mut self, bytes: u64) -> PoolBuilder {
        self.config.max_message = bytes;
        self
    }

    /// To be told what the pool does and why, a line at a time: a worker died and was replaced, what `auto` counted.
    /// Called on a thread of its own, one line after the other: it may take its time, and a panic of it is caught. Of those that
    /// wait for one that takes too long, a thousand are kept; how many were left out is told. [`Pool::join`] waits for the last
    /// lines, a second at most.
    pub fn notes(mut self, notes: impl Fn(&str) + Send + Sync + 'static) -> PoolBuilder {
        self.config.notes = Some(Notes::new(notes));
        self
    }

    /// Starts the workers and returns as soon as the first is ready.
    ///
    /// # Errors
    /// [`PoolError::BadSetting`] before anything is started; [`PoolError::NotInitialised`] when `main` has not called
    /// [`init`](crate::init); [`PoolError::DuplicateTask`] when two functions have one name; [`PoolError::WorkerProgram`] when the first worker cannot be started, or is none;
    /// [`PoolError::WorkingDirectory`] and [`PoolError::System`], before anything is started, for an environment that cannot be had.
    pub fn build(mut self) -> Result<Pool, PoolError> {
        inline::settle(&mut self.config)?;
        let workers = self.count()?;
        self.hooks.settle(&mut self.config)?;
        CallOptions::of(&self.config).check(self.config.transport)?;
        if self.config.most_tasks == Some(0) {
            let remedy = "a worker that may run no task is of no use";
            return Err(PoolError::BadSetting { setting: "max_tasks_per_worker", value: "0".into(), remedy });
        }
        check_memory(self.config.memory_limit)?;
        if self.config.response_limit.is_zero() {
            let remedy = "a worker that must respond at once is none; give a time, as 5 s";
            return Err(PoolError::BadSetting { setting: "response_limit", value: "0".into(), remedy });
        }
        if !self.config.ring_capacity.is_power_of_two() || !(1 << 16..=1 << 30).contains(&self.config.ring_capacity) {
            return Err(PoolError::BadSetting {
                setting: "ring_capacity",
                value: self.config.ring_capacity.to_string(),
                remedy: "give a power of two from 65,536 (64 KiB) to 1,073,741,824 (1 GiB)",
            });
        }
        // With another worker program it is that one's business.
        let own = self.config.worker_program.is_none() && self.config.transport != Transport::Memory;
        if own && !start::initialised() {
            return Err(PoolError::NotInitialised);
        }
        check_names()?;
        self.check_environment()?;
        self.config.chaos.map_or(Ok(()), |chaos| chaos.check())?;
        self.config.called = own_name();
        let engine = Engine::start(self.config, workers, inline::serve, self.attachments)?;
        inline::introduce(&engine);
        Ok(Pool { engine })
    }

    fn count(&self) -> Result<usize, PoolError> {
        match self.config.workers {
            Workers::Exact(count) => check_count(count),
            Workers::Inline => Ok(1),
            Workers::Auto => {
                let counted = count_processors();
                if let Some(notes) = &self.config.notes {
                    notes.tell(&counted.to_string());
                }
                Ok(counted.chosen)
            }
        }
    }

    /// A pool of one worker that is not replaced: a single process of this name.
    pub(crate) fn single(mut self, name: String) -> Result<PoolBuilder, PoolError> {
        if self.config.transport == Transport::Memory {
            let remedy = "a process is none in this process; give auto, shm or socket";
            return Err(PoolError::BadSetting { setting: "transport", value: "memory".into(), remedy });
        }
        self.config.workers = Workers::Exact(1);
        self.config.replace = false;
        self.config.name = Some(name);
        Ok(self)
    }

    /// A worker finishes what it has when this process ends.
    pub(crate) fn outliving(mut self) -> PoolBuilder {
        self.config.outlives = true;
        self
    }
}

/// Whether a pool can have so many workers.
pub(crate) fn check_count(count: usize) -> Result<usize, PoolError> {
    let refused = |remedy| PoolError::BadSetting { setting: "workers", value: count.to_string(), remedy };
    match count {
        0 => Err(refused("give at least 1, or auto")),
        4097.. => Err(refused("at most 4096 workers make one pool")),
        _ => Ok(count),
    }
}
