//! How long the tasks of a job take, and how many of them a batch has therefore.
//!
//! A batch should be about [`TARGET_NS`] of work, so that what it costs is small beside it and the end of the job is still
//! even. Of a function that was never run nothing is known: its first tasks travel alone, and batches grow with each
//! measurement. After that a job begins with what the last one of the same function took. That is a guess: the first
//! measurement of its own replaces it, and what a worker got on a wrong guess is taken back like any other work that is late.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::super::ids::IdHasher;
use super::terms::Function;

/// Work per batch to aim at: between the 100 us where hand-over costs show and the 1 ms where the tail does.
const TARGET_NS: f64 = 300_000.0;
/// Above this time per task there is nothing to gain from more than one batch waiting behind the running one.
const SLOW_NS: f64 = 100_000.0;
/// A job with less work than this is done before another worker is awake.
const SHORT_NS: f64 = 30_000.0;
/// From one measurement to the next a batch becomes at most so many times as large.
const GROWTH: u32 = 4;
/// No batch has more tasks, however cheap they are.
pub(super) const MOST_TASKS: u32 = 16_384;
/// So many functions are remembered; a program has fewer.
const REMEMBERED: usize = 4096;

/// See the head of this file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    nanos_per_task: f64,
    size: u32,
    guessed: bool,
    /// Measured once, and nothing was known before: so of calls for which the function's code had to be brought in.
    cold: bool,
}

impl Pace {
    /// Nothing is known.
    pub(super) fn unknown() -> Pace {
        Pace { nanos_per_task: 0.0, size: 1, guessed: false, cold: false }
    }

    fn guessed(nanos_per_task: f64) -> Pace {
        Pace { nanos_per_task, size: fitting(nanos_per_task), guessed: true, cold: false }
    }

    pub(super) fn is_unknown(self) -> bool {
        self.nanos_per_task == 0.0
    }

    /// 0: nothing is known.
    pub(super) fn nanos_per_task(self) -> f64 {
        self.nanos_per_task
    }

    /// Tasks in a batch, if there are enough.
    pub(super) fn size(self) -> u32 {
        self.size
    }

    /// Whether so many tasks may turn out to be, by one more measurement that takes as little.
    pub(super) fn may_be_short(self, tasks: u64) -> bool {
        self.is_short(if self.cold { u64::from(self.size) } else { tasks })
    }

    /// As many tasks as are worth a batch, however few were measured.
    pub(super) fn fitting(self) -> u32 {
        fitting(self.nanos_per_task)
    }

    pub(super) fn is_slow(self) -> bool {
        self.nanos_per_task > SLOW_NS
    }

    /// Whether so many tasks are so little work that one worker does it soonest.
    pub(super) fn is_short(self, tasks: u64) -> bool {
        self.nanos_per_task > 0.0 && self.nanos_per_task * tasks as f64 <= SHORT_NS
    }

    /// `count` tasks took `nanos`.
    pub(super) fn measured(&mut self, nanos: u64, count: u32) {
        if count == 0 {
            return;
        }
        let sample = (nanos as f64 / f64::from(count)).max(1.0);
        let unknown = self.is_unknown();
        let first = unknown || std::mem::take(&mut self.guessed) || self.cold;
        self.cold = unknown;
        self.nanos_per_task = if first { sample } else { self.nanos_per_task * 0.7 + sample * 0.3 };
        self.size = fitting(self.nanos_per_task).min(self.size.saturating_mul(GROWTH));
    }
}

/// So many tasks are a batch.
fn fitting(nanos_per_task: f64) -> u32 {
    (TARGET_NS / nanos_per_task).clamp(1.0, f64::from(MOST_TASKS)) as u32
}

/// What is remembered of functions whose jobs are over.
#[derive(Debug, Default)]
pub(super) struct Paces(HashMap<Function, f64, BuildHasherDefault<IdHasher>>);

impl Paces {
    /// What a job of the function may expect.
    pub(super) fn of(&self, function: Function) -> Pace {
        self.0.get(&function).map_or_else(Pace::unknown, |nanos| Pace::guessed(*nanos))
    }

    /// A job of the function is over.
    pub(super) fn remember(&mut self, function: Function, pace: Pace) {
        if pace.nanos_per_task == 0.0 || pace.guessed {
            return;
        }
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(function, pace.nanos_per_task);
    }
}

#[cfg(test)]
mod tests {
    use mpexec_wire::FunctionKind;

    use super::*;

    const FUNCTION: Function = Function { kind: FunctionKind::Offset, id: 1 };

    fn after(nanos: u64) -> Paces {
        let (mut paces, mut pace) = (Paces::default(), Pace::unknown());
        pace.measured(nanos, 1);
        paces.remember(FUNCTION, pace);
        paces
    }

    #[test]
    fn the_first_tasks_of_a_function_travel_alone_and_batches_grow_by_measurement() {
        let mut pace = after(1000).of(Function { id: 2, ..FUNCTION });
        let mut sizes = Vec::new();
        for _ in 0..6 {
            sizes.push(pace.size());
            pace.measured(1000, 1);
        }
        assert_eq!(sizes, [1, 4, 16, 64, 256, 300]);
    }

    #[test]
    fn the_next_job_of_the_function_begins_where_the_last_one_ended() {
        let pace = after(1000).of(FUNCTION);
        assert_eq!((pace.size(), pace.nanos_per_task()), (300, 1000.0));
    }

    #[test]
    fn a_wrong_guess_is_forgotten_with_the_first_measurement() {
        let mut pace = after(1000).of(FUNCTION);
        pace.measured(1_000_000_000, 1);
        assert_eq!((pace.size(), pace.is_slow()), (1, true));
        let mut pace = after(1_000_000_000).of(FUNCTION);
        pace.measured(1000, 1);
        assert_eq!((pace.size(), pace.nanos_per_task()), (4, 1000.0));
    }

    #[test]
    fn a_guess_that_was_never_checked_is_not_remembered_anew() {
        let mut paces = after(1000);
        let guess = paces.of(FUNCTION);
        paces.remember(FUNCTION, Pace { nanos_per_task: 5.0, ..guess });
        paces.remember(FUNCTION, Pace::unknown());
        assert_eq!(paces.of(FUNCTION), guess);
    }

    #[test]
    fn the_memory_of_functions_has_a_bound() {
        let (mut paces, mut pace) = (Paces::default(), Pace::unknown());
        pace.measured(1000, 1);
        for id in 0..=REMEMBERED as u64 {
            paces.remember(Function { id, ..FUNCTION }, pace);
        }
        assert!(paces.0.len() <= REMEMBERED, "{}", paces.0.len());
    }
}
