//! The incoming half of a turn of the crank: results out of the links, outcomes to their jobs, room back to the workers.

use std::ops::Range;

use mpexec_wire::{ENTRY_HEADER, Entries, GROUP_HEADER, GroupHeader, Results, Status};

use super::jobs::{Chunk, News};
use super::obituary::Row;
use super::outcomes::{Bytes, Outcome, Whole};
use super::recycled;
use super::scheduler::{JobId, WorkerId, is_hook};
use super::segments::{Segment, split};
use super::state::State;
use crate::error::TaskError;
use crate::link::{LinkError, Received, Timing, Upto};

/// What each of some results is. Their bytes were checked when the group was split.
fn statuses(results: &[u8]) -> impl Iterator<Item = Status> {
    Results::new(results, 0, 0).map_while(Result::ok).map(|entry| entry.status)
}

impl State {
    /// Takes in all that worker `id` has for us.
    pub(crate) fn receive_from(&mut self, id: WorkerId, upto: Upto) -> bool {
        let (mut any, mut looked) = (false, false);
        while !self.slots[id].mute {
            let Some(link) = self.slots[id].link.as_mut() else {
                break;
            };
            if upto == Upto::Published && !link.has_news() && !link.must_ask() {
                break;
            }
            looked = true;
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
        if any && let Some(link) = &self.slots[id].link {
            self.sched.workers[id].near = link.peer_cpu() == Some(self.cpu);
        }
        // A look that brings nothing may still find that a record is over.
        if looked && let Some(link) = self.slots[id].link.as_mut() {
            link.release();
        }
        // Taken at a death, or with what was taken back: it may be what somebody sleeps for, as may be the room of a batch that is over.
        if self.free_settled(id) || any {
            self.stir();
        }
        self.send_home_if_done(id);
        self.mind_room(id);
        any
    }

    fn take_in(&mut self, id: WorkerId, received: Received, bytes: &mut Vec<u8>) -> Result<(), LinkError> {
        match received {
            Received::Timing(timing) => {
                self.record_timing(id, timing);
                if let Some(job) = self.slots[id].last_job {
                    self.sched.measured(job, timing.nanos, timing.count);
                }
                Ok(())
            }
            Received::GaveBack { from, to } => {
                let worker = &mut self.sched.workers[id];
                worker.unanswered = worker.unanswered.saturating_sub(1);
                self.slots[id].answers += 1;
                self.taken_back(id, from, to);
                // Somebody waits for this answer, and may sleep while another takes it in.
                self.wake_all();
                Ok(())
            }
            Received::Group => {
                let header = GroupHeader::read(bytes).map_err(LinkError::broken)?;
                self.slots[id].cursor = (header.batch, header.first);
                self.take_results(id, bytes, GROUP_HEADER, header.count)?;
                let GroupHeader { first, nanos, count, ended, .. } = header;
                let slowest = (first, if count == 1 { nanos } else { 0 });
                self.record_timing(id, Timing { nanos, count, ended, slowest });
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
                    if is_hook(job) {
                        self.take_hook(job, id, &bytes[from..to]);
                        continue;
                    }
                    self.record_came(id, batch, statuses(&bytes[from..to]));
                    self.let_go(Some(id), job, first, count.into());
                    // Work is done: whoever died before is no part of a loop. (A hook is no work.)
                    (self.row, self.idle_row) = (Row::default(), Row::default());
                    if self.settle_calls(job, first, bytes, from..to, alone && count == 1) {
                        continue;
                    }
                    let length = to - from;
                    let chunk = if alone && !recycled::is_wasted(length, bytes.capacity()) {
                        let large = recycled::is_worth(length, bytes.capacity());
                        let taken = match large {
                            true => self.landing.taken_along(bytes, length),
                            false => std::mem::take(bytes).into(),
                        };
                        Chunk { first, count, bytes: taken, from, to }
                    } else {
                        let copy = recycled::copied(&bytes[from..to]);
                        self.landing.copied_out_of(bytes, if alone { length } else { 0 });
                        Chunk { first, count, bytes: copy, from: 0, to: length }
                    };
                    self.put(job, News::Results(chunk), faulty);
                }
                Segment::Large { offset, status, parcel } => {
                    let link = self.slots[id].link.as_mut().ok_or(LinkError::Closed)?;
                    let opened = link.take_parcel(parcel.parcel, parcel.len)?;
                    let (job, index) = self.sched.settle(id, batch, offset, 1).map_err(LinkError::broken)?;
                    self.slots[id].last_job = Some(job);
                    if is_hook(job) {
                        self.hook_ended(job, id, Outcome::Came(status, Bytes::Parcel(opened)));
                        continue;
                    }
                    self.record_came(id, batch, std::iter::once(status));
                    self.let_go(Some(id), job, index, 1);
                    self.deliver_large(job, index, status, opened);
                }
                Segment::Skipped { offset } => {
                    if let Some((from, to)) = self.sched.workers[id].skipped(batch, offset) {
                        let asked = self.slots[id].skippable.clone();
                        if !asked.contains(&from) {
                            let what = format!(
                                "it skipped task number {from}, and was asked for {}..{}",
                                asked.start, asked.end
                            );
                            return Err(LinkError::broken(what));
                        }
                        self.taken_back(id, from, to.min(asked.end));
                    }
                }
            }
        }
        Ok(())
    }

    /// Results of single calls, which lie there in what came, go to their cells; one that is `alone` takes along what came, if it is large. `false`: they are none.
    fn settle_calls(&mut self, id: JobId, first: u64, came: &mut Vec<u8>, range: Range<usize>, alone: bool) -> bool {
        let results = &came[range.clone()];
        let Some(job) = self.jobs.get_mut(&id) else {
            return false;
        };
        if !job.suspects.is_empty() {
            let came = Results::new(results, 0, 0).map_while(Result::ok).map(|entry| first + u64::from(entry.offset));
            came.for_each(|index| {
                job.suspects.remove(&index);
            });
        }
        let Some(calls) = job.calls.as_mut() else {
            return false;
        };
        let mut told = Vec::new();
        if alone && recycled::is_worth(range.len(), came.capacity()) {
            let length = range.len();
            // Bytes were checked when the group was split, so no entry is an error here.
            if let Some(Ok(entry)) = Results::new(results, 0, 0).next() {
                let (status, index) = (entry.status, first + u64::from(entry.offset));
                let begin = range.start + ENTRY_HEADER;
                let range = begin..begin + entry.payload.len();
                let bytes = self.landing.taken_along(came, length);
                told = calls.settle(index, Outcome::Came(status, Bytes::Whole(Box::new(Whole { bytes, range }))));
            }
            if !told.is_empty() {
                self.fire(told);
            }
            return true;
        }
        let mut entries = Results::new(results, 0, 0);
        // Bytes were checked when the group was split, so no entry is an error here.
        while let Some(Ok(entry)) = entries.next() {
            let outcome = Outcome::Came(entry.status, Bytes::of(entry.payload));
            told.append(&mut calls.settle(first + u64::from(entry.offset), outcome));
        }
        if !told.is_empty() {
            self.fire(told);
        }
        self.landing.copied_out_of(came, if alone { range.len() } else { 0 });
        true
    }

    fn deliver_large(&mut self, id: JobId, index: u64, status: Status, parcel: mpexec_ring::Parcel) {
        (self.row, self.idle_row) = (Row::default(), Row::default());
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
        if is_hook(id) {
            // The index of a hook's task is the place of its worker.
            let worker = usize::try_from(index).unwrap_or(usize::MAX);
            return self.hook_ended(id, worker, Outcome::Failed(Box::new(error)));
        }
        self.stir();
        self.record_failed(&error);
        self.let_go(None, id, index, 1);
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
        job.inbox.push(news);
        if told {
            let hooks = std::mem::take(&mut job.hooks);
            self.fire(hooks);
        }
    }

    /// Frees the batches that are over, and the parcels that came with them. Whether there was one.
    fn free_settled(&mut self, id: WorkerId) -> bool {
        let (mut any, mut unwanted) = (false, false);
        loop {
            let slot = &mut self.slots[id];
            let Some(link) = slot.link.as_mut() else { break };
            let worker = &mut self.sched.workers[id];
            if !worker.front_is_over(|| link.progress().passed) {
                break;
            }
            any = true;
            if let Some(held) = worker.held.front()
                && !self.parcels.is_empty()
                && self.jobs.get(&held.job).is_none_or(|job| job.parcels)
            {
                // What was taken back is queued again and keeps its parcels, or another worker is at it by now. Or nobody wants it any more.
                let job = self.jobs.get(&held.job);
                for (offset, entry) in (0..held.count).zip(Entries::new(link.held(0), held.count).flatten()) {
                    match entry.parcel() {
                        Some(named) if offset < held.keep => self.over.push(named.parcel),
                        Some(_) if !job.is_some_and(|job| job.wants(held.first + u64::from(offset))) => unwanted = true,
                        _ => {}
                    }
                }
            }
            link.free_front();
            worker.pop_front();
            worker.blocked = false;
            while let Some(parcel) = self.over.pop() {
                self.parcel_is_over(parcel);
            }
        }
        if unwanted {
            self.sweep_parcels();
        }
        any
    }
}
