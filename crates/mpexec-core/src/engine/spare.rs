//! The spare of a pool with limits: a process that was started as a worker and waits to be welcomed, so that who is killed at a limit
//! is replaced at once.
//!
//! It has come as far as every worker comes without knowing its place: it is loaded, has taken its socket and waits there. It has run
//! no hook, has no number and no task, and is counted nowhere. Whichever place is empty next gets it, and another is
//! started when all places are full again. One that dies while it waits is not replaced before a worker had to be started
//! without it: so what lets spares die starts no more processes than it would without them.

use std::os::fd::AsFd;

use super::launch::Newcomer;
use super::scheduler::WorkerId;
use super::slot::{Phase, Slot};
use super::state::Life;
use super::supervisor::Supervisor;
use crate::config::Transport;
use crate::os::events::Watch;

/// Its token with the supervisor's watcher; a worker's place is far below.
pub(super) const SPARE: u64 = u64::MAX - 1;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Spare {
    waiting: Option<Newcomer>,
    /// The last one died while it waited, or could not be started.
    failed: bool,
}

impl Spare {
    /// A worker was started without it.
    pub(super) fn may_try_again(&mut self) {
        self.failed = false;
    }

    /// Ends it.
    pub(super) fn end(&mut self) {
        if let Some(mut spare) = self.waiting.take() {
            spare.child.kill_group();
            if spare.child.wait_over(None) {
                let _ = spare.child.try_wait();
            }
        }
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.end();
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
