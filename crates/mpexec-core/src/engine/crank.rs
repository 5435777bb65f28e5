//! Whoever waits turns the crank.
//!
//! A thread that waits for a result takes the baton, sleeps on the workers' bells and drives all jobs while it waits, so
//! that its own result crosses no thread. Others that wait meanwhile are parked and woken when their news has come. Who
//! leaves hands the baton to one of these, or tells the supervisor if work is outstanding that nobody waits for.
//!
//! Only who has the baton takes results out of the links, or whoever comes by while nobody has it: were one to take the
//! result for which another sleeps on the bells, that one would not be rung for it.
//!
//! The baton is a role, not a lock: the lock is held for moments only, and never while anything of the user's runs.
//! [`Held`] hands callbacks over in the order of their calls, and releases it before it wakes futures.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mpexec_ring::{current_cpu, spin};

use super::Engine;
use super::callbacks::Callbacks;
use super::outcomes::Hook;
use super::scheduler::WorkerId;
use super::state::{Baton, LOOK, Life, State};
use super::waiter::Waiter;
use crate::config::Transport;
use crate::link::Upto;

/// So long what a job has sent ahead is looked for before more of it is sent: to wake a worker takes as long, where its processor sleeps.
const SCOUT: Duration = Duration::from_micros(100);

/// The lock, held.
pub(crate) struct Held<'a> {
    engine: &'a Engine,
    state: Option<MutexGuard<'a, State>>,
}

impl Deref for Held<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        self.state.as_ref().expect("the guard is there until the drop")
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.state.as_mut().expect("the guard is there until the drop")
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let Some(mut state) = self.state.take() else {
            return;
        };
        if !state.has_errands() {
            return;
        }
        let (mut after, trash) = (std::mem::take(&mut state.after), std::mem::take(&mut state.trash));
        // In the order of their calls' ends, and so still under the lock: another thread may have the next one at once.
        if after.iter().any(|hook| matches!(hook, Hook::Callback(_))) {
            let queued = |hook| match hook {
                Hook::Callback(call) => {
                    self.engine.callbacks().run(call);
                    None
                }
                other => Some(other),
            };
            after = after.into_iter().filter_map(queued).collect();
        }
        let unused = (std::mem::take(&mut state.unused), std::mem::take(&mut state.worn));
        drop(state);
        drop(unused);
        let aside = |errand| {
            let wakers = self.engine.wakers.get_or_init(|| Callbacks::start_for_wakers().ok());
            wakers.as_ref().unwrap_or_else(|| self.engine.callbacks()).run(errand);
        };
        for hook in after {
            match hook {
                Hook::Thread(waiter) => waiter.wake(),
                Hook::Arrival(arrivals, number) => arrivals.add(number),
                // Whoever turns the crank may be the supervisor, or a thread that waits for something else.
                Hook::Task(waker) => aside(Box::new(move || waker.wake())),
                Hook::Callback(call) => self.engine.callbacks().run(call),
            }
        }
        for job in trash {
            if job.has_user_values() {
                aside(Box::new(move || drop(job)));
            }
        }
    }
}

impl Engine {
    pub(crate) fn lock(&self) -> Held<'_> {
        let state = match self.is_a_forks() {
            // A panic of ours under the lock would be a bug; the state is still the best there is.
            false => self.state.lock().unwrap_or_else(PoisonError::into_inner),
            true => self.lock_in_a_fork(),
        };
        Held { engine: self, state: Some(state) }
    }

    /// Work was submitted that its caller does not wait for: somebody must turn the crank.
    pub(crate) fn alert(&self, state: &mut State) {
        if state.baton == Baton::Free && !state.alerted {
            state.alerted = true;
            self.wake.ring();
        }
    }

    /// Waits until `ready` says so, turning the crank meanwhile. `None`: the time was up.
    ///
    /// `ready` runs under the lock; it must not run anything of the user's. It is told this thread's waiter when the
    /// thread is about to be parked, so that it can leave word where its news will come.
    pub(crate) fn drive<T>(
        &self,
        deadline: Option<Instant>,
        ready: impl FnMut(&mut State, Option<&Arc<Waiter>>) -> Option<T>,
    ) -> Option<T> {
        self.drive_on(self.lock(), false, deadline, ready)
    }

    /// As [`Engine::drive`], for who holds the lock. `turned`: and has turned the crank under it.
    pub(crate) fn drive_on<'e, T>(
        &'e self,
        mut state: Held<'e>,
        mut turned: bool,
        deadline: Option<Instant>,
        mut ready: impl FnMut(&mut State, Option<&Arc<Waiter>>) -> Option<T>,
    ) -> Option<T> {
        loop {
            if !std::mem::take(&mut turned) {
                state.turn_if_free();
            }
            self.wind_down(&mut state);
            if let Some(value) = ready(&mut state, None) {
                self.leave(&mut state);
                return Some(value);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                self.leave(&mut state);
                return None;
            }
            if state.has_errands() {
                // They run user code: not while this thread has the baton, and others go on meanwhile.
                self.leave(&mut state);
                drop(state);
                state = self.lock();
                continue;
            }
            if state.baton != Baton::Free && state.sched.end_scouting() {
                // Who is parked looks for nothing, and who has the baton may be asleep.
                continue;
            }
            if state.baton == Baton::Free {
                state.baton = Baton::Waiter;
                let limit =
                    if state.holds_more_than_runs() { Some(left.map_or(LOOK, |left| left.min(LOOK))) } else { left };
                state.sleeps_long = limit.is_none_or(|limit| limit > LOOK);
                let rung;
                (state, rung) = self.sleep_on_bells(state, limit);
                state.sleeps_long = false;
                state.baton = Baton::Free;
                self.hear_the_idle(&mut state, &rung);
            } else {
                let waiter = Waiter::current();
                if let Some(value) = ready(&mut state, Some(&waiter)) {
                    self.leave(&mut state);
                    return Some(value);
                }
                state.parked.push(waiter.clone());
                if state.baton == Baton::Supervisor {
                    self.kick.ring();
                }
                drop(state);
                waiter.sleep(left);
                state = self.lock();
                state.parked.retain(|other| !Arc::ptr_eq(other, &waiter));
                state.hungry.retain(|other| !Arc::ptr_eq(other, &waiter));
            }
        }
    }

    /// A closed pool whose work is done: the supervisor sends the workers home. It cannot see that by itself.
    fn wind_down(&self, state: &mut State) {
        if state.life == Life::Closed && !state.winding_down && !state.sched.work_left() {
            state.winding_down = true;
            self.wake.ring();
        }
    }

    /// Hands the baton on. What was done last may have been the last work of a closed pool.
    pub(crate) fn leave(&self, state: &mut State) {
        self.wind_down(state);
        if state.baton != Baton::Free {
            return;
        }
        if let Some(heir) = state.parked.first() {
            heir.wake();
        } else if state.sched.moving() {
            self.alert(state);
        }
    }

    /// Sleeps until a worker rings, the sleeper is kicked, or the time is up.
    ///
    /// Returns who rang, with the lock. Where nobody looks at a result before the last, workers ring for more tasks only: each ring takes
    /// processor time from one of them where they have all processors.
    pub(crate) fn sleep_on_bells<'e>(&'e self, mut state: Held<'e>, limit: Option<Duration>) -> (Held<'e>, Vec<u64>) {
        let own = current_cpu();
        self.page.set_cpu(own);
        state.cpu = own;
        let scouting = state.sched.scouting();
        let budget = match state.spin_budget(own) {
            budget if scouting && !budget.is_zero() => SCOUT,
            budget => budget,
        };
        let deep = state.sched.nobody_hurries();
        drop(state);
        let limit = if scouting { Some(limit.map_or(SCOUT, |limit| limit.min(SCOUT))) } else { limit };
        let budget = limit.map_or(budget, |limit| budget.min(limit));
        let mut found = None;
        let news = || {
            found = Some(self.lock()).filter(|state| state.any_news());
            found.is_some()
        };
        if !budget.is_zero()
            && spin(budget, news)
            && let Some(state) = found
        {
            return (state, Vec::new());
        }
        if scouting && !budget.is_zero() {
            return (self.without_scouts(), Vec::new());
        }
        match deep {
            true => self.page.sleep_deep(),
            false => self.page.set_sleeping(true),
        }
        // A worker that published before it could see that we sleep did not ring.
        let state = self.lock();
        if state.any_news() {
            self.page.set_sleeping(false);
            return (state, Vec::new());
        }
        drop(state);
        let mut tokens = Vec::new();
        let slept = self.bells.wait(limit, &mut tokens);
        self.page.set_sleeping(false);
        self.page.set_cpu(current_cpu());
        if slept.is_err() {
            // Should the kernel refuse to wait, be a poor poller rather than a busy one.
            std::thread::park_timeout(LOOK);
        }
        let state = if scouting && tokens.is_empty() { self.without_scouts() } else { self.lock() };
        (state, tokens)
    }

    /// What was sent ahead is not back soon: the rest of its job waits for it no longer.
    fn without_scouts(&self) -> Held<'_> {
        let mut state = self.lock();
        state.sched.end_scouting();
        state
    }

    /// A turn of the crank passes over workers that hold nothing. One of these that sends all the same would keep its socket
    /// readable, and whoever waits awake.
    pub(crate) fn hear_the_idle(&self, state: &mut State, rung: &[u64]) {
        if self.transport != Transport::Socket {
            return;
        }
        for id in rung.iter().filter_map(|token| WorkerId::try_from(*token).ok()) {
            if state.sched.workers.get(id).is_some_and(|worker| worker.held.is_empty()) {
                state.receive_from(id, Upto::Published);
            }
        }
    }

    /// Whether new calls are taken, and if not why.
    pub(crate) fn refuses(&self, state: &State) -> Option<crate::error::TaskError> {
        if self.is_served_here() {
            return Some(crate::error::TaskError::Pool(crate::error::PoolError::CallInTask));
        }
        if state.forked {
            return Some(crate::error::TaskError::Pool(crate::error::PoolError::Forked));
        }
        let closed = match state.life {
            Life::Open => return None,
            Life::Closed => "closed",
            Life::Terminated => "terminated",
        };
        Some(crate::error::TaskError::PoolClosed { state: closed })
    }
}
