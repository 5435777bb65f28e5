//! What happened when, if the pool is to keep it: a plain table of batches that are under way, sums, and what is told of them.
//!
//! No clock and no lock in here: whoever notes something says when it was, in nanoseconds since the pool was built. Where nothing is
//! recorded there is no recorder. What a worker says of its own times is cut to what can be.

mod bounded;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use mpexec_wire::Status;

use self::bounded::{Depths, Events, Slowest, Spans};
use super::ids::IdMap;
use super::scheduler::{JobId, WorkerId};
use crate::error::TaskError;
use crate::link::Timing;
use crate::recording::{BatchSpan, Depth, Recording, SlowTask, Totals, WorkerChange, WorkerEvent};

/// See the head of this file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    lanes: Vec<Lane>,
    /// Tasks that wait: those of a job below the index were there at the time.
    queued: IdMap<VecDeque<(u64, u64)>>,
    totals: Totals,
    spans: Spans,
    slowest: Slowest,
    events: Events,
    depths: Depths,
    sizes: Vec<u64>,
    times: Vec<u64>,
}

/// One place of the pool, through all its workers.
#[derive(Clone, Debug, Default)]
struct Lane {
    pid: u32,
    open: VecDeque<Open>,
    /// When the batch before ended.
    free_at: u64,
}

/// A batch under way.
#[derive(Clone, Debug, Default)]
struct Open {
    batch: u64,
    job: JobId,
    first: u64,
    count: u32,
    queued: u64,
    sent: u64,
    begun: Option<u64>,
    ended: u64,
    received: u64,
    running: u64,
    /// Tasks that came back, those that failed, and those that the worker has told the time of.
    came: u32,
    failed: u32,
    timed: u32,
}

impl Recorder {
    /// A worker has this place from now on.
    pub(super) fn started(&mut self, worker: WorkerId, pid: u32, now: u64) {
        let lane = self.lane(worker);
        lane.pid = pid;
        self.change(worker, pid, WorkerChange::Started, now);
    }

    /// It takes tasks.
    pub(super) fn ready(&mut self, worker: WorkerId, now: u64) {
        let lane = self.lane(worker);
        let pid = lane.pid;
        self.change(worker, pid, WorkerChange::Ready, now);
    }

    /// It is over, and so is what it had.
    pub(super) fn ended(&mut self, worker: WorkerId, what: WorkerChange, now: u64) {
        let died = matches!(what, WorkerChange::Died(_));
        let mut at_work = true;
        while let Some(open) = self.lane(worker).open.pop_front() {
            let unfinished = open.came < open.count;
            // Only the first that is unfinished had begun.
            if !unfinished || open.came > 0 || (died && at_work) {
                self.close(worker, Open { received: now, ..open }, unfinished && died);
            }
            at_work &= !unfinished;
        }
        let pid = self.lane(worker).pid;
        self.change(worker, pid, what, now);
    }

    fn change(&mut self, worker: WorkerId, pid: u32, what: WorkerChange, now: u64) {
        self.events.add(WorkerEvent { at: Duration::from_nanos(now), worker, pid, what });
    }

    fn lane(&mut self, worker: WorkerId) -> &mut Lane {
        if self.lanes.len() <= worker {
            self.lanes.resize_with(worker + 1, Lane::default);
        }
        &mut self.lanes[worker]
    }

    /// The tasks of a job below `end` have been encoded.
    pub(super) fn queued(&mut self, job: JobId, end: u64, now: u64) {
        self.queued.entry(job).or_default().push_back((end, now));
    }

    /// A batch is on its way.
    pub(super) fn sent(&mut self, worker: WorkerId, batch: u64, job: JobId, first: u64, count: u32, now: u64) {
        let mut queued = None;
        if let Some(waiting) = self.queued.get_mut(&job) {
            while waiting.front().is_some_and(|(end, _)| *end <= first) {
                waiting.pop_front();
            }
            queued = waiting.front().map(|(_, at)| *at);
            while waiting.front().is_some_and(|(end, _)| *end <= first + u64::from(count)) {
                waiting.pop_front();
            }
            if waiting.is_empty() {
                self.queued.remove(&job);
            }
        }
        let queued = queued.unwrap_or(now);
        let open = Open { batch, job, first, count, queued, sent: now, received: now, ..Open::default() };
        self.lane(worker).open.push_back(open);
    }

    /// How much there is to do, if it is time to look at that.
    pub(super) fn depth(&mut self, now: u64, look: impl FnOnce() -> (u64, u64)) {
        if self.depths.is_due(now) {
            let (queued, held) = look();
            self.depths.add(Depth::new(Duration::from_nanos(now), queued, held), now);
        }
    }

    /// Results of a batch have come.
    pub(super) fn came(&mut self, worker: WorkerId, batch: u64, statuses: impl Iterator<Item = Status>, now: u64) {
        let (mut came, mut failed) = (0, 0);
        for status in statuses {
            came += 1;
            failed += u32::from(status != Status::Ok);
            match status {
                Status::Ok => {}
                Status::Panicked => self.totals.panicked += 1,
                Status::TaskErr => self.totals.returned_errors += 1,
                _ => self.totals.otherwise_failed += 1,
            }
        }
        self.totals.tasks += u64::from(came);
        self.settle_before(worker, batch);
        if let Some(open) = self.lane(worker).open.front_mut().filter(|open| open.batch == batch) {
            open.received = now;
            open.came += came;
            open.failed += failed;
        }
        self.close_if_over(worker);
    }

    /// A task has ended without a result.
    pub(super) fn failed(&mut self, error: &TaskError) {
        self.totals.tasks += 1;
        let kind = match error {
            TaskError::Cancelled { .. } => &mut self.totals.cancelled,
            TaskError::Crashed { .. }
            | TaskError::OutcomeUnknown { .. }
            | TaskError::TimedOut { .. }
            | TaskError::CpuTimeExceeded { .. }
            | TaskError::OutOfMemory { .. } => &mut self.totals.crashed,
            _ => &mut self.totals.otherwise_failed,
        };
        *kind += 1;
    }

    /// The worker says how long tasks of a batch took, and when. `zero`: when the pool was built, by the clock that it goes by.
    pub(super) fn timed(&mut self, worker: WorkerId, batch: u64, timing: Timing, zero: u64, now: u64) {
        let Timing { nanos, count, ended, slowest } = timing;
        if ended == 0 {
            return;
        }
        self.settle_before(worker, batch);
        let lane = self.lane(worker);
        let (pid, free_at) = (lane.pid, lane.free_at);
        let Some(open) = lane.open.front_mut().filter(|open| open.batch == batch) else { return };
        // Results come before their times; what was skipped is no result.
        let count = count.min(open.came.saturating_sub(open.timed));
        if count == 0 {
            return;
        }
        let earliest = open.ended.max(open.sent).max(free_at);
        let ended = ended.saturating_sub(zero).clamp(earliest, now.max(earliest));
        let begun = ended.saturating_sub(nanos).max(earliest);
        open.begun.get_or_insert(begun);
        open.ended = ended;
        open.running += ended - begun;
        open.timed += count;
        open.received = open.received.max(ended);
        let (job, first, most) = (open.job, open.first, open.count.saturating_sub(1));
        add_log2(&mut self.times, nanos / u64::from(count), count.into());
        let (offset, took) = (slowest.0, slowest.1.min(ended - begun));
        if took > 0 && self.slowest.takes(took) {
            let (begun, took) = (Duration::from_nanos(begun), Duration::from_nanos(took));
            self.slowest.add(SlowTask { job, index: first + u64::from(offset.min(most)), worker, pid, begun, took });
        }
        self.close_if_over(worker);
    }

    /// What lies before this batch is over: results come in order.
    fn settle_before(&mut self, worker: WorkerId, batch: u64) {
        while self.lane(worker).open.front().is_some_and(|open| open.batch < batch) {
            if let Some(open) = self.lane(worker).open.pop_front() {
                self.close(worker, open, false);
            }
        }
    }

    fn close_if_over(&mut self, worker: WorkerId) {
        let over = |open: &Open| open.came >= open.count && open.timed >= open.count;
        if self.lane(worker).open.front().is_some_and(over)
            && let Some(open) = self.lane(worker).open.pop_front()
        {
            self.close(worker, open, false);
        }
    }

    fn close(&mut self, worker: WorkerId, open: Open, died: bool) {
        let lane = self.lane(worker);
        let free_at = std::mem::take(&mut lane.free_at);
        let earliest = open.sent.max(free_at);
        // Of what the worker has told nothing, it is thought that it ran all the time.
        let begun = open.begun.unwrap_or(earliest);
        let ended = if open.begun.is_none() || died { open.received.max(begun) } else { open.ended };
        let running = if open.begun.is_none() || died { ended - begun } else { open.running };
        lane.free_at = free_at.max(ended);
        let pid = lane.pid;
        if open.came == 0 && !died {
            // All of it was taken back.
            return;
        }
        let nanos = Duration::from_nanos;
        // In the first that had not come back its worker died.
        let since = open.begun.map_or(begun, |_| open.ended.min(ended));
        if died && ended > since && self.slowest.takes(ended - since) {
            let (index, begun, took) = (open.first + u64::from(open.came), nanos(since), nanos(ended - since));
            self.slowest.add(SlowTask { job: open.job, index, worker, pid, begun, took });
        }
        self.totals.batches += 1;
        self.totals.queue += nanos(open.sent.saturating_sub(open.queued) + (earliest - open.sent));
        self.totals.transfer += nanos((begun - earliest) + open.received.saturating_sub(ended));
        self.totals.run += nanos(running);
        add_log2(&mut self.sizes, open.count.into(), 1);
        self.spans.add(BatchSpan {
            worker,
            pid,
            job: open.job,
            first: open.first,
            tasks: open.came.into(),
            failed: open.failed.into(),
            batches: 1,
            died,
            queued: nanos(open.queued),
            sent: nanos(open.sent),
            begun: nanos(begun),
            ended: nanos(ended),
            received: nanos(open.received.max(ended)),
            running: nanos(running),
        });
    }

    /// All that there is up to now. What is under way and has not come back is left out; what has come back is there, also before its
    /// worker has told how long it took, so that the sums and the spans tell of the same tasks at every moment.
    pub(crate) fn recording(&self, now: u64, callers: [u64; 3]) -> Recording {
        let [input, encode, decode] = callers.map(Duration::from_nanos);
        let so_far = self.with_what_is_open();
        Recording {
            elapsed: Duration::from_nanos(now),
            totals: Totals { input, encode, decode, ..so_far.totals },
            resolution: so_far.spans.resolution(),
            spans: so_far.spans.into_all(),
            slowest: so_far.slowest.into_all(),
            events_left_out: so_far.events.left_out(),
            events: so_far.events.into_all(),
            depths: so_far.depths.into_all(),
            batch_sizes: so_far.sizes,
            task_times: so_far.times,
        }
    }

    /// A copy in which the batches are over of which something has come back.
    fn with_what_is_open(&self) -> Recorder {
        let mut so_far = self.clone();
        for worker in 0..so_far.lanes.len() {
            while let Some(open) = so_far.lanes[worker].open.pop_front() {
                if open.came > 0 {
                    so_far.close(worker, open, false);
                }
            }
        }
        so_far
    }
}

/// Counts `more` in the entry of the largest power of two that is not above `value`.
fn add_log2(counts: &mut Vec<u64>, value: u64, more: u64) {
    let at = value.max(1).ilog2() as usize;
    if counts.len() <= at {
        counts.resize(at + 1, 0);
    }
    counts[at] += more;
}
