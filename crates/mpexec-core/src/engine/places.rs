//! Filling the pool's empty places, as far as the system has room for more processes.

use super::scarcity::Scarcity;
use super::scheduler::WorkerId;
use super::slot::{Phase, Slot};
use super::state::Life;
use super::supervisor::Supervisor;
use crate::config::Transport;
use crate::error::PoolError;
use crate::os::events::Watch;

impl Supervisor {
    /// Starts a worker in every empty place, as long as the pool is to have them.
    pub(super) fn fill_places(&mut self) {
        let engine = self.engine.clone();
        if self.scarcity.goes_on() && !engine.lock().slots.iter().all(Slot::is_empty) {
            return;
        }
        self.scarcity.may_be_over();
        for id in 0..engine.workers() {
            let born = {
                let state = engine.lock();
                if id >= engine.workers() {
                    break;
                }
                let wanted = state.life == Life::Open || (state.life == Life::Closed && state.sched.work_left());
                let fresh = engine.config.replace || state.deaths == 0;
                if !state.slots[id].is_empty() || !wanted || !fresh || state.crash_looped {
                    continue;
                }
                state.deaths
            };
            let launched = match engine.transport {
                Transport::Memory => engine.launch_thread(id, self.serve),
                _ => match self.take_spare(id) {
                    Some(slot) => Ok(slot),
                    None => {
                        self.spare.may_try_again();
                        engine.launch(id)
                    }
                },
            };
            match launched.and_then(|slot| self.watched(id, slot)) {
                Ok(slot) => {
                    self.scarcity = Scarcity::default();
                    let slot = Slot { born, ..slot };
                    let mut state = engine.lock();
                    let ready = matches!(slot.phase, Phase::Ready);
                    state.slots[id] = slot;
                    state.launched += 1;
                    if ready {
                        if let Some(link) = &state.slots[id].link {
                            let _ = engine.bells.add(link.bell(), id as u64, Watch::Edge);
                        }
                        state.welcome(id);
                    } else if state.life == Life::Terminated {
                        state.slots[id].kill();
                    }
                    if id >= engine.workers() {
                        // The pool was made smaller while it was started.
                        state.retire(id);
                    }
                }
                Err(error) => {
                    self.could_not_start(&error);
                    // What this one could not have the others cannot have either.
                    return;
                }
            }
        }
    }

    /// What cannot be watched is not kept.
    fn watched(&self, id: WorkerId, mut slot: Slot) -> Result<Slot, PoolError> {
        if let Err(error) = self.watch(id, &slot) {
            slot.kill();
            if let Some(child) = &mut slot.child
                && child.wait_over(None)
            {
                let _ = child.try_wait();
            }
            return Err(error);
        }
        Ok(slot)
    }

    /// A worker could not be started at all: the waiting calls are told if no other worker is left to serve them.
    fn could_not_start(&mut self, error: &PoolError) {
        let engine = self.engine.clone();
        if self.scarcity.began(error.to_string()) {
            engine.note(&error.to_string());
        }
        let mut state = engine.lock();
        let alone = state.slots.iter().all(Slot::is_empty);
        if state.started.is_none() && alone {
            state.started = Some(Err(error.clone()));
        } else if alone {
            state.end_calls(error);
        }
        for waiter in &state.parked {
            waiter.wake();
        }
        engine.kick.ring();
    }
}
