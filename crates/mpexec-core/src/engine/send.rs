//! The outgoing half of a turn of the crank: what the scheduler says is done to the links.

use std::time::Instant;

use mpexec_ring::SHORT_RECORD;
use mpexec_wire::{BATCH_CALLS, BATCH_HEADER, BATCH_ONCE, BATCH_TIMED, BatchHeader};

use super::jobs::JobState;
use super::limits::delay;
use super::recycled::{Recycled, VERY_LARGE};
use super::scheduler::{Action, Event, JobId, Run, WorkerId, entry_len, is_hook};
use super::state::State;
use super::supervisor::{CONTROL, token};
use crate::error::TaskError;
use crate::link::LinkError;
use crate::os::events::Watch;

/// Tasks are sent together in so many bytes at most; one that is longer goes alone, if the link takes it in one piece.
const TOGETHER: usize = SHORT_RECORD;

/// Buffers of these sizes are kept for the next batch,
const SPARE_BYTES: std::ops::RangeInclusive<usize> = (4 << 10)..=(9 << 20);
/// and so many of them.
const SPARES: usize = 4;

impl State {
    /// The link has failed: nothing more is read from it, and its worker is killed. A socket that has ended is no fault of
    /// the worker's own: it is dying anyway.
    pub(crate) fn give_up(&mut self, id: WorkerId, error: &LinkError) {
        self.slots[id].mute = true;
        self.condemn(id, error);
    }

    /// The worker is killed, and what it has told before is read yet: it has broken the protocol beside its data, or its end of
    /// the socket is closed.
    pub(super) fn condemn(&mut self, id: WorkerId, error: &LinkError) {
        let slot = &mut self.slots[id];
        if slot.fault.is_none() && !matches!(error, LinkError::Closed) {
            slot.fault = Some(error.to_string());
        }
        self.sched.workers[id].ready = false;
        slot.kill();
        // The supervisor awaits its end, and not for ever.
        if let Some(wake) = &self.wake {
            wake.ring();
        }
    }

    /// Nothing more can be sent to a worker. One whose end of the socket is closed is dead or dying: what it has told before
    /// is still to be read, or the wrong task would be charged for its death.
    pub(super) fn cannot_send(&mut self, id: WorkerId, error: &LinkError) {
        match error {
            LinkError::Closed => self.condemn(id, error),
            _ => self.give_up(id, error),
        }
    }

    pub(crate) fn taken_back(&mut self, id: WorkerId, from: u64, to: u64) {
        let from = from.max(self.sched.workers[id].next_ordinal_held());
        self.handle(Event::TakenBack { worker: id, from, to }, |_, _, _| {});
    }

    /// Tells the scheduler and does what it says; `charge` makes the error of a task that is charged.
    pub(crate) fn handle(&mut self, event: Event, mut charge: impl FnMut(&mut State, JobId, u64)) {
        let mut actions = std::mem::take(&mut self.actions);
        self.sched.handle(event, &mut actions);
        // What came back is queued before anything else is done: until then only the actions know of it, and whatever
        // looks at queues and workers for what is still needed would miss it.
        let (mut stopped, mut unwanted, mut unposted) = (Vec::new(), Vec::new(), Vec::new());
        for action in &actions {
            let (worker, nth, job, offset, first, count, attempt, retried) = match *action {
                Action::Requeue { worker, nth, job, offset, first, count, attempt } => {
                    (worker, nth, job, offset, first, count, attempt, false)
                }
                Action::Retry { worker, nth, job, offset, index, attempt } => {
                    (worker, nth, job, offset, index, 1, attempt, true)
                }
                _ => continue,
            };
            if let Some(link) = &self.slots[worker].link
                && let Some(state) = self.jobs.get(&job)
            {
                if state.parcels || !state.attachments.is_empty() {
                    unposted.push((worker, job, first, count, cut_out(link.held(nth), offset, count)));
                }
                let mut at = 0;
                while at < count {
                    let index = first + u64::from(at);
                    let wanted = (at..count).take_while(|at| state.wants(first + u64::from(*at))).count() as u32;
                    if wanted > 0 {
                        let bytes = cut_out(link.held(nth), offset + at, wanted);
                        let run = Run { first: index, count: wanted, attempt, bytes, from: 0 };
                        match self.sched.job(job).and_then(|job| job.retry_after).filter(|_| retried) {
                            None => self.sched.push_front(job, run),
                            Some(first_delay) => {
                                self.alarms.push((Instant::now() + delay(first_delay, attempt), job, index));
                                self.sched.put_to_sleep(job, run);
                            }
                        }
                    } else if state.calls.as_ref().is_some_and(|calls| calls.is_stopping(index)) {
                        stopped.push((job, index));
                    } else if !state.attachments.is_empty() {
                        unwanted.push((job, index));
                    }
                    at += wanted.max(1);
                }
            }
        }
        for (worker, job, first, count, entries) in unposted {
            self.unpost(worker, job, first, count, &entries);
        }
        for (job, index) in unwanted {
            self.let_go(None, job, index, 1);
        }
        for (job, index) in stopped {
            self.fail(job, index, cancelled());
        }
        for action in actions.drain(..) {
            match action {
                Action::Charge { job, index, .. } => charge(self, job, index),
                Action::Withdraw { worker, lo, hi } => self.move_back(worker, lo, hi),
                Action::Requeue { job, .. } | Action::Retry { job, .. } => self.settle_abandoned(job),
                Action::Dropped { job, first, count } => {
                    self.let_go(None, job, first, count);
                    self.settle_abandoned(job);
                }
            }
        }
        self.actions = actions;
    }

    /// Forgets a job whose owner is gone once nothing of it is left.
    pub(crate) fn settle_abandoned(&mut self, id: JobId) {
        if self.jobs.get(&id).is_some_and(JobState::is_unowned) && self.sched.is_idle(id) {
            self.forget(id);
        }
    }

    /// Nothing of the job is left.
    pub(super) fn forget(&mut self, id: JobId) {
        self.sched.forget(id);
        if let Some(job) = self.jobs.remove(&id) {
            if job.parcels {
                self.sweep_parcels_of(id);
            }
            self.discard(job);
        }
    }

    /// What is left of a job is dropped: without the lock, unless there is nothing to it.
    pub(super) fn discard(&mut self, left: JobState) {
        if !left.is_bare() {
            self.trash.push(left);
        }
    }

    /// Sends what can be sent.
    pub(crate) fn dispatch(&mut self) {
        while let Some(plan) = self.sched.plan() {
            let id = plan.worker;
            let Some(largest) = self.slots[id].link.as_ref().map(|link| link.max_batch()) else {
                self.sched.workers[id].ready = false;
                continue;
            };
            let together = largest.min(TOGETHER) - BATCH_HEADER;
            let Some(run) = self.sched.cut(plan.job, plan.tasks, together) else {
                continue;
            };
            self.send_run(id, plan.job, run);
        }
    }

    /// Sends tasks to a worker; `false`: they are back in their queue.
    pub(super) fn send_run(&mut self, id: WorkerId, job: JobId, run: Run) -> bool {
        if self.sched.workers[id].held.is_empty() {
            let once = self.sched.job(job).is_some_and(|job| job.once);
            if self.has_misspoken(id) || once && self.cannot_say_what_begins(id) {
                self.sched.push_front(job, run);
                return false;
            }
        }
        match self.send(id, job, &run) {
            Ok(true) => {
                self.keep_spare(run.bytes);
                return true;
            }
            Ok(false) => {
                self.sched.workers[id].blocked = true;
                self.sched.push_front(job, run);
            }
            Err(error) => {
                self.sched.push_front(job, run);
                self.cannot_send(id, &error);
            }
        }
        false
    }

    /// Very large buffers of this pool that are not in use go too.
    pub(super) fn give_back_idle(&mut self) {
        self.spare.retain(|one| one.capacity() <= VERY_LARGE);
        if self.received.capacity() > VERY_LARGE {
            self.received = Vec::new();
        }
    }

    fn keep_spare(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        if SPARE_BYTES.contains(&buffer.capacity()) && self.spare.len() < SPARES {
            self.spare.push(buffer);
        } else if buffer.capacity() < *SPARE_BYTES.start() {
            self.spare_call = buffer;
        } else {
            drop(Recycled::from(buffer));
        }
    }

    /// Writes one batch into a worker's link. `false`: it has no room now.
    pub(super) fn send(&mut self, id: WorkerId, job: JobId, run: &Run) -> Result<bool, LinkError> {
        let Some(state) = self.sched.job(job) else {
            return Ok(true);
        };
        let (function, calls) = (state.function, if state.calls { BATCH_CALLS } else { 0 });
        let once = if state.once { BATCH_ONCE } else { 0 };
        self.post(id, job, run)?;
        let Some(link) = self.slots[id].link.as_mut() else {
            return Err(LinkError::Closed);
        };
        let timed = if self.recorded.is_some() && !is_hook(job) { BATCH_TIMED } else { 0 };
        let (batch, base_ordinal) = self.sched.sent(id, job, run.first, run.count, run.attempt);
        let header = BatchHeader {
            batch,
            base_ordinal,
            first_index: run.first,
            function: function.id,
            function_kind: function.kind,
            count: run.count,
            flags: calls | timed | once,
            attempt: run.attempt,
            parcels: link.parcels_sent(),
        };
        let mut bytes = [0; BATCH_HEADER];
        header.write_to(&mut bytes);
        // Before the worker can see it: it may begin at once.
        let moment = self.recorded.as_ref().filter(|_| timed > 0).map(|recorded| recorded.now());
        let sent = link.send(&bytes, run.entries());
        if !matches!(sent, Ok(true)) {
            self.sched.unsent(id);
            self.unpost(id, job, run.first, run.count, run.entries());
            return sent;
        }
        if let Err(error) = link.publish() {
            self.sched.unsent(id);
            return Err(error);
        }
        if let Some(moment) = moment {
            self.record_sent(id, (batch, job), run.first, run.count, moment);
        }
        if self.sleeps_long
            && (self.sched.workers[id].tasks_held() > 1 || self.sched.scouting())
            && let Some(kick) = &self.kick
        {
            // Who sleeps until rung for must now look regularly.
            self.sleeps_long = false;
            kick.ring();
        }
        self.mind_room(id);
        Ok(true)
    }

    /// A socket that did not take everything is watched for room, and no longer than until it has: it nearly always has.
    pub(super) fn mind_room(&mut self, id: WorkerId) {
        let slot = &mut self.slots[id];
        let wants = slot.link.as_ref().is_some_and(|link| link.control().is_none() && link.wants_to_write());
        if wants != slot.watched_for_room {
            slot.watched_for_room = wants;
            if let Err(error) = self.watch_for_room(id, wants) {
                self.cannot_send(id, &error);
            }
        }
    }

    /// As [`State::mind_room`], for a control socket that lies beside the data: the supervisor watches it.
    pub(super) fn mind_post(&mut self, id: WorkerId) {
        let slot = &mut self.slots[id];
        let Some(link) = &slot.link else { return };
        let Some(control) = link.control() else { return self.mind_room(id) };
        let wants = link.wants_to_write();
        if wants != slot.post_watched
            && let Some(watcher) = &self.post_watcher
        {
            slot.post_watched = wants;
            let watch = if wants { Watch::LevelBoth } else { Watch::Level };
            // What has ended is not watched any more.
            let _ = watcher.change(control, token(id, CONTROL), watch);
        }
    }

    fn watch_for_room(&self, id: WorkerId, wants: bool) -> Result<(), LinkError> {
        let watch = if wants { Watch::LevelBoth } else { Watch::Level };
        match (&self.bells, &self.slots[id].link) {
            (Some(bells), Some(link)) => Ok(bells.change(link.bell(), id as u64, watch)?),
            _ => Ok(()),
        }
    }
}

/// What a task ends as that was cancelled by its handle.
pub(super) fn cancelled() -> TaskError {
    TaskError::Cancelled { reason: "by its handle".to_owned() }
}

/// `count` entries from the `offset`th on.
fn cut_out(entries: &[u8], offset: u32, count: u32) -> Vec<u8> {
    let skip = |bytes: &[u8], entries: u32| {
        let mut at = 0;
        for _ in 0..entries {
            at += bytes.get(at..).and_then(entry_len).unwrap_or(0);
        }
        at
    };
    let from = skip(entries, offset);
    let rest = entries.get(from..).unwrap_or_default();
    rest[..skip(rest, count)].to_vec()
}
