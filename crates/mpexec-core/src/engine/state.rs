//! Everything the engine knows, under one lock; nothing of the user's runs while it is held.
//!
//! [`State::pump`] is the crank's turn: results out of the links, outcomes to their jobs, new batches into the links.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mpexec_wire::{Entries, FunctionInfo, GROUP_HEADER, GroupHeader, Results, Status};

use super::ids::IdMap;
use super::jobs::{Bytes, Chunk, Hook, JobState, Jobs, News, Outcome};
use super::obituary::Row;
use super::parcels::Parcel;
use super::scheduler::{Action, Event, Function, JobId, Scheduler, WorkerId};
use super::segments::{Segment, split};
use super::slot::Slot;
use super::waiter::Waiter;
use crate::error::{Exit, PoolError, TaskError};
use crate::link::{LinkError, Received, Upto};
use crate::os::events::{Bell, Watcher};

/// Calls that nobody waits for are sent on after so many,
const CALLS_PER_TURN: u32 = 256;
/// or with the first call that comes so long after the last turn.
const TURN_AFTER: Duration = Duration::from_micros(20);

/// While a worker holds more than it runs, what is complete and not shown, and slow neighbours, are found by then.
pub(crate) const LOOK: Duration = Duration::from_millis(1);

/// Who turns the crank now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Baton {
    #[default]
    Free,
    Waiter,
    Supervisor,
}

/// How far the pool's life has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Life {
    #[default]
    Open,
    /// No new calls; what was submitted is finished.
    Closed,
    /// Everything ends now.
    Terminated,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub sched: Scheduler,
    pub slots: Vec<Slot>,
    pub jobs: Jobs,
    next_job: JobId,
    /// The job that gathers the single calls of a function.
    pub lanes: Vec<(Function, u32, JobId)>,
    pub(super) parcels: IdMap<Parcel>,
    pub baton: Baton,
    pub parked: Vec<Arc<Waiter>>,
    /// The supervisor knows that there is work that nobody waits for.
    pub alerted: bool,
    /// To be told once the lock is released: what they run is the user's.
    pub after: Vec<Hook>,
    /// To be dropped once the lock is released, for the same reason.
    pub trash: Vec<JobState>,
    pub life: Life,
    /// The supervisor was told that the last work of a closed pool is done.
    pub winding_down: bool,
    /// Parked threads that have tasks to bring, in the order in which they will be let.
    pub hungry: VecDeque<Arc<Waiter>>,
    /// Who has the baton sleeps until rung for, however long.
    pub sleeps_long: bool,
    pub kick: Option<Arc<Bell>>,
    last_look: Option<Instant>,
    /// Somebody who does not wait wants to be told: a future, a callback.
    pub listened_to: bool,
    since_turn: u32,
    last_turn: Option<Instant>,
    /// Large buffers of tasks that were sent: fresh memory costs a page fault for each 4 KiB.
    pub spare: Vec<Vec<u8>>,
    /// All workers are gone and none will come.
    pub ended: bool,
    /// Deaths since a task was finished.
    pub row: Row,
    /// How many had died when the last death of the row was counted.
    pub row_counted_at: u64,
    /// A row of deaths has ended the calls; no worker is started before the next call.
    pub crash_looped: bool,
    pub deaths: u64,
    /// How the last worker that went ended.
    pub last_exit: Option<Exit>,
    /// The names that the worker program serves, once the first worker has said so.
    pub names: Option<Arc<Vec<FunctionInfo>>>,
    /// The first worker's readiness, or why there is none.
    pub started: Option<Result<(), PoolError>>,
    pub bells: Option<Arc<Watcher>>,
    segments: Vec<Segment>,
    /// The buffer into which results of single calls are taken, again and again.
    received: Vec<u8>,
    pub(super) actions: Vec<Action>,
    /// Streams of which more is under way than their readers take.
    overfull: Vec<JobId>,
}

impl State {
    pub(crate) fn new_job_id(&mut self) -> JobId {
        self.next_job += 1;
        self.next_job
    }

    /// Places that are empty now stay empty, at least until the next call.
    pub(crate) fn no_more_workers(&self) -> bool {
        self.life != Life::Open || self.crash_looped || self.ended || matches!(self.started, Some(Err(_)))
    }

    /// Tells whoever wanted to know. Threads at once; what is the user's, after the lock.
    pub(crate) fn fire(&mut self, hooks: Vec<Hook>) {
        for hook in hooks {
            match hook {
                Hook::Thread(waiter) => waiter.wake(),
                Hook::Arrival(arrivals, number) => arrivals.add(number),
                other => self.after.push(other),
            }
        }
    }

    /// A turn of the crank. `look`: also at what is complete but not published, and for slow workers. `true`: there was news.
    pub(crate) fn pump(&mut self, look: bool) -> bool {
        let mut news = false;
        for id in 0..self.slots.len() {
            if !self.sched.workers[id].held.is_empty() {
                news |= self.receive_from(id, if look { Upto::Complete } else { Upto::Published });
                while let Some(job) = self.overfull.pop() {
                    self.handle(Event::HeldBack(job), |_, _, _| {});
                }
            }
        }
        if look {
            self.last_look = Some(Instant::now());
            self.look_for_slow_workers();
        }
        self.dispatch();
        self.feed_the_hungry();
        news
    }

    /// A turn of the crank, unless somebody has the baton: what is there may be what that one waits for.
    pub(crate) fn turn_if_free(&mut self) {
        if self.baton == Baton::Free {
            let look = self.look_is_due();
            self.pump(look);
        }
    }

    /// A turn of the crank after many calls, or when the last was a while ago.
    pub(crate) fn turn_now_and_then(&mut self) {
        self.since_turn += 1;
        // The first call of a row goes out at once; after that the clock is looked at now and then.
        let due = !self.sched.working()
            || self.since_turn >= CALLS_PER_TURN
            || (self.since_turn.is_multiple_of(8) && self.last_turn.is_none_or(|last| last.elapsed() >= TURN_AFTER));
        if due {
            self.since_turn = 0;
            match self.baton {
                Baton::Free => drop(self.pump(false)),
                Baton::Waiter | Baton::Supervisor => self.dispatch(),
            }
            self.last_turn = Some(Instant::now());
        }
    }

    /// A worker holds tasks behind the one it runs: finished ones may be complete and not shown.
    pub(crate) fn holds_more_than_runs(&self) -> bool {
        self.sched.workers.iter().any(|worker| worker.tasks_held() > 1)
    }

    /// Whether it is time for the regular look at what nobody rings for.
    pub(crate) fn look_is_due(&self) -> bool {
        self.holds_more_than_runs() && self.last_look.is_none_or(|last| last.elapsed() >= LOOK)
    }

    /// Whether a link shows news, by loads alone.
    pub(crate) fn any_news(&self) -> bool {
        self.slots.iter().zip(&self.sched.workers).any(|(slot, worker)| {
            !worker.held.is_empty() && !slot.mute && slot.link.as_ref().is_some_and(|link| link.has_news())
        })
    }

    /// There is room for tasks: the owner that waits longest may bring some.
    fn feed_the_hungry(&mut self) {
        if !self.hungry.is_empty()
            && self.sched.has_room()
            && let Some(waiter) = self.hungry.pop_front()
        {
            waiter.wake();
        }
    }

    /// Takes in all that worker `id` has for us.
    pub(crate) fn receive_from(&mut self, id: WorkerId, upto: Upto) -> bool {
        let mut any = false;
        while !self.slots[id].mute {
            let Some(link) = self.slots[id].link.as_mut() else {
                break;
            };
            if upto == Upto::Published && !link.has_news() && !link.must_ask() {
                break;
            }
            let mut bytes = std::mem::take(&mut self.received);
            let taken = match link.receive(upto, &mut bytes) {
                Ok(None) => {
                    self.received = bytes;
                    break;
                }
                Ok(Some(received)) => self.take_in(id, received, &mut bytes),
                Err(error) => Err(error),
            };
            bytes.clear();
            self.received = bytes;
            any = true;
            if let Err(error) = taken {
                self.give_up(id, &error);
            }
        }
        if any && let Some(link) = self.slots[id].link.as_mut() {
            link.release();
            // Taken at a death, or with what was taken back: it may be what somebody sleeps for.
            if self.baton != Baton::Free
                && let Some(kick) = &self.kick
            {
                kick.ring();
            }
        }
        self.free_settled(id);
        self.mind_room(id);
        any
    }

    fn take_in(&mut self, id: WorkerId, received: Received, bytes: &mut Vec<u8>) -> Result<(), LinkError> {
        match received {
            Received::Timing { nanos, count } => {
                if let Some(job) = self.slots[id].last_job {
                    self.sched.measured(job, nanos, count);
                }
                Ok(())
            }
            Received::GaveBack { from, to } => {
                let worker = &mut self.sched.workers[id];
                worker.unanswered = worker.unanswered.saturating_sub(1);
                self.taken_back(id, from, to);
                Ok(())
            }
            Received::Group => {
                let header = GroupHeader::read(bytes).map_err(LinkError::broken)?;
                self.slots[id].cursor = (header.batch, header.first);
                self.take_results(id, bytes, GROUP_HEADER, header.count)?;
                if let Some(job) = self.slots[id].last_job.filter(|_| header.nanos > 0) {
                    self.sched.measured(job, header.nanos, header.count);
                }
                Ok(())
            }
            Received::Continued => self.take_results(id, bytes, 0, 0),
        }
    }

    fn take_results(&mut self, id: WorkerId, bytes: &mut Vec<u8>, from: usize, count: u32) -> Result<(), LinkError> {
        let (batch, first) = self.slots[id].cursor;
        let mut segments = std::mem::take(&mut self.segments);
        segments.clear();
        let parsed = split(bytes, from, first, count, &mut segments);
        let done = parsed.and_then(|next| {
            self.slots[id].cursor = (batch, next);
            self.take_segments(id, batch, bytes, &segments)
        });
        self.segments = segments;
        done
    }

    fn take_segments(
        &mut self,
        id: WorkerId,
        batch: u64,
        bytes: &mut Vec<u8>,
        segments: &[Segment],
    ) -> Result<(), LinkError> {
        let alone = segments.len() == 1;
        for segment in segments {
            match *segment {
                Segment::Run { offset, count, from, to, faulty } => {
                    let (job, first) = self.sched.settle(id, batch, offset, count).map_err(LinkError::broken)?;
                    self.slots[id].last_job = Some(job);
                    self.row = Row::default();
                    if self.settle_calls(job, first, &bytes[from..to]) {
                        continue;
                    }
                    let chunk = if alone {
                        Chunk { first, count, bytes: std::mem::take(bytes), from, to }
                    } else {
                        Chunk { first, count, bytes: bytes[from..to].to_vec(), from: 0, to: to - from }
                    };
                    self.put(job, News::Results(chunk), faulty);
                }
                Segment::Large { offset, status, parcel } => {
                    let link = self.slots[id].link.as_mut().ok_or(LinkError::Closed)?;
                    let opened = link.take_parcel(parcel.parcel, parcel.len)?;
                    let (job, index) = self.sched.settle(id, batch, offset, 1).map_err(LinkError::broken)?;
                    self.slots[id].last_job = Some(job);
                    self.deliver_large(job, index, status, opened);
                }
                Segment::Skipped { offset } => {
                    if let Some((from, to)) = self.sched.workers[id].skipped(batch, offset) {
                        self.taken_back(id, from, to);
                    }
                }
            }
        }
        Ok(())
    }

    /// Results of single calls go to their cells. `false`: they are none.
    fn settle_calls(&mut self, id: JobId, first: u64, results: &[u8]) -> bool {
        let Some(calls) = self.jobs.get_mut(&id).and_then(|job| job.calls.as_mut()) else {
            return false;
        };
        let mut told = Vec::new();
        // Bytes were checked when the group was split, so no entry is an error here.
        for entry in Results::new(results, 0, 0).flatten() {
            let outcome = Outcome::Came(entry.status, Bytes::of(entry.payload));
            told.extend(calls.settle(first + u64::from(entry.offset), outcome));
        }
        self.fire(told);
        true
    }

    fn deliver_large(&mut self, id: JobId, index: u64, status: Status, parcel: mpexec_ring::Parcel) {
        self.row = Row::default();
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        match &mut job.calls {
            Some(calls) => {
                let told = calls.settle(index, Outcome::Came(status, Bytes::Parcel(parcel)));
                self.fire(told);
            }
            None => self.put(id, News::Large(index, status, parcel), status != Status::Ok),
        }
    }

    /// A task ended without a result.
    pub(crate) fn fail(&mut self, id: JobId, index: u64, error: TaskError) {
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        match &mut job.calls {
            Some(calls) => {
                let told = calls.settle(index, Outcome::Failed(Box::new(error)));
                self.fire(told);
            }
            None => self.put(id, News::Failed(index, error), true),
        }
    }

    /// `fault`: a task among the news has failed.
    fn put(&mut self, id: JobId, news: News, fault: bool) {
        let idle = self.sched.is_idle(id);
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        if job.is_unowned() {
            if idle {
                self.forget(id);
            }
            return;
        }
        if job.broken.is_some() {
            // Its owner was told that what had no outcome has none.
            return;
        }
        if self.sched.came(id, news.count(), news.weight()) {
            self.overfull.push(id);
        }
        job.failed |= fault;
        let told = !job.quiet || (job.input_ended && idle) || fault;
        job.inbox.push_back(news);
        if told {
            let hooks = std::mem::take(&mut job.hooks);
            self.fire(hooks);
        }
    }

    /// Frees the batches that are over, and the parcels that came with them.
    fn free_settled(&mut self, id: WorkerId) {
        loop {
            let slot = &mut self.slots[id];
            let Some(link) = slot.link.as_mut() else {
                return;
            };
            let worker = &mut self.sched.workers[id];
            if !worker.front_is_over(|| link.progress().passed) {
                return;
            }
            if let Some(held) = worker.held.front()
                && !self.parcels.is_empty()
                && self.jobs.get(&held.job).is_none_or(|job| job.parcels)
            {
                // What was taken back is queued again and keeps its parcels, unless nobody wants it any more.
                let job = self.jobs.get(&held.job);
                for (offset, entry) in (0..held.count).zip(Entries::new(link.held(0), held.count).flatten()) {
                    let index = held.first + u64::from(offset);
                    let queued_again = offset >= held.keep && job.is_some_and(|job| job.wants(index));
                    if let Some(named) = entry.parcel().filter(|_| !queued_again) {
                        self.parcels.remove(&named.parcel);
                    }
                }
            }
            link.free_front();
            worker.pop_front();
            worker.blocked = false;
        }
    }
}
