//! Single calls: each goes into the lane of its kind, a job that gathers them, and is waited for by its cell.

use std::sync::Arc;
use std::time::Instant;

use super::Engine;
use super::attachments::Wanted;
use super::calls::{CallRef, Calls};
use super::crank::Held;
use super::functions::FunctionRef;
use super::jobs::JobState;
use super::open::Staged;
use super::outcomes::Hook;
use super::recycled::{self, Recycled};
use super::scheduler::{Function, Job, JobId, Run, Terms};
use super::state::{Lane, State};
use crate::error::TaskError;

impl Engine {
    /// Submits a single call: one encoded entry.
    pub(crate) fn call(
        &self,
        named: &FunctionRef,
        terms: Terms,
        label: Option<&str>,
        entry: &mut Staged,
    ) -> Result<CallRef, TaskError> {
        let function = self.resolve(named)?;
        let mut state = self.lock();
        let cell = self.enter(&mut state, (function, named), terms, label, entry)?;
        let (job, index) = cell.name();
        state.queue_call(job, index, &entry.bytes);
        // Calls that follow each other closely travel together: the crank is turned now and then, not for each.
        state.turn_now_and_then();
        self.mind_call(&mut state, &cell);
        self.alert(&mut state);
        Ok(cell)
    }

    /// Submits a single call and waits for its outcome.
    pub(crate) fn call_and_wait(
        &self,
        named: &FunctionRef,
        terms: Terms,
        label: Option<&str>,
        entry: &mut Staged,
    ) -> Result<CallRef, TaskError> {
        let function = self.resolve(named)?;
        let mut state = self.lock();
        let cell = self.enter(&mut state, (function, named), terms, label, entry)?;
        let (job, index) = cell.name();
        state.send_alone(job, index, &mut entry.bytes);
        self.mind_call(&mut state, &cell);
        self.await_call(state, true, &cell, None);
        Ok(cell)
    }

    /// Makes a call's cell, in the lane of its kind.
    fn enter(
        &self,
        state: &mut State,
        (function, named): (Function, &FunctionRef),
        terms: Terms,
        label: Option<&str>,
        entry: &mut Staged,
    ) -> Result<CallRef, TaskError> {
        if let Some(refusal) = self.refuses(state) {
            return Err(refusal);
        }
        let fits = |lane: &&Lane| lane.function == function && lane.terms == terms && lane.label.as_deref() == label;
        let known = state.lanes.iter().find(fits).map(|lane| lane.job);
        let id = match known {
            Some(id) => id,
            None => {
                state.close_idle_lanes();
                let id = state.new_job_id();
                let mut job = Job::on(function, terms);
                job.calls = true;
                state.sched.open_job(id, job);
                let label: Option<Arc<str>> = label.map(Arc::from);
                let kept = JobState { calls: Some(Calls::of(id)), label: label.clone(), ..JobState::default() };
                state.jobs.insert(id, JobState { function: named.told(), ..kept });
                state.lanes.push(Lane { function, terms, label, job: id });
                id
            }
        };
        let added = state.jobs.get_mut(&id).and_then(|job| {
            job.parcels |= !entry.parcels.is_empty();
            let (index, cell) = job.calls.as_mut()?.add();
            for wanted in entry.wanted.drain(..) {
                job.attachments.add(Wanted { first: index, ..wanted });
            }
            Some(cell)
        });
        let Some(cell) = added else {
            return Err(TaskError::Cancelled { reason: "the pool is going away".to_owned() });
        };
        if !entry.parcels.is_empty() {
            state.keep_parcels(id, std::mem::take(&mut entry.parcels));
        }
        Ok(cell)
    }

    /// What a new call asks of the supervisor; after the call is on its way.
    fn mind_call(&self, state: &mut State, cell: &CallRef) {
        if state.crash_looped || self.has_empty_places(state) {
            self.wake_workers(state);
        }
        self.mind(state, cell.name().0);
    }

    /// Waits for a call's outcome. `false`: the time was up.
    pub(crate) fn wait_call(&self, cell: &CallRef, deadline: Option<Instant>) -> bool {
        cell.is_ready() || self.await_call(self.lock(), false, cell, deadline)
    }

    fn await_call(&self, state: Held<'_>, turned: bool, cell: &CallRef, deadline: Option<Instant>) -> bool {
        let mut parked = None;
        let came = self.drive_on(state, turned, deadline, |_, waiter| {
            if let Some(waiter) = waiter {
                parked = Some(waiter.clone());
                return cell.tell(Hook::Thread(waiter.clone())).map(drop);
            }
            cell.is_ready().then_some(())
        });
        if let Some(waiter) = parked {
            cell.forget(&waiter);
        }
        came.is_some()
    }
}

/// So many kinds of single calls are remembered at least, busy or not.
const LANES: usize = 64;

impl State {
    fn queue_call(&mut self, job: JobId, index: u64, entry: &[u8]) {
        self.record_queued(job, index + 1);
        let mut large = Vec::new();
        let spare = if entry.len() < recycled::LEAST {
            &mut self.spare_call
        } else {
            large = recycled::take_with(entry.len(), &[]).unwrap_or_default();
            &mut large
        };
        self.sched.push_call(job, index, entry, spare);
        drop(Recycled::from(large));
    }

    /// A call whose caller waits for it goes straight to a worker that has nothing, if nobody was there before.
    fn send_alone(&mut self, job: JobId, index: u64, entry: &mut Vec<u8>) {
        let Some(worker) = self.sched.idle_worker() else {
            self.queue_call(job, index, entry);
            return self.dispatch();
        };
        let bytes = std::mem::replace(entry, std::mem::take(&mut self.spare_call));
        if !self.send_run(worker, job, Run { first: index, count: 1, attempt: 1, bytes, from: 0 }) {
            self.dispatch();
        }
    }

    /// Forgets kinds of single calls of which none is open, when there are many: labels may be new each time.
    fn close_idle_lanes(&mut self) {
        if self.lanes.len() < LANES {
            return;
        }
        let lanes = std::mem::take(&mut self.lanes);
        let busy = |lane: &Lane| {
            let calls = self.jobs.get(&lane.job).and_then(|job| job.calls.as_ref());
            calls.is_some_and(Calls::any_open) || !self.sched.is_idle(lane.job)
        };
        let (busy, idle): (Vec<_>, Vec<_>) = lanes.into_iter().partition(busy);
        self.lanes = busy;
        for lane in idle {
            self.forget(lane.job);
        }
    }
}
