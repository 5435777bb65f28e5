//! Stopping a task: one that has not started never runs, wherever it lies; one that runs is stopped with its worker, and
//! nothing else with it.
//!
//! What lies in a worker's batch is taken back from there on. Over shared memory that is known at once; over the socket
//! the worker answers. A worker is killed only while nothing lies behind the task that it runs, and gets nothing more from
//! the moment it was asked: so the kill can strike no other task, also when that one ends just then.

use std::time::Instant;

use super::Engine;
use super::calls::{CallRef, Calls};
use super::jobs::JobState;
use super::overruns::PATIENCE;
use super::scheduler::{JobId, Place, WorkerId};
use super::send::cancelled;
use super::state::State;
use crate::error::TaskError;

impl Engine {
    /// Stops a call: never to start, with `force` also if it runs. `true`: it ends, or has ended, as cancelled.
    pub(crate) fn stop_call(&self, call: &CallRef, force: bool) -> bool {
        let (job, index) = call.name();
        let mut asked = None;
        self.until_stopped(|state, late| {
            let stopped = state.try_stop(job, index, (force, late), &mut asked);
            if stopped && let Some(hold) = asked.take() {
                state.open_again(hold, force);
                state.dispatch();
            }
            stopped
        });
        if force {
            // Its worker's end settles it.
            self.wait_call(call, None);
        }
        call.is_cancelled()
    }

    /// Stops a whole job: what has not started never runs, with `force` what runs is stopped too. `false`: it had ended.
    pub(crate) fn stop_job(&self, job: JobId, force: bool) -> bool {
        let mut state = self.lock();
        match state.jobs.get(&job) {
            None => return false,
            Some(JobState { broken: Some(why), .. }) => return matches!(why, TaskError::Cancelled { .. }),
            // One of its tasks may have failed: the others run on.
            Some(open) if open.input_ended && state.sched.is_idle(job) => return false,
            Some(_) => {}
        }
        let holders: Vec<WorkerId> = (0..state.slots.len()).filter(|id| state.sched.workers[*id].holds(job)).collect();
        state.break_job(job, &cancelled());
        let mut asked: Vec<Hold> = holders.into_iter().map(|id| state.close(id, force)).collect();
        drop(state);
        self.until_stopped(|state, late| {
            asked.retain(|hold| !state.try_stop_share(job, *hold, (force, late)));
            state.dispatch();
            asked.is_empty()
        });
        true
    }

    /// Turns the crank until `stopped` says so. It is told whether it is late: an outcome that was to be on the way would have
    /// come by then, if the worker told the truth.
    fn until_stopped(&self, mut stopped: impl FnMut(&mut State, bool) -> bool) {
        let mut late = false;
        while self.drive(Some(Instant::now() + PATIENCE), |state, _| stopped(state, late).then_some(())).is_none() {
            late = true;
        }
    }
}

/// A worker that was asked for what it has not started: it, and not the one that may have its place later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hold {
    worker: WorkerId,
    life: u64,
}

impl State {
    /// The worker gets nothing more while somebody stops what it runs.
    fn close(&mut self, id: WorkerId, force: bool) -> Hold {
        let worker = &mut self.sched.workers[id];
        worker.closed += u32::from(force);
        Hold { worker: id, life: worker.life }
    }

    /// It may have tasks again, unless it is being killed or somebody else stops it too.
    fn open_again(&mut self, hold: Hold, force: bool) {
        if force && self.sched.workers[hold.worker].life == hold.life {
            self.opens(hold.worker);
        }
    }

    /// One reason less why the worker gets nothing. With the last of them it gets what waits, and those are woken that have tasks to bring: who has
    /// the baton sleeps until a worker rings, and one that has nothing never does.
    pub(super) fn opens(&mut self, id: WorkerId) {
        let worker = &mut self.sched.workers[id];
        worker.closed = worker.closed.saturating_sub(1);
        if worker.closed == 0 {
            self.dispatch();
            self.wake_all();
        }
    }

    /// Kills a worker for the task that it runs.
    pub(super) fn sentence(&mut self, id: WorkerId) {
        self.sched.workers[id].ready = false;
        self.slots[id].sentence();
        // It awaits its end, and not for ever.
        if let Some(wake) = &self.wake {
            wake.ring();
        }
    }

    fn is_open(&self, job: JobId, index: u64) -> bool {
        self.jobs.get(&job).and_then(|job| job.calls.as_ref()).is_some_and(|calls| calls.is_open(index))
    }

    fn calls_of(&mut self, job: JobId) -> Option<&mut Calls> {
        self.jobs.get_mut(&job).and_then(|job| job.calls.as_mut())
    }

    /// Whether a call was told to end, started or not.
    pub(super) fn is_aborted(&self, job: JobId, index: u64) -> bool {
        self.jobs.get(&job).and_then(|job| job.calls.as_ref()).is_some_and(|calls| calls.is_aborted(index))
    }

    /// Whether a call was told to stop.
    pub(super) fn is_stopping(&self, job: JobId, index: u64) -> bool {
        self.jobs.get(&job).and_then(|job| job.calls.as_ref()).is_some_and(|calls| calls.is_stopping(index))
    }

    /// What a worker has of a job that was broken up. `false`: it is to be looked at again.
    fn try_stop_share(&mut self, job: JobId, hold: Hold, (force, late): (bool, bool)) -> bool {
        let id = hold.worker;
        let worker = &self.sched.workers[id];
        let holds = worker.holds(job);
        // Until it answers it may start one of them yet. And if it has more than one task then, another's has begun and
        // this job's is over: its outcome is on the way.
        if holds && (worker.unanswered > 0 || (force && !late && worker.tasks_held() > 1)) {
            return false;
        }
        if holds && force {
            self.sentence(id);
        }
        self.open_again(hold, force);
        true
    }

    /// Whether all was done that can be: `false` while a worker that was `asked` has not answered.
    fn try_stop(&mut self, job: JobId, index: u64, (force, late): (bool, bool), asked: &mut Option<Hold>) -> bool {
        if !self.is_open(job, index) {
            return true;
        }
        match self.sched.find(job, index) {
            None => true,
            Some(Place::Queued) => {
                let named = self.sched.queued_entry(job, index).and_then(|entry| entry.parcel());
                self.sched.drop_queued(job, index);
                self.fail(job, index, cancelled());
                if let Some(named) = named {
                    self.parcel_is_over(named.parcel);
                }
                true
            }
            Some(Place::Held { worker, ordinal })
                if asked.is_none_or(|hold| (hold.worker, hold.life) != (worker, self.sched.workers[worker].life)) =>
            {
                let hold = self.close(worker, force);
                if let Some(before) = asked.replace(hold) {
                    self.open_again(before, force);
                }
                if let Some(calls) = self.calls_of(job) {
                    calls.stop(index, force);
                }
                let hi = self.sched.workers[worker].next_ordinal;
                self.withdraw(worker, ordinal, hi);
                self.try_stop(job, index, (force, late), asked)
            }
            Some(Place::Held { worker, ordinal }) => {
                if self.sched.workers[worker].unanswered > 0 {
                    return false;
                }
                if force {
                    if !late && !self.sched.workers[worker].has_only(ordinal) {
                        // What lies behind it has begun, so it is over: its outcome is on the way.
                        return false;
                    }
                    self.sentence(worker);
                } else if let Some(calls) = self.calls_of(job) {
                    calls.let_run(index);
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod overtaking;

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::sync::Arc;

    use super::*;
    use crate::engine::scheduler::{Event, Scheduler};
    use crate::os::events::Bell;

    #[test]
    fn who_stopped_something_of_a_dead_worker_does_not_open_the_one_in_its_place() {
        let mut state = State::default();
        state.sched = Scheduler::new(1, u64::MAX);
        let happened = |state: &mut State, event| state.handle(event, |_, _, _| {});
        happened(&mut state, Event::Ready(0));
        let of_the_dead = state.close(0, true);
        happened(&mut state, Event::Lost { worker: 0, running: None, spent: false, begun: 0 });
        happened(&mut state, Event::Ready(0));
        let of_the_new = state.close(0, true);
        state.open_again(of_the_dead, true);
        assert_eq!(state.sched.workers[0].closed, 1, "somebody stops what the new one runs");
        state.open_again(of_the_new, true);
        assert_eq!(state.sched.workers[0].closed, 0);
    }

    #[test]
    fn who_sleeps_until_there_is_room_is_woken_when_the_last_who_stopped_something_is_through() {
        let kick = Arc::new(Bell::new().unwrap());
        let mut state = State::default();
        (state.kick, state.sched) = (Some(kick.clone()), Scheduler::new(1, u64::MAX));
        state.handle(Event::Ready(0), |_, _, _| {});
        let both = [state.close(0, true), state.close(0, true)];
        let rung = both.map(|hold| {
            state.open_again(hold, true);
            let mut count = [0; 8];
            rustix::io::read(kick.as_fd(), &mut count).is_ok()
        });
        assert_eq!(rung, [false, true]);
    }
}
