//! The pure scheduler: which worker holds which tasks, what goes out next, what is taken back, who is charged.
//!
//! No I/O, no clock, no threads, no types of the user: tasks are bytes and an index. Everything that happened is told to
//! it ([`Event`]), what to do comes back ([`Action`]); what may be sent next is asked for ([`Scheduler::plan`]) because
//! only the engine knows how much room a link has. The one table that says which worker holds which tasks is
//! [`Worker`]'s queue of [`Held`] batches.
//!
//! A task travels once through here: its encoded bytes wait in a [`Run`] of its job, are cut off and sent, and are
//! forgotten when its outcome is settled. Only a death or a taking back brings bytes back, and then to the front.

mod events;
mod flow;
mod held;
mod job;
mod moving;
mod pace;
mod questions;
mod scouting;
mod terms;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use mpexec_wire::Entry;

use super::ids::IdMap;

pub(crate) use flow::{Flow, WINDOW};
pub(crate) use held::{Violation, Worker};
pub(crate) use job::{Job, Run, entry_len};
pub(crate) use terms::{Function, Terms};

/// Names a job within its pool.
pub(crate) type JobId = u64;
/// A worker's place in the pool; a replacement takes the place of the dead.
pub(crate) type WorkerId = usize;

/// The start hooks of all workers: the task's index is the worker's place.
pub(crate) const START_HOOK: JobId = JobId::MAX;
/// The end hooks, likewise.
pub(crate) const END_HOOK: JobId = JobId::MAX - 1;

/// Whether the job is one of the two.
pub(crate) fn is_hook(job: JobId) -> bool {
    job >= END_HOOK
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// The worker has shaken hands.
    Ready(WorkerId),
    /// The worker is gone. `running`: the ordinal of the task that it was in, from its progress cell; `spent`: that one is not
    /// to be tried again; `begun`: what lies below may have been started.
    Lost { worker: WorkerId, running: Option<u64>, spent: bool, begun: u64 },
    /// The worker has not started the ordinals `from..to` and never will: those tasks are ours again. What was sent
    /// after they were asked for lies from `to` on and is none of them.
    TakenBack { worker: WorkerId, from: u64, to: u64 },
    /// The job is over for its owner: what has not started shall not start.
    Abandoned(JobId),
    /// More of the job is under way than its reader takes: what has not started shall wait.
    HeldBack(JobId),
    /// A look at the table: `stalled` says for how long the worker's running task has been running.
    Looked { worker: WorkerId, stalled_ns: u64 },
}

/// What to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Bring the bytes of `count` tasks, from `offset` on, of the worker's `nth` batch back to the front of their job.
    Requeue { worker: WorkerId, nth: usize, job: JobId, offset: u32, first: u64, count: u32, attempt: u32 },
    /// As [`Action::Requeue`], of the one task that was running when its worker died and has an attempt left.
    Retry { worker: WorkerId, nth: usize, job: JobId, offset: u32, index: u64, attempt: u32 },
    /// The task was running when its worker died and has no attempt left, or may have been and is not to run twice.
    Charge { worker: WorkerId, job: JobId, index: u64, attempt: u32 },
    /// Tell the worker not to start the ordinals in `lo..hi`.
    Withdraw { worker: WorkerId, lo: u64, hi: u64 },
    /// So many tasks of the job, from this index on, ended without running.
    Dropped { job: JobId, first: u64, count: u64 },
}

/// What may be sent: up to `tasks` tasks of `job` to `worker`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub worker: WorkerId,
    pub job: JobId,
    pub tasks: u32,
}

/// Where a task is that has no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In its job's queue.
    Queued,
    /// In a worker's hands.
    Held { worker: WorkerId, ordinal: u64 },
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    pub(crate) workers: Vec<Worker>,
    /// Workers that have ever shaken hands.
    lives: u64,
    /// A worker gets so many tasks and is then replaced.
    most_tasks: u64,
    /// Tasks that came back with a result, hooks not counted.
    pub(crate) finished: u64,
    jobs: IdMap<Job>,
    paces: pace::Paces,
    /// So many jobs [hold off](Scheduler::scouting) or may do so.
    scouts: usize,
    /// Jobs with something in their queue, served in turn.
    turn: VecDeque<JobId>,
    /// An empty queue for the next job: short ones are many.
    spare_queue: VecDeque<Run>,
}

/// A queue that grew beyond so many runs is not kept.
const SPARE_QUEUE: usize = 64;

impl Scheduler {
    /// Each worker gets `most_tasks` tasks in its life.
    pub(crate) fn new(workers: usize, most_tasks: u64) -> Scheduler {
        let workers = (0..workers).map(|_| Worker::default()).collect();
        Scheduler { workers, most_tasks, ..Scheduler::default() }
    }

    /// Places for so many workers at least.
    pub(crate) fn grow(&mut self, workers: usize) {
        self.workers.resize_with(self.workers.len().max(workers), Worker::default);
    }

    pub(crate) fn open_job(&mut self, id: JobId, mut job: Job) {
        job.pace = self.paces.of(job.function);
        job.queue = std::mem::take(&mut self.spare_queue);
        self.scouts += usize::from(job.scout());
        self.jobs.insert(id, job);
    }

    pub(crate) fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(&id)
    }

    /// Whether the owner of the job may bring more input, or has brought all.
    pub(crate) fn set_input_open(&mut self, id: JobId, open: bool) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.input_open = open;
        }
    }

    /// Forgets a job of which nothing is queued or held any more.
    pub(crate) fn forget(&mut self, id: JobId) {
        if let Some(job) = self.jobs.remove(&id) {
            self.scouts -= usize::from(job.scouts);
            self.paces.remember(job.function, job.pace);
            if job.queue.is_empty() && job.queue.capacity() <= SPARE_QUEUE {
                self.spare_queue = job.queue;
            }
        }
    }

    /// New work at the end of the job's queue.
    pub(crate) fn push(&mut self, id: JobId, run: Run) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.queue.push_back(run);
            self.enlist(id);
        }
    }

    /// One more single call at the end of its lane's queue: calls that wait lie one after another, as in a batch. `spare`: an
    /// empty buffer that may be used.
    pub(crate) fn push_call(&mut self, id: JobId, index: u64, entry: &[u8], spare: &mut Vec<u8>) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.push_call(index, entry, spare);
            self.enlist(id);
        }
    }

    /// Work that came back, at its place by index (so that order does not wait for it).
    pub(crate) fn push_front(&mut self, id: JobId, run: Run) {
        if let Some(job) = self.jobs.get_mut(&id) {
            let place = job.queue.iter().position(|other| other.first > run.first).unwrap_or(job.queue.len());
            job.queue.insert(place, run);
            self.enlist(id);
        }
    }

    /// A task that is not to be tried again at once.
    pub(crate) fn put_to_sleep(&mut self, id: JobId, run: Run) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.asleep.push(run);
        }
    }

    /// Its time has come, if it is still wanted.
    pub(crate) fn awaken(&mut self, id: JobId, index: u64) {
        if let Some(job) = self.jobs.get_mut(&id)
            && let Some(place) = job.asleep.iter().position(|run| run.first == index)
        {
            let run = job.asleep.swap_remove(place);
            self.push_front(id, run);
        }
    }

    fn enlist(&mut self, id: JobId) {
        if let Some(job) = self.jobs.get_mut(&id)
            && !job.enlisted
        {
            job.enlisted = true;
            self.turn.push_back(id);
        }
    }

    /// How many tasks the owner of `job` should encode next: zero when no worker could take them now.
    pub(crate) fn wanted(&self, job: JobId) -> u32 {
        let Some(state) = self.jobs.get(&job) else {
            return 0;
        };
        if !state.queue.is_empty() || state.holds_off() || self.freest(state.depth()).is_none() {
            return 0;
        }
        within(state.batch_size(self.ready()), self.allowed(job, None))
    }

    /// Whether some worker has nothing waiting behind what it runs.
    pub(crate) fn has_room(&self) -> bool {
        self.freest(2).is_some()
    }

    fn ready(&self) -> usize {
        self.workers.iter().filter(|worker| worker.is_up()).count()
    }

    /// The ready worker with the fewest batches in flight, if that is fewer than `depth`.
    fn freest(&self, depth: usize) -> Option<WorkerId> {
        let mut best: Option<(usize, u64, WorkerId)> = None;
        for (id, worker) in self.workers.iter().enumerate() {
            if worker.blocked || worker.held.len() >= depth || !worker.takes_tasks() || worker.is_held_up() {
                continue;
            }
            let key = (worker.held.len(), worker.tasks_held(), id);
            if best.is_none_or(|best| key < best) {
                best = Some(key);
                if key.0 == 0 {
                    break;
                }
            }
        }
        best.map(|(_, _, id)| id)
    }

    /// Who gets the next `tasks` tasks of a job, if a worker has fewer batches in flight than `depth`: one that is at tasks of the job and done with
    /// these, too, before another were awake, so that it has them before it falls asleep; else the [freest](Scheduler::freest).
    ///
    /// How long tasks have taken does not say how long the one takes that it runs. So it must have told of a result since it got its last batch, and
    /// nothing of what it has may have been taken back.
    fn next_for(&self, id: JobId, job: &Job, tasks: u32, depth: usize) -> Option<WorkerId> {
        let at_it = |worker: &Worker| {
            (1..depth).contains(&worker.held.len())
                && worker.told_since
                && !worker.withdrawing()
                && worker.held.iter().all(|held| held.job == id)
                && job.pace.is_short(worker.tasks_held() + u64::from(tasks))
                && !(worker.blocked || !worker.takes_tasks() || worker.is_held_up())
        };
        // Whoever brings more needs a processor for it.
        let far = |worker: &Worker| worker.held.is_empty() && !worker.near && worker.takes_tasks() && !worker.blocked;
        let idle = || self.workers.iter().position(far).filter(|_| job.input_open);
        self.workers.iter().position(at_it).or_else(idle).or_else(|| self.freest(depth))
    }

    /// A worker that has nothing, if no job has anything in its queue.
    pub(crate) fn idle_worker(&self) -> Option<WorkerId> {
        if self.turn.is_empty() { self.freest(1) } else { None }
    }

    /// What to send next. The engine either sends it and says so with [`Scheduler::sent`], or marks the worker
    /// [`blocked`](Worker::blocked) and asks again.
    pub(crate) fn plan(&mut self) -> Option<Plan> {
        if self.turn.is_empty() {
            return None;
        }
        let ready = self.ready();
        for _ in 0..self.turn.len() {
            let id = *self.turn.front()?;
            let Some(job) = self.jobs.get_mut(&id).filter(|job| !job.queue.is_empty()) else {
                self.turn.pop_front();
                if let Some(job) = self.jobs.get_mut(&id) {
                    job.enlisted = false;
                }
                continue;
            };
            let (depth, tasks, front) = (job.depth(), job.batch_size(ready), job.front());
            let tasks = within(tasks, self.allowed(id, front));
            if tasks > 0
                && let Some(job) = self.jobs.get(&id).filter(|job| !job.holds_off())
                && let Some(worker) = self.next_for(id, job, tasks.min(job.front_count()), depth)
            {
                return Some(Plan { worker, job: id, tasks: within(tasks, self.workers[worker].left()) });
            }
            self.turn.rotate_left(1);
        }
        None
    }

    /// Cuts up to `tasks` tasks and at most `bytes` bytes (but at least one task) off the job's queue.
    pub(crate) fn cut(&mut self, id: JobId, tasks: u32, bytes: usize) -> Option<Run> {
        let run = self.jobs.get_mut(&id)?.cut(tasks, bytes);
        // The next job has its turn.
        if self.turn.front() == Some(&id) {
            self.turn.rotate_left(1);
        }
        run
    }

    /// A batch is about to lie in the worker's ring: it enters the table. Returns its number and first ordinal.
    pub(crate) fn sent(&mut self, id: WorkerId, job: JobId, first: u64, count: u32, attempt: u32) -> (u64, u64) {
        self.flows_again(job);
        if let Some(state) = self.jobs.get_mut(&job) {
            state.held += u64::from(count);
        }
        self.workers[id].take_on(job, first, count, attempt)
    }

    /// The batch just entered could not be sent after all: as if it had not been.
    pub(crate) fn unsent(&mut self, id: WorkerId) {
        if let Some(held) = self.workers[id].put_back()
            && let Some(state) = self.jobs.get_mut(&held.job)
        {
            state.held = state.held.saturating_sub(u64::from(held.count));
        }
    }

    /// A queued task.
    pub(crate) fn queued_entry(&self, id: JobId, index: u64) -> Option<Entry<'_>> {
        self.jobs.get(&id)?.queued_entry(index)
    }

    /// Takes a queued task out of its queue.
    pub(crate) fn drop_queued(&mut self, id: JobId, index: u64) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.drop_queued(index);
        }
    }

    /// The worker says that `count` tasks of `batch` from `offset` on have outcomes.
    ///
    /// # Errors
    /// When it does not hold them, or not as the next in order: then it lies, or is out of its mind.
    pub(crate) fn settle(
        &mut self,
        id: WorkerId,
        batch: u64,
        offset: u32,
        count: u32,
    ) -> Result<(JobId, u64), Violation> {
        let worker = &mut self.workers[id];
        let (job, first) = worker.settle(batch, offset, count)?;
        if let Some(state) = self.jobs.get_mut(&job) {
            state.held = state.held.saturating_sub(u64::from(count));
        }
        if !is_hook(job) {
            self.finished += u64::from(count);
        }
        Ok((job, first))
    }

    /// The shortest time limit of tasks that are not settled.
    pub(crate) fn shortest_limit(&self) -> Option<std::time::Duration> {
        self.jobs.values().filter(|job| job.held > 0 || job.waits()).filter_map(Job::shortest_limit).min()
    }

    /// Whether tasks that are not settled have limits of memory.
    pub(crate) fn limits_memory(&self) -> bool {
        self.jobs.values().any(|job| job.memory.is_some() && (job.held > 0 || job.waits()))
    }

    /// Measured by the worker: `count` tasks of `job` took `nanos`.
    pub(crate) fn measured(&mut self, job: JobId, nanos: u64, count: u32) {
        if let Some(state) = self.jobs.get_mut(&job) {
            state.pace.measured(nanos, count);
            self.scouts -= usize::from(state.has_scouted());
        }
    }
}

fn within(tasks: u32, allowed: u64) -> u32 {
    u32::try_from(allowed).map_or(tasks, |allowed| tasks.min(allowed))
}
