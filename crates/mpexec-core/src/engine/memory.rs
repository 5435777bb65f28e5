//! Watching the workers' memory: who has grown too large is replaced after its task; who has more than it may have is killed with
//! it.
//!
//! The pool's limit is a wall first: the kernel refuses a worker what would take it beyond. The look finds what no wall is built
//! against: memory that was written and then closed to writing, the main stack. A call's own limit has the look alone: tasks of
//! a batch follow each other without a word, and a wall that is late would stand before the next one.

use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Engine;
use super::limits::LOOKS;
use super::scheduler::{Worker, WorkerId};
use super::slot::{Overrun, Slot};
use super::state::State;
use crate::config::Transport;
use crate::os::memory::own_memory;
use crate::os::oom::{MemoryRanOut, OomKills};

/// While work is outstanding, the workers' memory is looked at so often.
pub(super) const MEMORY_LOOK: Duration = Duration::from_millis(20);

/// A look at the workers' memory.
#[derive(Debug)]
pub(super) struct MemoryLook {
    at: Instant,
    /// How many tasks had been finished by then.
    pub finished: u64,
}

impl Engine {
    /// Whether workers' memory is to be looked at whatever they run.
    pub(super) fn minds_memory(&self) -> bool {
        self.config.most_memory.is_some() || self.config.memory_limit.is_some()
    }

    /// Looks at workers' memory, if it is time.
    pub(super) fn watch_memory(&self, looked: &mut Option<MemoryLook>) {
        if looked.as_ref().is_some_and(|look| look.at.elapsed() < MEMORY_LOOK) {
            return;
        }
        let (most, limit) = (self.config.most_memory, self.config.memory_limit);
        let up: Vec<_> = {
            let mut state = self.lock();
            if !self.minds_memory() && !state.sched.limits_memory() {
                return;
            }
            *looked = Some(MemoryLook { at: Instant::now(), finished: state.sched.finished });
            // One that has done nothing yet would be no smaller when it is replaced.
            let worked = |slot: &Slot, worker: &Worker| worker.is_up() && worker.finished > u64::from(slot.hooks);
            let up = |id: &WorkerId| state.slots[*id].child.is_some() && state.sched.workers[*id].ready;
            let up: Vec<_> = (0..state.slots.len()).filter(up).collect();
            up.into_iter()
                .map(|id| {
                    let task = state.now_in(id);
                    let own = task.and_then(|task| state.sched.job(state.sched.workers[id].job_of(task)?)?.memory);
                    let (slot, worker) = (&state.slots[id], &state.sched.workers[id]);
                    (id, slot.pid, worked(slot, worker), task, own.into_iter().chain(limit).min())
                })
                .collect()
        };
        for (id, pid, worked, task, task_limit) in up {
            let most = most.filter(|_| worked).into_iter().chain(limit).min();
            let Some(least) = most.into_iter().chain(task_limit).min() else {
                continue;
            };
            // Not under the lock: it reads a file.
            let Some(bytes) = own_memory(pid).filter(|bytes| *bytes > least) else {
                continue;
            };
            let mut state = self.lock();
            if state.slots[id].pid != pid {
                continue;
            }
            if let Some(limit) = task_limit.filter(|limit| bytes > *limit)
                && state.exceeds(id, task, Overrun::Memory { limit, had: Some(bytes) })
            {
                continue;
            }
            // Too large for the task that it ran, and for nobody else.
            let Some(least) = most.filter(|most| bytes > *most) else {
                continue;
            };
            state.retire(id);
            state.dispatch();
            self.leave(&mut state);
            drop(state);
            self.note(&format!(
                "worker {id} (pid {pid}) has {bytes} bytes of memory, more than {least}: it is replaced after its task"
            ));
        }
    }
}

impl Engine {
    fn oom_kills(&self) -> MutexGuard<'_, Option<OomKills>> {
        self.oom_kills.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note, now and then, of how many processes the kernel has killed because memory had run out.
    pub(super) fn watch_oom_kills(&self) {
        if self.transport != Transport::Memory {
            self.oom_kills().get_or_insert_with(OomKills::new).look();
        }
    }

    /// Whether it did so of late. Not under the lock: it reads a file.
    pub(super) fn memory_ran_out(&self) -> Option<MemoryRanOut> {
        self.oom_kills().as_ref()?.of_late()
    }
}

impl State {
    /// The task that worker `id` is in.
    fn now_in(&mut self, id: WorkerId) -> Option<u64> {
        let told = self.slots[id].progress();
        self.in_task(id, told)
    }

    /// Worker `id` has more memory than it may. `before`: the task that it was in before it was looked at. `false`: it is in none.
    fn exceeds(&mut self, id: WorkerId, before: Option<u64>, why: Overrun) -> bool {
        let Some(task) = self.now_in(id) else {
            return false;
        };
        // Between two tasks it cannot be said whose memory that was: at the next look the same will be found, or less.
        if before == Some(task) && self.sched.workers[id].ready && self.slots[id].expiring.is_none() {
            // The worker's answer, if one is needed, is awaited beside the limits of time.
            self.looks.get_or_insert(LOOKS.0);
            self.expire(id, task, why);
        }
        true
    }
}
