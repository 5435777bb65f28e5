//! Filling the pool's empty places, as far as the system has room for more processes; and keeping the spare (see [`super::spare`]).
//!
//! One process is being started at a time, and the supervisor goes on meanwhile: how long the system takes to start one is
//! nothing that limits and deaths of others could wait for.

use std::os::fd::AsFd;
use std::time::Duration;

use super::launch::{Begun, Newcomer, UnderWay, Whom};
use super::scarcity::Scarcity;
use super::scheduler::WorkerId;
use super::slot::{Phase, Slot};
use super::spare::{DYING, SPARE};
use super::state::Life;
use super::supervisor::{CHILD, CONTROL, STDERR, STDOUT, Supervisor, token};
use crate::config::Transport;
use crate::error::PoolError;
use crate::os::events::Watch;
use crate::os::spawn;

impl Supervisor {
    /// The process of place `id` is over: its obituary, and its replacement.
    pub(super) fn replace(&mut self, id: WorkerId) {
        let served = self.will_be_replaced(&self.engine.lock(), id);
        if served {
            self.begin_successor(id);
        }
        self.bury(id);
    }

    /// The same of a process whose end is not awaited any longer.
    pub(super) fn bury(&mut self, id: WorkerId) {
        self.remains = self.engine.bury(id);
        if self.remains.is_some() {
            self.scarcity.may_be_over();
        }
        if self.receive_newcomer() {
            self.fill_places();
        }
        self.mourn();
    }

    /// What was buried gives back what it took. Whether there was anything.
    pub(super) fn mourn(&mut self) -> bool {
        let remains = self.remains.take();
        remains.map(|remains| self.engine.let_rest(remains)).is_some()
    }

    /// Has a process started. Descriptors and memory of the dead may be what it lacks.
    fn begin_process(&mut self) -> Result<Begun, PoolError> {
        match self.engine.begin_process() {
            Err(_) if self.mourn() => self.engine.begin_process(),
            begun => begun,
        }
    }

    /// If place `id` is empty and is to have a worker: how many have died before that one.
    pub(super) fn vacant(&self, id: WorkerId) -> Option<u64> {
        let (engine, state) = (&self.engine, self.engine.lock());
        let vacant = id < engine.workers() && state.slots[id].is_empty() && engine.wants_workers(&state);
        vacant.then_some(state.deaths)
    }

    /// Has a worker started for the next empty place, as long as the pool is to have them.
    pub(super) fn fill_places(&mut self) {
        let engine = self.engine.clone();
        if self.under_way.is_some() || (self.scarcity.goes_on() && !engine.lock().slots.iter().all(Slot::is_empty)) {
            return;
        }
        self.scarcity.may_be_over();
        for id in 0..engine.workers() {
            let Some(born) = self.vacant(id) else {
                continue;
            };
            let settled = match engine.transport {
                Transport::Memory => self.settle(id, born, engine.launch_thread(id, self.serve)),
                _ => match self.take_spare(id) {
                    Some(slot) => self.settle(id, born, Ok(slot)),
                    None => {
                        self.spare.may_try_again();
                        match self.begin_process() {
                            Ok(begun) => {
                                self.under_way = Some(UnderWay { begun, whom: Whom::Worker { id, born }, early: false })
                            }
                            Err(error) => self.could_not_start(&error),
                        }
                        // This one first: what it could not have the others cannot have either.
                        return;
                    }
                },
            };
            if !settled {
                return;
            }
        }
    }

    /// Looks whether the process that is being started is there; if so it gets its place. `false`: it could not be started, and
    /// it is too early to try again.
    pub(super) fn receive_newcomer(&mut self) -> bool {
        self.seat_successor();
        let Some(under_way) = self.under_way.take() else {
            return true;
        };
        let limit = self.patience();
        let UnderWay { begun, whom, early } = under_way;
        let child = if matches!(whom, Whom::Successor { .. }) { None } else { begun.child() };
        let (newcomer, early) = match child {
            Some(child) => (self.engine.newcomer(begun, child), early),
            None if self.woke.saturating_duration_since(begun.since) < limit => {
                self.under_way = Some(UnderWay { begun, whom, early });
                return true;
            }
            None => {
                // It is killed before anybody hears of it, who may end this program.
                drop(begun);
                (Err(self.engine.never_started(limit)), false)
            }
        };
        match whom {
            Whom::Worker { id, born } => {
                let slot = newcomer.and_then(|newcomer| self.engine.greet(newcomer, id));
                if !(early && slot.is_err() || self.settle(id, born, slot)) {
                    return false;
                }
            }
            Whom::Spare => self.keep(newcomer),
            // No place was left in all that time.
            Whom::Successor { .. } => {}
        }
        self.fill_places();
        true
    }

    /// How long the system may take to start a process.
    fn patience(&self) -> Duration {
        let limit = self.engine.config.handshake_limit;
        match self.ending {
            true => limit.min(DYING),
            false => limit,
        }
    }

    /// When to look again after a process that is being started, or that was killed at the end.
    pub(super) fn await_newcomer(&self) -> Option<Duration> {
        let begun = self.under_way.as_ref().map(|under_way| under_way.begun.since.elapsed());
        let left = begun.map(|elapsed| self.patience().saturating_sub(elapsed));
        left.into_iter().chain(self.spare.dies_within()).chain(self.spare.rests_for()).min()
    }

    /// The pool is over. Whether no process is left of what was started and had no place: until then its end is awaited.
    pub(super) fn nobody_is_on_the_way(&mut self) -> bool {
        self.ending = true;
        self.under_way.is_none() && self.spare.end()
    }

    /// Gives a worker its place. `false`: it could not be started.
    fn settle(&mut self, id: WorkerId, born: u64, slot: Result<Slot, PoolError>) -> bool {
        let engine = self.engine.clone();
        match slot.and_then(|slot| self.watched(id, slot)) {
            Ok(slot) => {
                self.scarcity = Scarcity::default();
                let slot = Slot { born, ..slot };
                let mut state = engine.lock();
                let ready = matches!(slot.phase, Phase::Ready);
                state.slots[id] = slot;
                state.launched += 1;
                state.record_started(id);
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
                true
            }
            Err(error) => {
                self.could_not_start(&error);
                false
            }
        }
    }

    fn watch(&self, id: WorkerId, slot: &Slot) -> Result<(), PoolError> {
        let failed = |error| PoolError::system("watch a worker", error);
        if let Some(child) = &slot.child {
            self.watcher.add(child.as_fd(), token(id, CHILD), Watch::Level).map_err(failed)?;
        }
        if let Some(tail) = &slot.stderr {
            self.watcher.add(tail.pipe.as_fd(), token(id, STDERR), Watch::Level).map_err(failed)?;
        }
        if let Some(tail) = &slot.stdout {
            self.watcher.add(tail.pipe.as_fd(), token(id, STDOUT), Watch::Level).map_err(failed)?;
        }
        if let Phase::Starting(starting) = &slot.phase {
            starting.socket.is_watched_by(&self.watcher);
            let socket = crate::link::control::fd(&starting.socket);
            self.watcher.add(socket, token(id, CONTROL), Watch::Level).map_err(failed)?;
        }
        Ok(())
    }

    /// What cannot be watched is not kept.
    fn watched(&self, id: WorkerId, mut slot: Slot) -> Result<Slot, PoolError> {
        if let Err(error) = self.watch(id, &slot) {
            slot.kill();
            slot.child.take().into_iter().for_each(spawn::bury);
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
    /// Has a spare started, if the pool is to have one and every place has its worker.
    pub(super) fn keep_spare(&mut self) {
        let has_one = self.spare.waiting.is_some() || self.spare.failed || self.under_way.is_some();
        if has_one || self.scarcity.goes_on() {
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
                && !self.spare.rests(state.sched.finished)
                && engine.config.replace
                && engine.transport != Transport::Memory
                && state.life == Life::Open
                && !state.crash_looped
                && (0..engine.workers()).all(full)
        };
        if !wanted {
            return;
        }
        match engine.begin_process() {
            Ok(begun) => self.under_way = Some(UnderWay { begun, whom: Whom::Spare, early: false }),
            Err(_) => self.spare.failed = true,
        }
    }

    /// A process is there to be the spare; should there be none, the pool does without.
    fn keep(&mut self, newcomer: Result<Newcomer, PoolError>) {
        match newcomer {
            Ok(spare) if self.watcher.add(spare.child.as_fd(), SPARE, Watch::Level).is_ok() => {
                self.spare.waiting = Some(spare);
                return;
            }
            Ok(spare) => spawn::bury(spare.child),
            Err(_) => {}
        }
        self.spare.failed = true;
    }

    /// The spare as the worker of place `id`, if there is one that lives.
    pub(super) fn take_spare(&mut self, id: WorkerId) -> Option<Slot> {
        let mut spare = self.spare.waiting.take()?;
        self.watcher.remove(spare.child.as_fd());
        match spare.child.try_wait() {
            Some(_) => None,
            None => {
                self.spare.was_taken(self.engine.lock().sched.finished);
                // What it was refused a new one is refused too, and that is told.
                self.engine.greet(spare, id).ok()
            }
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
            if !self.ending {
                self.engine.note(&format!("the spare worker (pid {pid}) {exit} while it waited"));
            }
        }
    }
}
