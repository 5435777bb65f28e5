//! Limits of time and of processor time, and the wait before a task is tried again.
//!
//! A task's clocks run from the moment that the supervisor sees it running: it looks often enough that this is late by a
//! sixteenth of the limit, or a millisecond; a task with a shorter limit than those that it has in mind wakes it. The processor time
//! is that of the worker's process, with all its threads, read from outside. What happens when a limit is passed stands in
//! [`super::overruns`].

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use super::Engine;
use super::scheduler::{Job, JobId, WorkerId};
use super::slot::{Clock, Overrun};
use super::state::State;

/// Between two looks at what runs, at least and at most.
pub(super) const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));
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
    /// Job `id` has got tasks. The supervisor is to watch those with limits, and the memory of workers if that has one.
    pub(super) fn mind(&self, state: &mut State, id: JobId) {
        let job = state.sched.job(id);
        let (limit, memory) = (job.and_then(Job::shortest_limit), job.and_then(|job| job.memory));
        let limited = limit.is_some() || memory.or(self.config.memory_limit).is_some();
        let first = limited && !std::mem::replace(&mut state.limits_set, true);
        if let Some(limit) = limit {
            state.mind_limit(limit);
        }
        let unwatched = (memory.is_some() || self.minds_memory()) && std::mem::take(&mut state.unwatched);
        if unwatched || first {
            self.wake.ring();
        }
    }

    /// Looks at what runs for how long, and at what is to be tried again. Returns when to look again.
    pub(super) fn watch_time(&self) -> Option<Duration> {
        let mut state = self.lock();
        let mut next = state.ring_alarms();
        if state.looks.is_some() {
            state.looks = state.watch_limits();
            next = next.into_iter().chain(state.looks).min();
        }
        next
    }
}

/// How often is looked at tasks with this limit.
fn looks_at(limit: Duration) -> Duration {
    (limit / 16).clamp(LOOKS.0, LOOKS.1)
}

impl State {
    /// There are tasks with this limit: the supervisor is woken if it would look at them too late.
    pub(super) fn mind_limit(&mut self, limit: Duration) {
        let each = looks_at(limit);
        if self.looks.is_none_or(|looks| each < looks) {
            self.looks = Some(each);
            if let Some(wake) = &self.wake {
                wake.ring();
            }
        }
    }

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
        let shortest = self.sched.shortest_limit();
        let mut next = shortest.map(looks_at);
        for id in 0..self.slots.len() {
            if !self.sched.workers[id].ready {
                continue;
            }
            let look = match self.slots[id].expiring {
                Some(_) => self.end_overrun(id),
                None if shortest.is_some() && !self.sched.workers[id].held.is_empty() => self.watch_worker(id),
                None => None,
            };
            next = next.into_iter().chain(look).min();
        }
        next.map(|next| next.max(LOOKS.0))
    }

    fn watch_worker(&mut self, id: WorkerId) -> Option<Duration> {
        if self.give_up_if_senseless(id) {
            return None;
        }
        let told = self.slots[id].progress();
        // Of one that is over it may tell falsely, and be in another.
        let is_held = |task| self.sched.workers[id].job_of(task).is_some();
        let task = match self.slots[id].clock {
            Some(clock) if Some(clock.task) == told.running && is_held(clock.task) => clock.task,
            _ => self.in_task(id, told)?,
        };
        let job = self.sched.job(self.sched.workers[id].job_of(task)?)?;
        let (limit, cpu_limit) = (job.limit, job.cpu_limit);
        if limit.is_none() && cpu_limit.is_none() {
            return None;
        }
        let slot = &mut self.slots[id];
        let now = Instant::now();
        let cpu = cpu_limit.and_then(|_| slot.cpu_time());
        let seen = match slot.clock {
            Some(clock) if clock.task == task => clock,
            _ => *slot.clock.insert(Clock { task, since: now, cpu }),
        };
        let left = limit.map(|limit| limit.saturating_sub(now.saturating_duration_since(seen.since)));
        let used = cpu.zip(seen.cpu).map(|(now, then)| now.saturating_sub(then));
        let left_of_cpu = cpu_limit.zip(used).map(|(limit, used)| limit.saturating_sub(used));
        let over = match (limit, cpu_limit) {
            (Some(limit), _) if left == Some(Duration::ZERO) => Overrun::Time(limit),
            (_, Some(limit)) if left_of_cpu == Some(Duration::ZERO) => Overrun::Cpu(limit),
            _ => return left.into_iter().chain(left_of_cpu).min(),
        };
        self.expire(id, task, over)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::sync::Arc;

    use super::*;
    use crate::os::events::Bell;

    #[test]
    fn each_delay_is_twice_the_one_before_between_a_half_of_it_and_all_and_at_most_a_minute() {
        let first = Duration::from_millis(100);
        for (attempt, whole) in [(2, 100), (3, 200), (4, 400), (5, 800), (40, 60_000), (4_000_000, 60_000)] {
            let whole = Duration::from_millis(whole);
            let delays: Vec<Duration> = (0..1_000).map(|_| delay(first, attempt)).collect();
            let (least, most) = (*delays.iter().min().unwrap(), *delays.iter().max().unwrap());
            assert!(whole / 2 <= least && most <= whole, "{attempt}: {least:?} to {most:?} of {whole:?}");
            // Chance goes from one bound to the other: that none of so many is near it happens once in 10^22.
            assert!(least < whole.mul_f64(0.525) && whole.mul_f64(0.975) < most, "{attempt}: {least:?} to {most:?}");
        }
    }

    #[test]
    fn the_supervisor_is_woken_by_a_limit_for_which_it_would_look_too_late_and_by_no_other() {
        let bell = Arc::new(Bell::new().unwrap());
        let mut state = State::default();
        state.wake = Some(bell.clone());
        let mut rings = |limit: u64| {
            state.mind_limit(Duration::from_millis(limit));
            // How often it was rung since the last time.
            let mut count = [0; 8];
            rustix::io::read(bell.as_fd(), &mut count).map_or(0, |_| u64::from_ne_bytes(count))
        };
        assert_eq!(rings(10_000), 1, "it looked at nothing");
        assert_eq!([rings(10_000), rings(500)], [0, 0], "it looks every 20 ms in any case");
        assert_eq!([rings(100), rings(100), rings(200)], [1, 0, 0]);
        assert_eq!([rings(5), rings(1), rings(100)], [1, 0, 0], "nobody is looked at more than once a millisecond");
        // It has looked, and the tasks with short limits are over.
        state.looks = Some(LOOKS.1);
        let again = |state: &mut State| {
            state.mind_limit(Duration::from_millis(5));
            state.looks
        };
        assert_eq!(again(&mut state), Some(LOOKS.0));
    }
}
