//! What a pool did when, as figures: what [`PoolBuilder::record`](crate::PoolBuilder::record) asks for and
//! [`Pool::recording`](crate::Pool::recording) gives.
//!
//! This file is on the ground floor: it imports no room of the crate.

use std::time::Duration;

use crate::error::Exit;

/// What a pool did when. All times are counted from the moment at which the pool was built.
///
/// What happens once a batch or once a death is kept up to a documented number and then made coarser; the sums are exact for ever, so
/// a recording never has more than some megabytes.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Workers};
///
/// let pool = Pool::builder().workers(Workers::Exact(2)).record().build()?;
/// pool.map(|n: u64| n * n, 0..1_000)?;
/// let recording = pool.recording().unwrap();
/// assert_eq!((recording.totals.tasks, recording.totals.failed()), (1_000, 0));
/// assert!(recording.spans.iter().map(|span| span.tasks).sum::<u64>() == 1_000);
/// assert!(recording.totals.run <= recording.elapsed * 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recording {
    /// How long the pool has been there.
    pub elapsed: Duration,
    /// Sums over all batches.
    pub totals: Totals,
    /// What workers were at, in the order in which it ended. At most 32,768: when there would be more, neighbours of one
    /// worker become one, as far as they lie within [`resolution`](Recording::resolution).
    pub spans: Vec<BatchSpan>,
    /// Zero as long as each span is one batch.
    pub resolution: Duration,
    /// Which tasks took longest, the longest first; at most 32. Also those in which a worker died or was killed for a limit, for as long as they ran:
    /// each time by itself.
    pub slowest: Vec<SlowTask>,
    /// What became of workers, in order: the first 4,096 of it.
    pub events: Vec<WorkerEvent>,
    /// How much more of that there was.
    pub events_left_out: u64,
    /// How many tasks waited, and how many were with workers; at most 4,096 looks.
    pub depths: Vec<Depth>,
    /// How many batches had how many tasks: the entry `n` counts those of at least 2 to the power of `n` tasks, and fewer than twice
    /// that.
    pub batch_sizes: Vec<u64>,
    /// How many tasks took how long: the entry `n` counts those of at least 2 to the power of `n` nanoseconds, and less than twice
    /// that. Of short tasks that were measured together each counts with their mean.
    pub task_times: Vec<u64>,
}

/// Sums over all batches of a recording. Times of different workers, and of batches that wait side by side, add up: they may be more than the
/// time that has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Tasks that have an outcome.
    pub tasks: u64,
    /// Of these, those that panicked;
    pub panicked: u64,
    /// those that returned an error where that is a failure ([`Pool::try_map`](crate::Pool::try_map));
    pub returned_errors: u64,
    /// those whose worker died under them, or was killed for a limit;
    pub crashed: u64,
    /// those that were cancelled, not begun or aborted;
    pub cancelled: u64,
    /// and those that failed in any other way.
    pub otherwise_failed: u64,
    /// Batches whose results came.
    pub batches: u64,
    /// Waiting for the caller's iterator to give the next item.
    pub input: Duration,
    /// Encoding arguments.
    pub encode: Duration,
    /// From the moment at which a batch was encoded until its worker could begin it: in the queue of its job, and behind others in its
    /// worker's hands.
    pub queue: Duration,
    /// On the way: to a worker that was free for it, and back.
    pub transfer: Duration,
    /// Running in workers, with decoding arguments and encoding results there.
    pub run: Duration,
    /// Decoding results.
    pub decode: Duration,
}

impl Totals {
    /// Tasks that have failed, in whatever way.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.panicked + self.returned_errors + self.crashed + self.cancelled + self.otherwise_failed
    }
}

/// A batch in a worker's hands, or several that followed each other. The worker's own times are its word, cut to what can be: they
/// lie between the moments at which the batch was sent and at which its results came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchSpan {
    /// The worker's number within the pool; a replacement has the number of the worker that it replaced.
    pub worker: usize,
    /// Its process id.
    pub pid: u32,
    /// Which job of the pool the first batch is of, counted from 1.
    pub job: u64,
    /// The index of its first task within the job. Single calls of one function are one job, and their index counts them.
    pub first: u64,
    /// How many tasks have come back.
    pub tasks: u64,
    /// How many of them were no success.
    pub failed: u64,
    /// How many batches it is.
    pub batches: u64,
    /// The worker died before all of it had come back.
    pub died: bool,
    /// When the first batch was encoded and could be sent,
    pub queued: Duration,
    /// when it was sent,
    pub sent: Duration,
    /// when its first task began,
    pub begun: Duration,
    /// when the last task of the last batch ended,
    pub ended: Duration,
    /// and when the last of the results had come.
    pub received: Duration,
    /// How much of the time from [`begun`](BatchSpan::begun) to [`ended`](BatchSpan::ended) tasks ran.
    pub running: Duration,
}

/// One of the tasks that took longest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlowTask {
    /// Which job of the pool it is of.
    pub job: u64,
    /// Its index within the job; see [`BatchSpan::first`].
    pub index: u64,
    /// Which worker ran it,
    pub worker: usize,
    /// and what its process id was.
    pub pid: u32,
    /// When it began, to the precision of its batch.
    pub begun: Duration,
    /// How long it took, as its worker says.
    pub took: Duration,
}

/// Something that became of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerEvent {
    /// When.
    pub at: Duration,
    /// The worker's number within the pool.
    pub worker: usize,
    /// Its process id.
    pub pid: u32,
    /// What.
    pub what: WorkerChange,
}

/// What can become of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerChange {
    /// It was started.
    Started,
    /// It takes tasks.
    Ready,
    /// It left when it was to: at the end, because the pool was made smaller, or because it had done its share.
    Left,
    /// It died, or was killed for a limit.
    Died(Exit),
}

/// How much there was to do at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Depth {
    /// When.
    pub at: Duration,
    /// Tasks that no worker had.
    pub queued: u64,
    /// Tasks that workers had, those that ran included.
    pub held: u64,
}

impl Depth {
    pub(crate) fn new(at: Duration, queued: u64, held: u64) -> Depth {
        Depth { at, queued, held }
    }
}
