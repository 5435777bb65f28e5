//! Sending workers home: a pool that shrinks, a worker that has done its share or (see [`super::memory`]) has grown too large.
//!
//! A worker that is to leave gets nothing more, and what it has not started is taken back from it; when it has nothing
//! any more it is told to leave. Its running task is finished first, so nobody loses anything by it.

use std::time::Instant;

use super::Engine;
use super::scheduler::WorkerId;
use super::slot::Phase;
use super::state::{Life, State};
use crate::error::PoolError;
use crate::os::descriptors;

impl Engine {
    /// From now on there are to be so many workers.
    pub(crate) fn resize(&self, workers: usize) -> Result<(), PoolError> {
        descriptors::make_room_for(workers);
        let mut state = self.lock();
        match state.life {
            Life::Open => {}
            Life::Closed => return Err(PoolError::Closed { state: "closed" }),
            Life::Terminated => return Err(PoolError::Closed { state: "terminated" }),
        }
        self.workers.store(workers, std::sync::atomic::Ordering::Relaxed);
        state.sched.grow(workers);
        let places = state.slots.len().max(workers);
        state.slots.resize_with(places, Default::default);
        for id in 0..places {
            if id >= workers {
                state.retire(id);
            } else if matches!(state.slots[id].phase, Phase::Ready) && !state.slots[id].farewell_asked {
                // It may have been told to go and not have gone yet.
                state.sched.workers[id].leaving = false;
            }
        }
        // What was taken back goes to those that stay.
        state.dispatch();
        self.leave(&mut state);
        // There may be room for more tasks, or all workers may be ready that there are to be.
        state.wake_all();
        drop(state);
        self.wake.ring();
        Ok(())
    }
}

impl State {
    /// The worker of place `id` gets nothing more, and leaves when it has done what it runs.
    pub(super) fn retire(&mut self, id: WorkerId) {
        match self.slots[id].phase {
            Phase::Ready if self.sched.workers[id].leaving => self.send_home_if_done(id),
            Phase::Ready if self.sched.workers[id].warming => {
                // It has no task, and its start hook may take for ever.
                self.sched.workers[id].leaving = true;
                self.slots[id].dismissed = true;
                self.slots[id].kill();
            }
            Phase::Ready => {
                self.sched.workers[id].leaving = true;
                // The first of these stays with it, and whatever else it has started by now.
                let lo = self.sched.workers[id].next_ordinal_held();
                let hi = self.sched.workers[id].next_ordinal;
                self.move_back(id, lo, hi);
                self.send_home_if_done(id);
            }
            Phase::Starting(_) => {
                self.slots[id].dismissed = true;
                self.slots[id].kill();
            }
            Phase::Empty | Phase::Leaving(_) => {}
        }
    }

    /// A worker that is to leave, and has nothing any more, is told to.
    pub(super) fn send_home_if_done(&mut self, id: WorkerId) {
        if !self.sched.workers[id].is_done() || !matches!(self.slots[id].phase, Phase::Ready) {
            return;
        }
        self.sched.workers[id].leaving = true;
        if self.send_end_hook(id) {
            return;
        }
        self.sched.workers[id].ready = false;
        let slot = &mut self.slots[id];
        slot.dismissed = true;
        let asked = slot.link.as_mut().map(|link| link.shut_down());
        slot.phase = Phase::Leaving(Instant::now());
        if !matches!(asked, Some(Ok(()))) {
            slot.kill();
        }
        // Who has not left after a while is killed: the supervisor minds the time.
        if let Some(wake) = &self.wake {
            wake.ring();
        }
    }
}
