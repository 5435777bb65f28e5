//! Work moves from a slow worker to idle ones when nothing else is left for them.
//!
//! What a worker was sent after some was taken back from it is moved like the rest: it passes the marks only when its
//! running task ends, which may be never. Only an answer that is awaited is waited for.

use super::{Action, Scheduler, WorkerId};

/// Work worth taking back from a slow worker, in nanoseconds: less than this is done before it has moved.
const WORTH_MOVING: u64 = 200_000;

/// An owner who has not fed idle workers for so long, in nanoseconds, is not going to.
const OWNER_FEEDS: u64 = 2_000_000;

impl Scheduler {
    /// Moves work from a slow worker to idle ones when nothing else is left for them.
    pub(super) fn looked(&mut self, id: WorkerId, stalled_ns: u64, actions: &mut Vec<Action>) {
        let idle = self.workers.iter().filter(|worker| worker.takes_tasks() && worker.held.is_empty()).count();
        let worker = &self.workers[id];
        // What it got after it was asked for tasks before may wait behind the same long task.
        if idle == 0 || self.queued() || worker.unanswered > 0 {
            return;
        }
        let Some(job) = worker.held.back().and_then(|last| self.jobs.get(&last.job)) else {
            return;
        };
        // The job's owner will feed the idle workers by itself, unless it has brought all it may for now.
        if job.input_open && !job.calls && stalled_ns < OWNER_FEEDS {
            return;
        }
        let unstarted = worker.tasks_held().saturating_sub(1);
        let each = (job.nanos_per_task() as u64).max(stalled_ns);
        if unstarted == 0 || unstarted.saturating_mul(each) < WORTH_MOVING {
            return;
        }
        // Its share of what is left stays with it, unless its running task takes for ever.
        let share = if stalled_ns > WORTH_MOVING { 0 } else { unstarted / (idle as u64 + 1) };
        let lo = worker.next_ordinal_held().saturating_add(1 + share);
        if lo < worker.next_ordinal {
            actions.push(Action::Withdraw { worker: id, lo, hi: worker.next_ordinal });
        }
    }
}

#[cfg(test)]
mod tests {
    use mpexec_wire::FunctionKind;

    use super::super::{Event, Function, Job};
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn looked_at(sched: &mut Scheduler) -> Vec<Action> {
        let mut actions = Vec::new();
        sched.handle(Event::Looked { worker: 0, stalled_ns: SECOND }, &mut actions);
        actions
    }

    #[test]
    fn what_was_sent_behind_work_that_was_taken_back_moves_too() {
        let mut sched = Scheduler::new(2, u64::MAX);
        for id in 0..2 {
            sched.handle(Event::Ready(id), &mut Vec::new());
        }
        sched.open_job(7, Job::new(Function { kind: FunctionKind::Offset, id: 1 }, 1));
        sched.set_input_open(7, false);
        sched.sent(0, 7, 0, 5, 1);
        assert_eq!(looked_at(&mut sched), [Action::Withdraw { worker: 0, lo: 1, hi: 5 }]);
        sched.handle(Event::TakenBack { worker: 0, from: 1, to: 5 }, &mut Vec::new());
        assert_eq!(looked_at(&mut sched), [], "nothing is left but what runs");
        sched.sent(0, 7, 5, 3, 1);
        assert_eq!(looked_at(&mut sched), [Action::Withdraw { worker: 0, lo: 1, hi: 8 }]);
        sched.workers[0].unanswered = 1;
        assert_eq!(looked_at(&mut sched), [], "it was asked already");
    }
}
