//! Forks of the process that has the pool.
//!
//! A fork has a copy of all that is known here, and the same sockets and shared memory. Were it to take a result or to send a task, its parent would lose
//! the one and get an answer to the other. So what it drops is left alone, and with the first use its copy is cut off from the workers: what has
//! come by then is there, all else ends with an error, in the fork alone. Whoever wanted to be told of that in the parent is told there; who asks
//! in the fork is told in it.

use std::sync::{MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use super::Engine;
use super::scheduler::JobId;
use super::state::{Baton, Life, State};
use crate::error::{PoolError, TaskError};
use crate::os::fork;

/// A thread that held the lock at the fork is not there in it, and gives it back to nobody.
const HELD_FOR_EVER: Duration = Duration::from_secs(1);
/// How often that is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A number that no fork of this process has.
#[inline]
pub(crate) fn this_process() -> u32 {
    fork::this_process()
}

impl Engine {
    /// Whether this process is a forked child of the one that built the pool.
    #[inline]
    pub(crate) fn is_a_forks(&self) -> bool {
        this_process() != self.built_by
    }

    /// The lock of a fork's copy, which is cut off from the workers.
    #[cold]
    pub(super) fn lock_in_a_fork(&self) -> MutexGuard<'_, State> {
        let since = Instant::now();
        let mut state = loop {
            match self.state.try_lock() {
                Ok(state) => break state,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if since.elapsed() < HELD_FOR_EVER => std::thread::sleep(LOOK_AGAIN),
                // There is no state to answer from, and to wait would be to hang.
                Err(TryLockError::WouldBlock) => {
                    panic!("a thread of the parent was at this pool when it forked this process: {}", PoolError::Forked)
                }
            }
        };
        if !state.forked {
            state.cut_off();
        }
        state
    }
}

impl State {
    fn cut_off(&mut self) {
        self.forked = true;
        (self.life, self.ended, self.baton) = (Life::Terminated, true, Baton::Free);
        for (slot, worker) in self.slots.iter_mut().zip(&mut self.sched.workers) {
            worker.ready = false;
            // Dropped, it would take its worker along.
            std::mem::forget(std::mem::take(slot));
        }
        // Who waited was another thread, and is not there; and these bells ring in the parent.
        for waiter in self.parked.drain(..).chain(self.hungry.drain(..)) {
            std::mem::forget(waiter);
        }
        std::mem::forget((self.kick.take(), self.wake.take()));
        let jobs: Vec<JobId> = self.jobs.keys().copied().collect();
        for id in jobs {
            self.break_job(id, &TaskError::Pool(PoolError::Forked));
        }
        // What was to run once the lock is released is the parent's: its callbacks and wakers.
        std::mem::forget((
            std::mem::take(&mut self.after),
            std::mem::take(&mut self.trash),
            std::mem::take(&mut self.unused),
            std::mem::take(&mut self.worn),
            self.lendings.take(),
        ));
    }
}
