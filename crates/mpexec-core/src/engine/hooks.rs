//! Hooks: what a worker runs before its first task, and after its last.
//!
//! A hook is a task like any other, sent to one worker alone: so a hook that panics, or dies with its worker, ends as a task
//! does, with the same words, and its result comes back as every result does. The tasks of a worker wait for its start hook.

use std::collections::VecDeque;

use super::outcomes::{Bytes, Farewell, Outcome, told};
use super::scheduler::{END_HOOK, Event, Function, Job, JobId, Run, START_HOOK, Worker, WorkerId};
use super::state::State;
use crate::config::Hooks;
use crate::error::{PoolError, TaskError};

/// A task without arguments.
const NO_ARGUMENTS: [u8; mpexec_wire::ENTRY_HEADER] = [0; mpexec_wire::ENTRY_HEADER];

/// So many results of end hooks wait to be fetched at most; the oldest are dropped.
const MOST_FAREWELLS: usize = 10_000;

fn keep_latest<T>(kept: &mut VecDeque<T>, latest: T) {
    if kept.len() >= MOST_FAREWELLS {
        kept.pop_front();
    }
    kept.push_back(latest);
}

impl State {
    /// Makes the hooks known to the scheduler.
    pub(super) fn keep_hooks(&mut self, hooks: &Hooks) {
        let offset = |id| Function { kind: mpexec_wire::FunctionKind::Offset, id };
        for (job, hook) in [(START_HOOK, hooks.start), (END_HOOK, hooks.end)] {
            if let Some(hook) = hook {
                let mut job_of_hooks = Job::new(offset(hook), 1);
                job_of_hooks.input_open = false;
                job_of_hooks.calls = true;
                job_of_hooks.limit = hooks.limit;
                self.sched.open_job(job, job_of_hooks);
            }
        }
    }

    /// Sends a hook to a worker, if the pool has it. `true`: it is on its way.
    fn send_hook(&mut self, id: WorkerId, hook: JobId) -> bool {
        if self.sched.job(hook).is_none() {
            return false;
        }
        // It is none of the tasks that the worker may run.
        let worker = &mut self.sched.workers[id];
        worker.most = worker.most.saturating_add(1);
        let run = Run { first: id as u64, count: 1, attempt: 1, bytes: NO_ARGUMENTS.to_vec(), from: 0 };
        if let Some(limit) = self.sched.job(hook).and_then(Job::shortest_limit) {
            self.mind_limit(limit);
        }
        match self.send(id, hook, &run) {
            Ok(sent) => {
                // The supervisor watches the time that it takes.
                if let Some(wake) = &self.wake {
                    wake.ring();
                }
                sent
            }
            Err(error) => {
                self.cannot_send(id, &error);
                true
            }
        }
    }

    /// The worker of place `id` has shaken hands: its start hook comes first.
    pub(super) fn welcome(&mut self, id: WorkerId) {
        self.post_context(id);
        self.handle(Event::Ready(id), |_, _, _| {});
        if self.send_hook(id, START_HOOK) {
            self.sched.workers[id].warming = true;
        } else {
            self.open_for_work(id);
        }
    }

    /// The worker of place `id` takes tasks.
    fn open_for_work(&mut self, id: WorkerId) {
        self.sched.workers[id].warming = false;
        self.record_ready(id);
        self.started.get_or_insert(Ok(()));
        self.dispatch();
        self.wake_all();
    }

    /// Asks the worker for its end hook, once. `true`: it is on its way.
    pub(super) fn send_end_hook(&mut self, id: WorkerId) -> bool {
        if std::mem::replace(&mut self.slots[id].farewell_asked, true) {
            return false;
        }
        self.send_hook(id, END_HOOK)
    }

    /// A hook has ended in the worker of place `id`; `outcome` as for a call.
    pub(super) fn hook_ended(&mut self, hook: JobId, id: WorkerId, outcome: Outcome) {
        if matches!(outcome, Outcome::Came(..)) {
            self.slots[id].hooks += 1;
        }
        if hook == END_HOOK {
            let farewell = Farewell { worker: id, pid: self.slots[id].pid, outcome };
            return keep_latest(&mut self.farewells, farewell);
        }
        if self.slots[id].dismissed {
            // It was told to leave before it was through.
            return;
        }
        let error = match outcome {
            Outcome::Came(mpexec_wire::Status::Ok, _) => return self.open_for_work(id),
            Outcome::Came(status, bytes) => told(status, bytes.as_slice()),
            Outcome::Failed(error) => *error,
        };
        let message = match error {
            TaskError::Returned(error) => format!("{error:#}"),
            other => other.to_string(),
        };
        let slot = &mut self.slots[id];
        let error = PoolError::StartHook { worker: id, pid: slot.pid, message };
        // It is of no use, and its end is no death: nobody is charged for it twice.
        slot.dismissed = true;
        slot.kill();
        // The supervisor awaits its end. That of a thread it has to look for.
        if let Some(wake) = &self.wake {
            wake.ring();
        }
        self.sched.workers[id].ready = false;
        self.started.get_or_insert(Err(error.clone()));
        // No worker is started before the next call, which may find that the reason is gone.
        self.crash_looped = true;
        if self.sched.workers.iter().any(Worker::is_up) {
            // Others serve the calls that wait.
            self.news.push(error.to_string());
        } else {
            self.end_calls(&error);
        }
        self.wake_all();
    }

    /// The waiting calls end with one clear error; the next one starts afresh.
    pub(super) fn end_calls(&mut self, error: &PoolError) {
        let jobs: Vec<_> = self.jobs.keys().copied().collect();
        for id in jobs {
            self.break_job(id, &TaskError::Pool(error.clone()));
        }
    }

    /// Whoever waits may have news.
    pub(super) fn wake_all(&self) {
        for waiter in &self.parked {
            waiter.wake();
        }
        // Whoever sleeps on the bells may have tasks to encode, too.
        if let Some(kick) = &self.kick {
            kick.ring();
        }
    }

    /// Results of a hook: it has one task.
    pub(super) fn take_hook(&mut self, hook: JobId, id: WorkerId, results: &[u8]) {
        // Bytes were checked when the group was split, so no entry is an error here.
        for entry in mpexec_wire::Results::new(results, 0, 0).flatten() {
            self.hook_ended(hook, id, Outcome::Came(entry.status, Bytes::of(entry.payload)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_results_that_nobody_fetches_the_latest_are_kept() {
        let mut kept = VecDeque::new();
        (0..MOST_FAREWELLS + 5).for_each(|n| keep_latest(&mut kept, n));
        assert!(kept.into_iter().eq(5..MOST_FAREWELLS + 5));
    }
}
