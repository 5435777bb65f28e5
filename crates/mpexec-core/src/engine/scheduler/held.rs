//! The table of who holds what: each worker's batches in the order it will run them.

use std::collections::VecDeque;

use super::JobId;

/// A batch in a worker's hands: tasks `settled..keep` of it have no outcome yet, those from `keep` on were taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub batch: u64,
    pub job: JobId,
    /// Index within the job of the batch's first task.
    pub first: u64,
    pub count: u32,
    /// Ordinal (number within the worker's life) of the batch's first task.
    pub base: u64,
    pub settled: u32,
    pub keep: u32,
    pub attempt: u32,
}

impl Held {
    /// Tasks of the batch that still need an outcome from this worker.
    pub(crate) fn remaining(&self) -> u32 {
        self.keep.saturating_sub(self.settled)
    }

    /// The ordinal of the job's task `index`, if that is in here without an outcome.
    pub(super) fn ordinal_of(&self, index: u64) -> Option<u64> {
        let offset = index.checked_sub(self.first)?;
        (u64::from(self.settled)..u64::from(self.keep)).contains(&offset).then(|| self.base + offset)
    }

    fn end(&self) -> u64 {
        self.base + u64::from(self.count)
    }
}

/// What a worker told cannot be: it does not hold such a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it sent results {offset}..{} of batch {batch}, which it does not hold next", u64::from(*offset) + u64::from(*count))]
pub(crate) struct Violation {
    pub batch: u64,
    pub offset: u32,
    pub count: u32,
}

/// One worker as the scheduler sees it.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    /// Which of all workers that the pool ever had; 0: none.
    pub life: u64,
    /// It has shaken hands and is alive.
    pub ready: bool,
    /// It gets no new tasks while so many stop what it has.
    pub closed: u32,
    /// Its start hook is not through.
    pub warming: bool,
    /// It gets no new tasks, and is sent home when it has none.
    pub leaving: bool,
    /// So many tasks are the most it gets in its life.
    pub most: u64,
    /// Its link had no room; set by the engine, cleared when something was freed.
    pub blocked: bool,
    /// The ordinal of a task in which it was seen to be for long.
    pub(super) held_up_in: Option<u64>,
    /// How often it was asked for tasks back and has not answered.
    pub unanswered: u32,
    /// In the order of running; a batch leaves when the last of its bytes is freed.
    pub held: VecDeque<Held>,
    pub next_ordinal: u64,
    next_batch: u64,
    /// It has begun all below this: one past the last of which a result is here.
    pub begun: u64,
    /// Outcomes since it was started.
    pub finished: u64,
    /// It last ran where the coordinator did: woken for a task it would take its processor away.
    pub near: bool,
    /// Whether one of them came after it was sent its last batch.
    pub(super) told_since: bool,
}

impl Worker {
    /// One that has just shaken hands; it gets `most` tasks and no more.
    pub(super) fn fresh(life: u64, most: u64) -> Worker {
        Worker { life, ready: true, most, ..Worker::default() }
    }

    /// So many more tasks may be given to it in its life: those that are taken back from it do not count.
    pub(super) fn left(&self) -> u64 {
        match self.most {
            u64::MAX => u64::MAX,
            most => most.saturating_sub(self.finished + self.tasks_held()),
        }
    }

    /// Whether it serves and is to stay.
    pub(crate) fn is_up(&self) -> bool {
        self.ready && !self.leaving && !self.warming
    }

    /// Whether it may be given tasks, if there is room.
    pub(super) fn takes_tasks(&self) -> bool {
        self.is_up() && self.closed == 0 && self.left() > 0
    }

    /// Whether it is in a task that takes long: nothing is to wait behind that.
    pub(super) fn is_held_up(&self) -> bool {
        self.held_up_in.is_some_and(|ordinal| self.next_ordinal_held() == ordinal && self.tasks_held() > 0)
    }

    /// It is to leave and has nothing any more.
    pub(crate) fn is_done(&self) -> bool {
        self.ready && (self.leaving || self.finished >= self.most) && self.held.is_empty()
    }

    /// Whether a task of the job without an outcome is in its hands.
    pub(crate) fn holds(&self, job: JobId) -> bool {
        self.held.iter().any(|held| held.job == job && held.remaining() > 0)
    }

    /// Whose task the ordinal is, if that is in its hands without an outcome.
    pub(crate) fn job_of(&self, ordinal: u64) -> Option<JobId> {
        self.task_of(ordinal).map(|(job, _)| job)
    }

    /// As [`Worker::job_of`], with the task's index there.
    pub(crate) fn task_of(&self, ordinal: u64) -> Option<(JobId, u64)> {
        let in_it =
            |held: &&Held| (held.base + u64::from(held.settled)..held.base + u64::from(held.keep)).contains(&ordinal);
        self.held.iter().find(in_it).map(|held| (held.job, held.first + (ordinal - held.base)))
    }

    /// Whether it is the first task of a batch in its hands.
    pub(crate) fn begins_batch(&self, ordinal: u64) -> bool {
        self.held.iter().any(|held| held.base == ordinal)
    }

    /// Tasks without an outcome in its hands.
    pub(crate) fn tasks_held(&self) -> u64 {
        self.held.iter().map(|held| u64::from(held.remaining())).sum()
    }

    pub(super) fn take_on(&mut self, job: JobId, first: u64, count: u32, attempt: u32) -> (u64, u64) {
        let (batch, base) = (self.next_batch, self.next_ordinal);
        self.told_since = false;
        self.held.push_back(Held { batch, job, first, count, base, settled: 0, keep: count, attempt });
        self.next_batch += 1;
        self.next_ordinal += u64::from(count);
        (batch, base)
    }

    pub(super) fn put_back(&mut self) -> Option<Held> {
        let held = self.held.pop_back()?;
        self.next_batch -= 1;
        self.next_ordinal -= u64::from(held.count);
        Some(held)
    }

    pub(super) fn settle(&mut self, batch: u64, offset: u32, count: u32) -> Result<(JobId, u64), Violation> {
        let violation = Violation { batch, offset, count };
        // Results come in the order of the tasks, so the batch is the first with anything left.
        let held = self.held.iter_mut().find(|held| held.remaining() > 0).ok_or(violation)?;
        if held.batch != batch || offset != held.settled || count > held.remaining() {
            return Err(violation);
        }
        held.settled += count;
        self.told_since = true;
        self.begun = held.base + u64::from(held.settled);
        self.finished += u64::from(count);
        Ok((held.job, held.first + u64::from(offset)))
    }

    /// The ordinal of a task that the worker says it skipped, and the end of its batch, if it was still counted as the
    /// worker's: then it and what lies behind it in the batch is ours again. Usually that is known already.
    pub(crate) fn skipped(&self, batch: u64, offset: u32) -> Option<(u64, u64)> {
        let held = self.held.iter().find(|held| held.batch == batch)?;
        (held.settled..held.keep).contains(&offset).then(|| (held.base + u64::from(offset), held.end()))
    }

    /// The oldest batch can be freed: all its outcomes are here, and the worker has passed what was taken back.
    pub(crate) fn front_is_over(&self, passed: impl FnOnce() -> u64) -> bool {
        self.held
            .front()
            .is_some_and(|held| held.remaining() == 0 && (held.keep == held.count || passed() >= held.end()))
    }

    pub(crate) fn pop_front(&mut self) {
        self.held.pop_front();
    }

    /// Some of its tasks were taken back, or were asked for, and it has not passed them yet.
    pub(crate) fn withdrawing(&self) -> bool {
        self.unanswered > 0 || self.held.iter().any(|held| held.keep < held.count)
    }

    /// Whether this task is all that it has, and nobody waits for its answer: then a kill strikes nothing else.
    pub(crate) fn has_only(&self, ordinal: u64) -> bool {
        self.unanswered == 0 && self.tasks_held() == 1 && self.next_ordinal_held() == ordinal
    }

    /// The ordinal of the task that it runs, or will run next.
    pub(crate) fn next_ordinal_held(&self) -> u64 {
        self.held
            .iter()
            .find(|held| held.remaining() > 0)
            .map_or(self.next_ordinal, |held| held.base + u64::from(held.settled))
    }

    /// The lowest ordinal that may be unstarted of this job, if it holds any.
    pub(super) fn first_unstarted_of(&self, job: JobId) -> Option<u64> {
        self.held
            .iter()
            .find(|held| held.job == job && held.remaining() > 0)
            .map(|held| held.base + u64::from(held.settled))
    }
}
