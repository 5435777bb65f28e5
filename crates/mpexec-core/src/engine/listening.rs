//! Hearing workers that have nothing: one that breaks the protocol then is replaced before it gets a task, so nobody is charged.
//!
//! Whoever turns the crank reads of workers that hold something. What the others say on their sockets, the supervisor hears. On the
//! socket link, where results come the same way, it listens to a worker only while that has nothing: the first thing that
//! comes after that ends it, and a while later it listens again if the worker has nothing. So busy workers wake it some times a
//! second and no more, and no task pays for it.
//!
//! A ring makes no sound. It is looked at, by a load, before a worker that has nothing gets something; and whenever responses are.

use std::time::{Duration, Instant};

use super::scheduler::WorkerId;
use super::slot::{Phase, Slot};
use super::state::State;
use super::supervisor::{CONTROL, Supervisor, TURN, token};
use crate::config::Transport;
use crate::link::{LinkError, Upto};
use crate::os::events::Watch;

/// So long after a worker had something to say the supervisor listens to it again.
const LISTENS_AGAIN: Duration = Duration::from_millis(100);
/// More turns' worth no worker of sound mind has to say when it has nothing.
const TURNS: u32 = 4;

impl Supervisor {
    /// Something came on the socket of a worker that serves, or leaves, on the socket link.
    pub(super) fn hear_on_data_socket(&mut self, state: &mut State, id: WorkerId) {
        if state.has_nothing(id) {
            for _ in 0..TURNS {
                state.receive_from(id, Upto::Published);
                if !state.slots[id].has_news() {
                    break;
                }
            }
            if state.has_nothing(id) && state.slots[id].has_news() {
                state.give_up(id, &LinkError::broken("it talks without end although it has nothing"));
            }
            state.mind_half_message(id);
        }
        // What it says about its tasks is read with them, and after an end there is nothing to hear.
        if !state.has_nothing(id)
            && let Some(link) = &state.slots[id].link
        {
            self.watcher.remove(link.bell());
            state.slots[id].unheard = true;
        }
    }

    /// Listens again to those that have nothing.
    pub(super) fn listen_again(&mut self) {
        if self.engine.transport != Transport::Socket || self.listened.elapsed() < LISTENS_AGAIN {
            return;
        }
        self.listened = Instant::now();
        let mut state = self.engine.lock();
        for id in 0..state.slots.len() {
            if state.slots[id].unheard
                && state.has_nothing(id)
                && let Some(link) = &state.slots[id].link
            {
                // What came meanwhile is told at once. Should it not be possible now, there is a next time.
                let watched = self.watcher.add(link.bell(), token(id, CONTROL), Watch::Level);
                state.slots[id].unheard = watched.is_err();
            }
        }
    }

    /// When that is due, if it is.
    pub(super) fn listens_again_in(&self, slots: &[Slot]) -> Option<Duration> {
        let any = slots.iter().any(|slot| slot.unheard && matches!(slot.phase, Phase::Ready));
        any.then(|| LISTENS_AGAIN.saturating_sub(self.listened.elapsed()).max(TURN))
    }
}

impl Slot {
    fn has_news(&self) -> bool {
        !self.mute && self.link.as_ref().is_some_and(|link| link.has_news())
    }
}

impl State {
    /// It serves, and nothing is asked of it.
    fn has_nothing(&self, id: WorkerId) -> bool {
        let slot = &self.slots[id];
        matches!(slot.phase, Phase::Ready) && !slot.mute && self.sched.workers[id].held.is_empty()
    }

    /// Whether a worker that was to get something has said something before that it cannot have to say, and is given up.
    pub(super) fn has_misspoken(&mut self, id: WorkerId) -> bool {
        if self.slots[id].link.as_ref().is_none_or(|link| link.is_quiet()) {
            return false;
        }
        // A measurement, or the end of a group whose results came before, are in order.
        self.receive_from(id, Upto::Complete);
        !self.sched.workers[id].ready
    }

    /// Whether a worker that is to get a task which may begin once only, and has nothing, could not say that it begins: what it has done to its socket
    /// before is heard first. It is given up if it closed it, or said something wrong, or nothing where it should have.
    pub(super) fn cannot_say_what_begins(&mut self, id: WorkerId) -> bool {
        let Some(link) = self.slots[id].link.as_mut().filter(|link| link.control().is_some()) else {
            return false;
        };
        match link.attend() {
            Ok(_) if link.owes_word() => {
                self.condemn(id, &LinkError::broken("it began a task that may begin once only, and did not say so"));
            }
            Ok(_) => self.mind_half_message(id),
            Err(error) => self.condemn(id, &error),
        }
        !self.sched.workers[id].ready || self.slots[id].half_message
    }

    /// What a ring says of which nothing is to come.
    pub(super) fn look_at_idle_ring(&mut self, id: WorkerId) {
        if self.has_nothing(id) && self.slots[id].link.as_ref().is_some_and(|link| !link.must_ask()) {
            self.receive_from(id, Upto::Complete);
        }
    }

    /// A worker that has nothing and has begun a message gets nothing before the message is whole: what it said of a task would be taken
    /// for the rest of it. How long that may take, `deadlines` says.
    pub(super) fn mind_half_message(&mut self, id: WorkerId) {
        let half = self.has_nothing(id) && self.slots[id].link.as_ref().is_some_and(|link| link.is_mid_message());
        if half == self.slots[id].half_message {
            return;
        }
        self.slots[id].half_message = half;
        match half {
            true => self.sched.workers[id].closed += 1,
            false => self.opens(id),
        }
    }
}
