//! Questions about the table: what is queued, what is in whose hands, what is left.

use std::time::Duration;

use super::held::Held;
use super::{Job, JobId, Place, Run, Scheduler, Worker, WorkerId, is_hook};

/// Twice what it takes to wake a thread whose processor sleeps.
const UNHURRIED_NS: f64 = 100_000.0;

impl Scheduler {
    /// Whether the worker holds a task that was tried before and is not to be tried again.
    pub(crate) fn has_last_attempt(&self, id: WorkerId) -> bool {
        self.workers[id]
            .held
            .iter()
            .any(|held| held.attempt > 1 && self.jobs.get(&held.job).is_some_and(|job| held.attempt >= job.attempts))
    }

    /// The owner of a job wants all its results and looks at none before the last.
    pub(crate) fn gathers(&mut self, id: JobId) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.gathers = true;
        }
    }

    /// Whether results of what workers hold may be left where they are for a while: nobody looks at any of them before the last, and
    /// each batch is long enough for more tasks to be on their way while a worker does its last.
    pub(crate) fn nobody_hurries(&self) -> bool {
        let patient = |held: &Held| {
            self.jobs
                .get(&held.job)
                .is_some_and(|job| job.gathers && job.nanos_per_task() * f64::from(held.count) >= UNHURRIED_NS)
        };
        self.workers.iter().flat_map(|worker| &worker.held).all(patient)
    }

    /// How long the batch that a worker has begun will still take, as far as is known: no time if nothing is.
    pub(crate) fn expected(&self, worker: &Worker) -> Duration {
        let Some(held) = worker.held.front() else {
            return Duration::ZERO;
        };
        let nanos = self.jobs.get(&held.job).map_or(0.0, Job::nanos_per_task);
        Duration::from_nanos((nanos * f64::from(held.remaining())) as u64)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mpexec_wire::FunctionKind;

    use super::super::{Event, Function, Job, Scheduler};

    /// A scheduler with two workers and two jobs, 1 and 2.
    fn ready() -> Scheduler {
        let mut sched = Scheduler::new(2, u64::MAX);
        for id in 0..2 {
            sched.handle(Event::Ready(id), &mut Vec::new());
        }
        for id in 1..=2 {
            sched.open_job(id, Job::new(Function { kind: FunctionKind::Offset, id }, 1));
        }
        sched
    }

    #[test]
    fn somebody_hurries_as_soon_as_a_worker_holds_a_task_of_whose_result_somebody_is_to_hear() {
        let mut sched = ready();
        assert!(sched.nobody_hurries(), "nothing is held");
        for id in 1..=2 {
            sched.measured(id, 60_000, 2);
        }
        sched.gathers(1);
        sched.sent(0, 1, 0, 10, 1);
        sched.sent(0, 1, 10, 10, 1);
        sched.sent(1, 1, 20, 10, 1);
        assert!(sched.nobody_hurries());
        sched.sent(1, 2, 0, 10, 1);
        assert!(!sched.nobody_hurries(), "behind the first job's");
        sched.gathers(2);
        assert!(sched.nobody_hurries());
        sched.gathers(3);
        sched.sent(0, 3, 0, 10, 1);
        assert!(!sched.nobody_hurries(), "of a job that is not known it is not known");
    }

    #[test]
    fn whoever_has_short_batches_is_waited_for_awake() {
        let mut sched = ready();
        sched.gathers(1);
        sched.sent(0, 1, 0, 10, 1);
        assert!(!sched.nobody_hurries(), "nobody knows how long they take");
        sched.measured(1, 60_000, 2);
        assert!(sched.nobody_hurries());
        sched.sent(1, 1, 10, 3, 1);
        assert!(!sched.nobody_hurries(), "three tasks of 30 us are soon over");
    }

    #[test]
    fn what_a_worker_has_begun_is_expected_to_take_what_such_tasks_took() {
        let mut sched = ready();
        let expected = |sched: &Scheduler, worker: usize| sched.expected(&sched.workers[worker]);
        sched.sent(0, 1, 0, 10, 1);
        assert_eq!(expected(&sched, 0), Duration::ZERO, "nothing is known yet");
        assert_eq!(expected(&sched, 1), Duration::ZERO, "it has nothing");
        sched.measured(1, 60_000, 2);
        assert_eq!(expected(&sched, 0), Duration::from_micros(300));
    }
}
