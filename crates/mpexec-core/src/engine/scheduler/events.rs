//! What the scheduler makes of what happened: a worker's death, work that was taken back, a job whose owner is gone.

use super::{Action, Event, JobId, Scheduler, Worker, WorkerId};

impl Scheduler {
    /// Something happened; what to do is added to `actions`.
    pub(crate) fn handle(&mut self, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Ready(id) => {
                self.lives += 1;
                self.workers[id] = Worker::fresh(self.lives, self.most_tasks);
            }
            Event::Lost { worker, running, spent, begun } => self.lost(worker, running, spent, begun, actions),
            Event::TakenBack { worker, from, to } => self.taken_back(worker, from, to, actions),
            Event::Abandoned(job) => self.abandoned(job, actions),
            Event::HeldBack(job) => self.withdraw_all(job, actions),
            Event::Looked { worker, stalled_ns } => self.looked(worker, stalled_ns, actions),
        }
    }

    fn lost(&mut self, id: WorkerId, running: Option<u64>, spent: bool, begun: u64, actions: &mut Vec<Action>) {
        let worker = std::mem::take(&mut self.workers[id]);
        for (nth, held) in worker.held.iter().enumerate() {
            let Some(job) = self.jobs.get_mut(&held.job) else {
                continue;
            };
            job.held = job.held.saturating_sub(u64::from(held.remaining()));
            let culprit = running
                .and_then(|ordinal| ordinal.checked_sub(held.base))
                .and_then(|offset| u32::try_from(offset).ok())
                .filter(|offset| (held.settled..held.keep).contains(offset));
            if job.once {
                // Whatever may have been started is charged, also if its result did not come.
                let begun = begun.max(running.map_or(0, |ordinal| ordinal.saturating_add(1)));
                let begun =
                    begun.saturating_sub(held.base).clamp(held.settled.into(), held.keep.max(held.settled).into());
                // `begun` came down to a u32 by `clamp`.
                let begun = u32::try_from(begun).unwrap_or(held.keep);
                let (worker, job, attempt) = (id, held.job, held.attempt);
                let index = |offset: u32| held.first + u64::from(offset);
                if begun < held.keep {
                    let (first, count) = (index(begun), held.keep - begun);
                    actions.push(Action::Requeue { worker, nth, job, offset: begun, first, count, attempt });
                }
                let charged = (held.settled..begun).map(index);
                actions.extend(charged.map(|index| Action::Charge { worker, job, index, attempt }));
                continue;
            }
            let charged = culprit.filter(|_| spent || held.attempt >= job.attempts);
            let (job, attempt) = (held.job, held.attempt);
            let requeue = |from: u32, to: u32, actions: &mut Vec<Action>| {
                if from < to {
                    let (first, count) = (held.first + u64::from(from), to - from);
                    actions.push(Action::Requeue { worker: id, nth, job, offset: from, first, count, attempt });
                }
            };
            match culprit {
                None => requeue(held.settled, held.keep, actions),
                Some(offset) => {
                    requeue(held.settled, offset, actions);
                    if charged.is_none() {
                        let (index, attempt) = (held.first + u64::from(offset), attempt + 1);
                        actions.push(Action::Retry { worker: id, nth, job, offset, index, attempt });
                    }
                    requeue(offset + 1, held.keep, actions);
                }
            }
            if let Some(offset) = charged {
                let index = held.first + u64::from(offset);
                actions.push(Action::Charge { worker: id, job: held.job, index, attempt: held.attempt });
            }
        }
    }

    fn taken_back(&mut self, id: WorkerId, from: u64, to: u64, actions: &mut Vec<Action>) {
        // Whole batches are asked for, so none reaches across `to`.
        for (nth, held) in self.workers[id].held.iter_mut().enumerate().take_while(|(_, held)| held.base < to) {
            let keep = from.saturating_sub(held.base).min(u64::from(held.count));
            // `keep` came down from a u32 by `min`.
            let keep = u32::try_from(keep).unwrap_or(held.count).max(held.settled);
            if keep >= held.keep {
                continue;
            }
            let count = held.keep - keep;
            held.keep = keep;
            if let Some(job) = self.jobs.get_mut(&held.job) {
                job.held = job.held.saturating_sub(u64::from(count));
            }
            let first = held.first + u64::from(keep);
            let (job, attempt) = (held.job, held.attempt);
            actions.push(Action::Requeue { worker: id, nth, job, offset: keep, first, count, attempt });
        }
    }

    fn abandoned(&mut self, id: JobId, actions: &mut Vec<Action>) {
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        for run in job.queue.drain(..).chain(job.asleep.drain(..)) {
            actions.push(Action::Dropped { job: id, first: run.first, count: u64::from(run.count) });
        }
        self.withdraw_all(id, actions);
    }
}
