//! Questions about the table: what is queued, what is in whose hands, what is left.

use super::{Job, JobId, Place, Run, Scheduler, Worker, WorkerId, is_hook};

impl Scheduler {
    /// Whether the worker holds a task that was tried before and is not to be tried again.
    pub(crate) fn has_last_attempt(&self, id: WorkerId) -> bool {
        self.workers[id]
            .held
            .iter()
            .any(|held| held.attempt > 1 && self.jobs.get(&held.job).is_some_and(|job| held.attempt >= job.attempts))
    }

    /// Tasks queued or held, of all jobs.
    pub(crate) fn outstanding(&self) -> bool {
        self.workers.iter().any(|worker| !worker.held.is_empty()) || self.jobs.values().any(Job::waits)
    }

    /// Tasks that a turn of the crank may move on: those that only wait until they may be tried again are none.
    pub(crate) fn moving(&self) -> bool {
        self.working() || self.jobs.values().any(|job| !job.queue.is_empty())
    }

    /// Tasks queued or held, or still to be brought by a job's owner; hooks not counted.
    pub(crate) fn work_left(&self) -> bool {
        let works = |worker: &Worker| worker.held.iter().any(|held| !is_hook(held.job) && held.remaining() > 0);
        let waits = |job: &Job| job.waits() || (job.input_open && !job.calls);
        self.workers.iter().any(works) || self.jobs.values().any(waits)
    }

    /// Whether a worker that may be given tasks has none.
    pub(crate) fn any_idle(&self) -> bool {
        self.workers.iter().any(|worker| worker.held.is_empty() && worker.takes_tasks())
    }

    /// Whether any worker holds tasks.
    pub(crate) fn working(&self) -> bool {
        self.workers.iter().any(|worker| !worker.held.is_empty())
    }

    /// All that is queued.
    pub(crate) fn queued_runs(&self) -> impl Iterator<Item = &Run> {
        self.jobs.values().flat_map(|job| job.queue.iter().chain(&job.asleep))
    }

    /// Whether any task waits for a worker.
    pub(crate) fn queued(&self) -> bool {
        let front = |id: &JobId| Some((*id, self.jobs.get(id)?.front()?));
        self.turn.iter().filter_map(front).any(|(id, front)| self.allowed(id, Some(front)) > 0)
    }

    /// Whether nothing of the job is queued or in a worker's hands.
    pub(crate) fn is_idle(&self, id: JobId) -> bool {
        self.jobs.get(&id).is_none_or(|job| !job.waits() && job.held == 0)
    }

    /// The job's tasks without an outcome, by first index and count, in ascending order.
    pub(crate) fn unsettled_of(&self, id: JobId) -> Vec<(u64, u32)> {
        let waiting = self.jobs.get(&id).into_iter().flat_map(|job| job.queue.iter().chain(&job.asleep));
        let queued = waiting.map(|run| (run.first, run.count));
        let held = self.workers.iter().flat_map(|worker| worker.held.iter()).filter(|held| held.job == id);
        let held = held.map(|held| (held.first + u64::from(held.settled), held.remaining()));
        let mut all: Vec<_> = queued.chain(held).filter(|(_, count)| *count > 0).collect();
        all.sort_unstable();
        all
    }

    /// Where a task without an outcome is.
    pub(crate) fn find(&self, id: JobId, index: u64) -> Option<Place> {
        let job = self.jobs.get(&id)?;
        if job.queue.iter().chain(&job.asleep).any(|run| run.holds(index)) {
            return Some(Place::Queued);
        }
        let held =
            self.workers.iter().enumerate().flat_map(|(id, worker)| worker.held.iter().map(move |held| (id, held)));
        let mut of_job = held.filter(|(_, held)| held.job == id);
        of_job.find_map(|(worker, held)| Some(Place::Held { worker, ordinal: held.ordinal_of(index)? }))
    }

    /// Jobs whose owners may still bring tasks.
    pub(crate) fn open_inputs(&self) -> u64 {
        self.jobs.values().filter(|job| job.input_open && !job.calls).count() as u64
    }

    /// Tasks queued or held of all jobs.
    pub(crate) fn unsettled(&self) -> u64 {
        let queued = |job: &Job| job.queue.iter().chain(&job.asleep).map(|run| u64::from(run.count)).sum::<u64>();
        self.jobs.values().map(|job| job.held + queued(job)).sum()
    }
}
