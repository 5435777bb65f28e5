//! Filling the pool's empty places, as far as the system has room for more processes; and keeping the spare (see [`super::spare`]).

use std::os::fd::AsFd;

use super::scarcity::Scarcity;
use super::scheduler::WorkerId;
use super::slot::{Phase, Slot};
use super::spare::SPARE;
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

impl Supervisor {
    /// Starts a spare, if the pool is to have one and every place has its worker.
    pub(super) fn keep_spare(&mut self) {
        if self.spare.waiting.is_some() || self.spare.failed || self.scarcity.goes_on() {
            return;
        }
        let engine = self.engine.clone();
        let wanted = {
            let state = engine.lock();
            let full = |id: usize| {
                let slot = state.slots.get(id);
                slot.is_some_and(|slot| matches!(slot.phase, Phase::Ready)) && state.sched.workers[id].is_up()
            };
            state.limits_set
                && engine.config.replace
                && engine.transport != Transport::Memory
                && state.life == Life::Open
                && !state.crash_looped
                && (0..engine.workers()).all(full)
        };
        if !wanted {
            return;
        }
        // Not under the lock: a spawn takes a millisecond. Should it fail, the pool does without.
        match engine.start_process() {
            Ok(spare) if self.watcher.add(spare.child.as_fd(), SPARE, Watch::Level).is_ok() => {
                self.spare.waiting = Some(spare);
            }
            Ok(spare) => {
                self.spare.waiting = Some(spare);
                self.spare.end();
                self.spare.failed = true;
            }
            Err(_) => self.spare.failed = true,
        }
    }

    /// The spare as the worker of place `id`, if there is one that lives.
    pub(super) fn take_spare(&mut self, id: WorkerId) -> Option<Slot> {
        let mut spare = self.spare.waiting.take()?;
        self.watcher.remove(spare.child.as_fd());
        match spare.child.try_wait() {
            Some(_) => None,
            None => Some(self.engine.greet(spare, id)),
        }
    }

    /// The spare's process is over, while it waited.
    pub(super) fn bury_spare(&mut self) {
        let Some(spare) = &mut self.spare.waiting else {
            return;
        };
        if let Some(exit) = spare.child.try_wait() {
            let pid = spare.child.pid();
            self.watcher.remove(spare.child.as_fd());
            self.spare.waiting = None;
            self.spare.failed = true;
            self.engine.note(&format!("the spare worker (pid {pid}) {exit} while it waited"));
        }
    }
}
