//! Where the recorder is told: what the engine does, and what callers spend on their own threads. One branch a batch where nothing
//! is recorded.

use std::sync::atomic::{AtomicU64, Ordering};

use mpexec_wire::Status;

use super::Engine;
use super::recorded::Recorded;
use super::recorder::Recorder;
use super::scheduler::{JobId, WorkerId};
use super::state::State;
use crate::error::{Exit, TaskError};
use crate::link::Timing;
use crate::os::clocks;
use crate::recording::{Recording, WorkerChange};

/// Out of the way of those who record nothing.
#[cold]
#[inline(never)]
fn noted(recorded: &mut Recorded, note: impl FnOnce(&mut Recorder, u64)) {
    let now = recorded.now();
    note(&mut recorded.recorder, now);
}

/// What callers spend their time on, each on its own thread.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pastime {
    /// Waiting for the user's iterator.
    Input,
    Encode,
    Decode,
}

/// How long they did, in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Pastimes([AtomicU64; 3]);

/// Tells waiting for items from encoding them.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    began: u64,
    input: u64,
}

impl Stopwatch {
    /// Does it: it gives an item.
    pub(crate) fn input<T>(&mut self, does: impl FnOnce() -> T) -> T {
        let began = clocks::now();
        let done = does();
        self.input += clocks::now() - began;
        done
    }
}

impl Engine {
    /// For whoever takes items and encodes them, if that is recorded; to be given back with [`Engine::fed`].
    pub(crate) fn stopwatch(&self) -> Option<Stopwatch> {
        self.config.record.then(|| Stopwatch { began: clocks::now(), input: 0 })
    }

    /// What was not waiting for items was encoding them.
    pub(crate) fn fed(&self, stopwatch: Option<Stopwatch>) {
        if let Some(Stopwatch { began, input }) = stopwatch {
            self.spent(Pastime::Input, input);
            self.spent(Pastime::Encode, (clocks::now() - began).saturating_sub(input));
        }
    }

    /// Does it, and takes the time that it takes if that is recorded.
    #[inline]
    pub(crate) fn spending<T>(&self, pastime: Pastime, does: impl FnOnce() -> T) -> T {
        if !self.config.record {
            return does();
        }
        self.timed(pastime, does)
    }

    #[cold]
    #[inline(never)]
    fn timed<T>(&self, pastime: Pastime, does: impl FnOnce() -> T) -> T {
        let began = clocks::now();
        let done = does();
        self.spent(pastime, clocks::now() - began);
        done
    }

    fn spent(&self, pastime: Pastime, nanos: u64) {
        self.pastimes.0[pastime as usize].fetch_add(nanos, Ordering::Relaxed);
    }

    /// All that was recorded up to now; `None` if nothing is.
    pub(crate) fn recording(&self) -> Option<Recording> {
        let state = self.lock();
        let recorded = state.recorded.as_ref()?;
        let callers = self.pastimes.0.each_ref().map(|nanos| nanos.load(Ordering::Relaxed));
        Some(recorded.recorder.recording(recorded.now(), callers))
    }
}

impl State {
    #[inline]
    fn record(&mut self, note: impl FnOnce(&mut Recorder, u64)) {
        if let Some(recorded) = &mut self.recorded {
            noted(recorded, note);
        }
    }

    /// The tasks of a job below `end` have been encoded.
    #[inline]
    pub(super) fn record_queued(&mut self, job: JobId, end: u64) {
        self.record(|recorder, now| recorder.queued(job, end, now));
    }

    /// `moment`: when it was not sent yet.
    #[cold]
    #[inline(never)]
    pub(super) fn record_sent(
        &mut self,
        worker: WorkerId,
        (batch, job): (u64, JobId),
        first: u64,
        count: u32,
        moment: u64,
    ) {
        self.record(|recorder, _| recorder.sent(worker, batch, job, first, count, moment));
        self.record_depth();
    }

    #[inline]
    pub(super) fn record_came(&mut self, worker: WorkerId, batch: u64, statuses: impl Iterator<Item = Status>) {
        if self.recorded.is_some() {
            self.record(|recorder, now| recorder.came(worker, batch, statuses, now));
            self.record_depth();
        }
    }

    #[inline]
    pub(super) fn record_failed(&mut self, error: &TaskError) {
        self.record(|recorder, _| recorder.failed(error));
    }

    /// What a worker told of the batch whose results came last.
    #[inline]
    pub(super) fn record_timing(&mut self, worker: WorkerId, timing: Timing) {
        if let Some(recorded) = &mut self.recorded {
            let (batch, now) = (self.slots[worker].cursor.0, recorded.now());
            recorded.recorder.timed(worker, batch, timing, recorded.zero, now);
        }
    }

    pub(super) fn record_started(&mut self, worker: WorkerId) {
        let pid = self.slots[worker].pid;
        self.record(|recorder, now| recorder.started(worker, pid, now));
    }

    pub(super) fn record_ready(&mut self, worker: WorkerId) {
        self.record(|recorder, now| recorder.ready(worker, now));
    }

    /// `expected`: it was to go.
    pub(super) fn record_end(&mut self, worker: WorkerId, exit: Exit, expected: bool) {
        let what = if expected { WorkerChange::Left } else { WorkerChange::Died(exit) };
        self.record(|recorder, now| recorder.ended(worker, what, now));
    }

    #[cold]
    #[inline(never)]
    fn record_depth(&mut self) {
        if let Some(recorded) = &mut self.recorded {
            let (now, sched) = (recorded.now(), &self.sched);
            recorded.recorder.depth(now, || {
                let held = sched.workers.iter().map(|worker| worker.tasks_held()).sum();
                (sched.unsettled().saturating_sub(held), held)
            });
        }
    }
}
