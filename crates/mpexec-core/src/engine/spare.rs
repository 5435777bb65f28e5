//! The spare of a pool with limits: a process that was started as a worker and waits to be welcomed, so that who is killed at a limit
//! is replaced at once.
//!
//! It has come as far as every worker comes without knowing its place: it is loaded, has taken its socket and waits there. It has run
//! no hook, has no number and no task, and is counted nowhere. Whichever place is empty next gets it, and another is
//! started when all places are full again and the task is over that it was taken for, or a little later. One that dies while it waits is not replaced before a worker had to be started
//! without it: so what lets spares die starts twice as many processes at most as it would without them.

use std::time::{Duration, Instant};

use super::launch::Newcomer;
use super::pauses::forward;
use crate::os::spawn;

/// Its token with the supervisor's watcher; a worker's place is far below.
pub(super) const SPARE: u64 = u64::MAX - 1;

/// So long its end is awaited when it was killed. It takes about a millisecond, unless the system has other things to do.
pub(super) const DYING: Duration = Duration::from_secs(1);

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Spare {
    pub waiting: Option<Newcomer>,
    /// The last one died while it waited, or could not be started.
    pub failed: bool,
    killed: Option<Instant>,
    /// When the last one became a worker, and how many tasks had been finished by then.
    taken: Option<(Instant, u64)>,
}

/// The next one is not started at the side of the task that the last one was taken for: not before that is finished, or so much later.
const REST: Duration = Duration::from_millis(2);

impl Spare {
    /// It has become a worker, when so many tasks were finished.
    pub(super) fn was_taken(&mut self, finished: u64) {
        self.taken = Some((Instant::now(), finished));
    }

    /// Whether it is too early for the next one.
    pub(super) fn rests(&self, finished: u64) -> bool {
        self.taken.is_some_and(|(since, then)| then == finished && since.elapsed() < REST)
    }

    /// How long it may be too early yet.
    pub(super) fn rests_for(&self) -> Option<Duration> {
        let left = self.taken.and_then(|(since, _)| REST.checked_sub(since.elapsed()));
        left.filter(|left| !left.is_zero())
    }

    /// A worker was started without it.
    pub(super) fn may_try_again(&mut self) {
        self.failed = false;
    }

    /// The pool is over: kills it. Whether it is gone, or has taken too long about it and is left to others to bury.
    pub(super) fn end(&mut self) -> bool {
        let Some(spare) = self.waiting.take() else {
            return true;
        };
        let since = *self.killed.get_or_insert_with(|| {
            spare.child.kill_group();
            Instant::now()
        });
        if since.elapsed() < DYING {
            self.waiting = Some(spare);
            return false;
        }
        spawn::bury(spare.child);
        true
    }

    /// Nothing could end meanwhile.
    pub(super) fn forgive(&mut self, pause: Duration) {
        if let Some(killed) = &mut self.killed {
            forward(killed, pause);
        }
    }

    /// How long its end is awaited yet, if it is.
    pub(super) fn dies_within(&self) -> Option<Duration> {
        self.killed.filter(|_| self.waiting.is_some()).map(|since| DYING.saturating_sub(since.elapsed()))
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        if let Some(spare) = self.waiting.take() {
            spawn::bury(spare.child);
        }
    }
}
