//! Time limits of tasks, and the wait before a task is tried again.
//!
//! A task's clock runs from the moment that the supervisor sees it running: it looks often enough that this is late by at
//! most a sixteenth of the limit. When the time is up, what lies behind the task in its worker is taken back first, so that
//! the kill strikes no other task; should the task end just then, its worker lives on.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use super::Engine;
use super::scheduler::{JobId, WorkerId};
use super::state::State;
use crate::link::Upto;

/// Between two looks at what runs, at least and at most.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));
/// For so long a worker may leave unanswered what was asked back from it, before it is killed all the same.
const PATIENCE: Duration = Duration::from_millis(200);
/// No task waits longer before it is tried again.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// How long a task waits before its `attempt`th start: `first` before the second, twice as long before each further one, of that
/// a half or more, by chance, so that tasks that failed together do not come back together.
pub(super) fn delay(first: Duration, attempt: u32) -> Duration {
    let doubled = first.saturating_mul(1u32.checked_shl(attempt.saturating_sub(2)).unwrap_or(u32::MAX));
    let whole = doubled.min(LONGEST_DELAY);
    // A hasher's keys are random for each of these.
    let chance = RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64;
    whole.mul_f64(0.5 + chance / 2.0)
}

impl Engine {
    /// Job `id` has got tasks. The supervisor is to watch those with time limits, and the memory of workers if that has one.
    pub(super) fn mind(&self, state: &mut State, id: JobId) {
        let limited = state.sched.job(id).is_some_and(|job| job.limit.is_some());
        let news = limited && !std::mem::replace(&mut state.limited, true);
        if std::mem::take(&mut state.unwatched) || news {
            self.wake.ring();
        }
    }

    /// Looks at what runs for how long, and at what is to be tried again. Returns when to look again.
    pub(super) fn watch_time(&self) -> Option<Duration> {
        let mut state = self.lock();
        let mut next = state.ring_alarms();
        if state.limited {
            let looked = state.watch_limits();
            state.limited = looked.is_some();
            next = next.into_iter().chain(looked).min();
        }
        next
    }
}

impl State {
    fn ring_alarms(&mut self) -> Option<Duration> {
        if self.alarms.is_empty() {
            return None;
        }
        let now = Instant::now();
        let mut due = Vec::new();
        self.alarms.retain(|(at, job, index)| {
            let over = *at <= now;
            due.extend(over.then_some((*job, *index)));
            !over
        });
        for (job, index) in &due {
            self.sched.awaken(*job, *index);
        }
        if !due.is_empty() {
            self.dispatch();
        }
        self.alarms.iter().map(|(at, ..)| at.saturating_duration_since(now)).min()
    }

    /// `None`: no task with a limit is left.
    fn watch_limits(&mut self) -> Option<Duration> {
        let mut next = self.sched.shortest_limit()?.div_f64(16.0).clamp(LOOKS.0, LOOKS.1);
        for id in 0..self.slots.len() {
            if self.sched.workers[id].ready && !self.sched.workers[id].held.is_empty() {
                next = next.min(self.watch_worker(id).unwrap_or(next));
            }
        }
        Some(next.max(LOOKS.0))
    }

    fn watch_worker(&mut self, id: WorkerId) -> Option<Duration> {
        let running = self.slots[id].link.as_ref()?.progress().running;
        if let Some((task, asked)) = self.slots[id].expiring {
            return self.end_overrun(id, task, asked, running);
        }
        let task = running?;
        let job = self.sched.workers[id].job_of(task)?;
        let limit = self.sched.job(job)?.limit?;
        let since = match self.slots[id].clock {
            Some((seen, since)) if seen == task => since,
            _ => Instant::now(),
        };
        self.slots[id].clock = Some((task, since));
        let left = limit.saturating_sub(since.elapsed());
        if !left.is_zero() {
            return Some(left);
        }
        self.sched.workers[id].closed += 1;
        self.slots[id].expiring = Some((task, Instant::now()));
        let hi = self.sched.workers[id].next_ordinal;
        if task + 1 < hi {
            self.withdraw(id, task + 1, hi);
        }
        let running = self.slots[id].link.as_ref()?.progress().running;
        self.end_overrun(id, task, Instant::now(), running)
    }

    /// Kills the worker if it still runs the task, as soon as nothing else can be struck.
    fn end_overrun(&mut self, id: WorkerId, task: u64, asked: Instant, running: Option<u64>) -> Option<Duration> {
        if running != Some(task) {
            // It ended just in time.
            self.slots[id].expiring = None;
            self.sched.workers[id].closed = self.sched.workers[id].closed.saturating_sub(1);
            self.dispatch();
            return None;
        }
        if self.sched.workers[id].unanswered > 0 && asked.elapsed() < PATIENCE {
            // The answer may be here and nobody takes it in.
            self.receive_from(id, Upto::Complete);
            return Some(LOOKS.0);
        }
        let limit = self.sched.workers[id].job_of(task).and_then(|job: JobId| self.sched.job(job)?.limit);
        self.slots[id].overran = Some((task, limit.unwrap_or_default()));
        self.sentence(id);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_delay_is_twice_the_one_before_within_a_half_and_a_minute() {
        let first = Duration::from_millis(100);
        for (attempt, whole) in [(2, 100), (3, 200), (4, 400), (5, 800), (40, 60_000), (4_000_000, 60_000)] {
            for _ in 0..100 {
                let delay = delay(first, attempt).as_millis();
                assert!((whole / 2..=whole).contains(&delay), "{attempt}: {delay} of {whole}");
            }
        }
        let two = (0..20).map(|_| delay(first, 2)).collect::<std::collections::HashSet<_>>();
        assert!(two.len() > 1, "chance plays a part");
    }
}
