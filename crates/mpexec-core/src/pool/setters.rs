//! The options of a call as its builder takes them.

use std::time::Duration;

use super::call::CallBuilder;

impl<'p> CallBuilder<'p> {
    /// So many tasks are sent to a worker together, or as many as fit into a mebibyte (or a quarter of a smaller ring) if
    /// those are fewer. Not set: as many as are some hundred microseconds of work, by measurement. 0 is an error of the call.
    pub fn chunk_size(mut self, tasks: usize) -> CallBuilder<'p> {
        self.options.chunk = Some(tasks);
        self
    }

    /// How often a task may be started, in all, when its worker dies under it. 0 is an error of the call.
    pub fn attempts(mut self, attempts: u32) -> CallBuilder<'p> {
        self.options.terms.attempts = attempts;
        self
    }

    /// How long each task may run, from its start (not from the call); what waits does not count. A task that runs longer ends
    /// as [`TaskError::TimedOut`](crate::TaskError::TimedOut): its worker is killed with all that it has started in its process group, and replaced. Nothing
    /// else is lost by it, and the task is not tried again. Zero is an error of the call. A process that has left the group, with
    /// `setsid`, is killed only where workers are in cgroups ([`containment`](crate::PoolBuilder::containment)).
    ///
    /// With the first call that has a limit (this one, [`cpu_limit`](CallBuilder::cpu_limit), [`memory_limit`](CallBuilder::memory_limit), or of a pool with a
    /// [`memory_limit`](crate::PoolBuilder::memory_limit)) the pool starts one process more, a spare that takes the place of a worker
    /// that is killed, so that a kill costs next to no time. It has no number, runs no hook before it is a worker, and no
    /// list or figure of the pool has it; only lists of processes show it.
    ///
    /// The clock stands while this program is stopped (by Ctrl-Z, or SIGSTOP) for more than a tenth of a second, whether
    /// its workers are stopped with it or not.
    ///
    /// A panic is a part of its task: the time that its backtrace takes counts too. The first in a worker may take some tenths of a
    /// second, because names are looked up for it, and `RUST_BACKTRACE=0` spares it.
    ///
    /// The start is seen a little late, so a task may have up to a sixteenth more than its limit, or a millisecond where that is
    /// more (20 ms at most); never less.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use std::time::Duration;
    /// use mpexec_core::{Pool, TaskError, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
    /// let endless = |n: u32| loop { if n != 3 { break n } };
    /// let outcomes = pool.call().time_limit(Duration::from_millis(50)).map_outcomes(endless, 0..10);
    /// assert!(matches!(outcomes[3], Err(TaskError::TimedOut { .. })));
    /// assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 9);
    /// # Ok(())
    /// # }
    /// ```
    pub fn time_limit(mut self, limit: Duration) -> CallBuilder<'p> {
        self.options.terms.limit = Some(limit);
        self
    }

    /// How much processor time each task may use, from its start, for tasks that are to be let wait but not to compute for ever. A
    /// task that uses more ends as [`TaskError::CpuTimeExceeded`](crate::TaskError::CpuTimeExceeded), in the same way as at its
    /// [`time_limit`](CallBuilder::time_limit). A task may have both limits. Zero is an error of the call.
    ///
    /// What counts is the processor time, in the program and in the kernel, of the worker's process while it runs the task: that
    /// of all its threads, those too that earlier tasks have left behind. Processes that the task has started do not count,
    /// and a task that sleeps or waits uses nothing. While only this program is stopped and its workers are not, what they use
    /// counts: they do compute. The start is seen as late as with `time_limit`, and a task that computes on
    /// several processors at once may pass its limit by so much on each of them.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use std::time::Duration;
    /// use mpexec_core::{Pool, TaskError, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
    /// let call = pool.call().cpu_limit(Duration::from_millis(100));
    /// call.apply(|| std::thread::sleep(Duration::from_millis(300)), ())?;
    /// let endless = |n: u32| loop { if n != 3 { break n } };
    /// assert!(matches!(call.apply(endless, (3,)), Err(TaskError::CpuTimeExceeded { .. })));
    /// # Ok(())
    /// # }
    /// ```
    pub fn cpu_limit(mut self, limit: Duration) -> CallBuilder<'p> {
        self.options.terms.cpu_limit = Some(limit);
        self
    }

    /// How much memory of its own, in bytes, a worker may have while it runs a task of this call. A task whose worker is found to have more
    /// ends as [`TaskError::OutOfMemory`](crate::TaskError::OutOfMemory), in the same way as at its [`time_limit`](CallBuilder::time_limit): the worker is
    /// killed with it, nothing else is lost, and the task is not tried again. At least 16 MiB; less is an error of the call.
    ///
    /// It is looked at every 20 ms, so a task may take more for a moment: this is no wall as the pool's own
    /// [`memory_limit`](crate::PoolBuilder::memory_limit) is, which holds beside it. What counts is the same: memory of the worker's own, what
    /// earlier tasks have left behind too, and no files that are mapped.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, TaskError, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
    /// let grows = |n: u32| {
    ///     let mut all = Vec::new();
    ///     while n == 3 {
    ///         all.push(vec![1u8; 1 << 20]);
    ///         std::thread::sleep(std::time::Duration::from_millis(1));
    ///     }
    /// };
    /// let outcomes = pool.call().memory_limit(64 << 20).map_outcomes(grows, 0..10);
    /// assert!(matches!(outcomes[3], Err(TaskError::OutOfMemory { limit: 67_108_864, .. })));
    /// assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 9);
    /// # Ok(())
    /// # }
    /// ```
    pub fn memory_limit(mut self, bytes: u64) -> CallBuilder<'p> {
        self.options.terms.memory = Some(bytes);
        self
    }

    /// No task of this call is ever started twice, whatever the pool's or the call's `attempts` say: for tasks that do something
    /// in the world. A task that had not started when its worker died is run by another worker. One that had, or
    /// of which that is not certain because its worker broke the protocol, ends as
    /// [`TaskError::OutcomeUnknown`](crate::TaskError::OutcomeUnknown): it may have done nothing, a part or all of its work.
    ///
    /// Each such task is sent by itself, to a worker that has nothing, whatever
    /// [`chunk_size`](CallBuilder::chunk_size) says: so nothing lies behind it of which a death could leave that open. And its worker
    /// says over its socket that it begins, which the task cannot take back. Together that makes each dearer than another call:
    /// `cargo xtask bench -- --only apply` measures both.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Output, Pool, TaskError, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(1)).attempts(5).stderr(Output::Keep).build()?;
    /// let pay = |bill: u32| if bill == 7 { std::process::abort() } else { bill };
    /// let outcomes = pool.call().at_most_once().map_outcomes(pay, 0..10);
    /// assert!(matches!(outcomes[7], Err(TaskError::OutcomeUnknown { .. })));
    /// assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 9);
    /// # Ok(())
    /// # }
    /// ```
    pub fn at_most_once(mut self) -> CallBuilder<'p> {
        self.options.terms.once = true;
        self
    }

    /// With [`attempts`](CallBuilder::attempts): a task whose worker died is not tried again at once, but after this time;
    /// after twice this time the next time, and so on, up to a minute. Of each of these times a half or more is waited, by
    /// chance.
    pub fn retry_delay(mut self, first: Duration) -> CallBuilder<'p> {
        self.options.terms.retry_after = Some(first);
        self
    }

    /// What the call is called: where the pool tells of its tasks ([`Pool::stats`](crate::Pool::stats), its
    /// [`notes`](crate::PoolBuilder::notes)).
    pub fn label(mut self, label: &'p str) -> CallBuilder<'p> {
        self.label = Some(label);
        self
    }

    /// For the forms that bring every outcome (`map_outcomes`, `starmap_outcomes`, `imap`, `imap_unordered`): after so many
    /// failed tasks the job ends, and tasks without an outcome end as [`TaskError::Cancelled`](crate::TaskError::Cancelled). The other forms end at the first
    /// failure anyway. 0 is an error of the call.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, TaskError, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
    /// let outcomes = pool.call().chunk_size(1).max_failures(3).map_outcomes(|n: u32| 100 / (n / 100), 0..1_000);
    /// assert_eq!(outcomes.len(), 1_000);
    /// let panicked = outcomes.iter().filter(|outcome| matches!(outcome, Err(TaskError::Panicked { .. }))).count();
    /// assert!(panicked >= 3);
    /// assert!(matches!(outcomes[999], Err(TaskError::Cancelled { .. })));
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_failures(mut self, tasks: usize) -> CallBuilder<'p> {
        self.options.most_failures = Some(tasks);
        self
    }
}
