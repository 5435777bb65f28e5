//! The replacement of a worker that is dying is begun before its place is free.
//!
//! The kernel takes a process apart for a while, and its obituary takes another: a process that is started takes longer than both and goes on
//! beside them. That a worker dies is known when its end of the socket is closed, which is before its end is told: whoever has closed it
//! is dead, or is killed for it. The new process waits until that place is left, or another one is empty; should there be none for it any
//! more, as the pool ends, it is killed before anybody hears of it.

use super::Engine;
use super::launch::{UnderWay, Whom};
use super::scheduler::WorkerId;
use super::slot::{Phase, Slot};
use super::state::{Life, State};
use super::supervisor::Supervisor;
use crate::config::Transport;

impl Engine {
    /// Whether a place that is empty is to have a worker.
    pub(super) fn wants_workers(&self, state: &State) -> bool {
        let wanted = state.life == Life::Open || (state.life == Life::Closed && state.sched.work_left());
        wanted && (self.config.replace || state.deaths == 0) && !state.crash_looped
    }
}

impl Supervisor {
    /// Whether the worker of place `id`, should it die now, will have a replacement that must be started: it serves, and no death before it was
    /// left without a finished task.
    pub(super) fn will_be_replaced(&self, state: &State, id: WorkerId) -> bool {
        let engine = &self.engine;
        self.under_way.is_none()
            && self.spare.waiting.is_none()
            && !self.scarcity.goes_on()
            && engine.transport != Transport::Memory
            && engine.config.replace
            && id < engine.workers()
            && state.life == Life::Open
            && !state.crash_looped
            && matches!(state.slots[id].phase, Phase::Ready)
            && matches!(state.started, Some(Ok(())))
            && (state.row.len(), state.idle_row.len()) == (0, 0)
    }

    /// Has a process started for place `id`, whose worker is dying. Where none can be, that is found again, and told, when the place is to be filled.
    pub(super) fn begin_successor(&mut self, id: WorkerId) {
        let begun = self.engine.begin_process().ok();
        self.under_way = begun.map(|begun| UnderWay { begun, whom: Whom::Successor { id }, early: true });
    }

    /// The successor gets its place if that is vacant by now, or any other that is: a dying worker may be long in dying. Where its place is to have no
    /// worker any more, it is killed.
    pub(super) fn seat_successor(&mut self) {
        let Some(UnderWay { whom: Whom::Successor { id }, .. }) = self.under_way else {
            return;
        };
        let places = [id].into_iter().chain(0..self.engine.workers());
        let vacant = places.filter_map(|id| Some((id, self.vacant(id)?))).next();
        if vacant.is_none() && !self.is_leaving(id) {
            self.under_way = None;
        }
        if let (Some((id, born)), Some(under_way)) = (vacant, &mut self.under_way) {
            under_way.whom = Whom::Worker { id, born };
            self.spare.may_try_again();
        }
    }

    fn is_leaving(&self, id: WorkerId) -> bool {
        let (engine, state) = (&self.engine, self.engine.lock());
        let leaving = |slot: &Slot| matches!(slot.phase, Phase::Leaving(_));
        id < engine.workers() && state.slots.get(id).is_some_and(leaving) && engine.wants_workers(&state)
    }
}
