//! Killing a worker for a task that has had more than it may: time, processor time, memory.
//!
//! What lies behind the task in its worker is taken back first, so that the kill strikes no other task; should the task end
//! just then, its worker lives on.

use std::time::{Duration, Instant};

use super::limits::LOOKS;
use super::scheduler::WorkerId;
use super::slot::{Expiring, Overrun};
use super::state::State;
use crate::link::Upto;

/// For so long a worker may leave unanswered what was asked back from it, before it is killed all the same.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);

impl State {
    /// The task that worker `id` runs has had more than it may. `Some`: when to look again.
    pub(super) fn expire(&mut self, id: WorkerId, task: u64, why: Overrun) -> Option<Duration> {
        self.sched.workers[id].closed += 1;
        self.slots[id].expiring = Some(Expiring { task, asked: Instant::now(), why });
        let hi = self.sched.workers[id].next_ordinal;
        if task + 1 < hi {
            self.withdraw(id, task + 1, hi);
        }
        self.end_overrun(id)
    }

    /// Kills the worker if it still runs the task, as soon as nothing else can be struck. `Some`: when to look again.
    pub(super) fn end_overrun(&mut self, id: WorkerId) -> Option<Duration> {
        let Expiring { task, asked, why } = self.slots[id].expiring?;
        // It may be over, and whoever turns the crank has not come to take in the news.
        self.receive_from(id, Upto::Complete);
        // It is over when its result is here, and not when its worker tells that it runs another.
        if self.sched.workers[id].job_of(task).is_none() {
            // It ended just in time.
            self.slots[id].expiring = None;
            self.opens(id);
            return None;
        }
        if !self.sched.workers[id].has_only(task) && asked.elapsed() < PATIENCE {
            // What lies behind it is not given back yet; or it has begun, and then the task is over: the news is on its way.
            return Some(LOOKS.0);
        }
        self.slots[id].overran = Some((task, why));
        self.sentence(id);
        None
    }
}
