//! Work moves from a slow worker to idle ones when nothing else is left for them; and behind a task that takes long nothing waits, whatever
//! else there is to do: what comes first is to begin first, and may be done in no time.
//!
//! What a worker was sent after some was taken back from it is moved like the rest: it passes the marks only when its
//! running task ends, which may be never. Only an answer that is awaited is waited for.

use super::{Action, Scheduler, WorkerId};

/// Work worth taking back from a slow worker, in nanoseconds: less than this is done before it has moved.
const WORTH_MOVING: u64 = 200_000;

/// An owner who has not fed idle workers for so long, in nanoseconds, is not going to.
const OWNER_FEEDS: u64 = 2_000_000;

/// Behind a task that has been running for so long, in nanoseconds, nothing waits: beside that it is little to be given the next one only at its end.
const LONG: u64 = 20_000_000;

impl Scheduler {
    /// Moves work from a slow worker to idle ones when nothing else is left for them.
    pub(super) fn looked(&mut self, id: WorkerId, stalled_ns: u64, actions: &mut Vec<Action>) {
        let idle = self.workers.iter().filter(|worker| worker.takes_tasks() && worker.held.is_empty()).count();
        let worker = &self.workers[id];
        // What it got after it was asked for tasks before may wait behind the same long task.
        if worker.unanswered > 0 {
            return;
        }
        let Some(job) = worker.held.back().and_then(|last| self.jobs.get(&last.job)) else {
            return;
        };
        // Where the caller has chosen what travels together, that stays together as long as there is other work.
        let is_long = stalled_ns >= LONG && job.chunk.is_none() && self.ready() > 1;
        if is_long {
            let worker = &mut self.workers[id];
            let running = worker.next_ordinal_held();
            worker.held_up_in = Some(running);
            if worker.tasks_held() > 1 {
                actions.push(Action::Withdraw { worker: id, lo: running + 1, hi: worker.next_ordinal });
            }
            return;
        }
        if idle == 0 || self.queued() {
            return;
        }
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

    use super::super::{Event, Function, Job, Run};
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// A scheduler whose two workers have shaken hands, with one open job.
    fn ready(chunk: Option<u32>) -> Scheduler {
        let mut sched = Scheduler::new(2, u64::MAX);
        for id in 0..2 {
            sched.handle(Event::Ready(id), &mut Vec::new());
        }
        sched.open_job(7, Job { chunk, ..Job::new(Function { kind: FunctionKind::Offset, id: 1 }, 1) });
        sched
    }

    fn looked_at(sched: &mut Scheduler) -> Vec<Action> {
        let mut actions = Vec::new();
        sched.handle(Event::Looked { worker: 0, stalled_ns: SECOND }, &mut actions);
        actions
    }

    #[test]
    fn what_was_sent_behind_work_that_was_taken_back_moves_too() {
        let mut sched = ready(None);
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

    /// Work enough for everybody, of which the first worker has begun the first task.
    fn busy(chunk: Option<u32>) -> Scheduler {
        let mut sched = ready(chunk);
        sched.sent(0, 7, 0, 2, 1);
        sched.sent(1, 7, 2, 1, 1);
        sched.push(7, Run { first: 3, count: 1, attempt: 1, bytes: vec![0; 8], from: 0 });
        sched
    }

    #[test]
    fn nothing_waits_behind_a_long_task_though_there_is_more_to_do() {
        let mut sched = busy(None);
        let mut actions = Vec::new();
        sched.handle(Event::Looked { worker: 0, stalled_ns: LONG - 1 }, &mut actions);
        assert_eq!(actions, [], "it is not long yet");
        assert_eq!(looked_at(&mut sched), [Action::Withdraw { worker: 0, lo: 1, hi: 2 }]);
        sched.handle(Event::TakenBack { worker: 0, from: 1, to: 2 }, &mut Vec::new());
        assert_eq!(sched.plan().map(|plan| plan.worker), Some(1), "nor does it get more as long as it runs");
        sched.sent(1, 7, 3, 1, 1);
        sched.sent(1, 7, 4, 1, 1);
        assert_eq!(sched.plan().map(|plan| plan.worker), Some(1));
        sched.settle(0, 0, 0, 1).unwrap();
        assert_eq!(sched.plan().map(|plan| plan.worker), Some(0), "it is over");
    }

    #[test]
    fn what_was_chosen_to_travel_together_stays_together_as_long_as_there_is_other_work() {
        let mut sched = busy(Some(2));
        assert_eq!(looked_at(&mut sched), []);
    }
}
