//! Stops of the whole program: limits do not run while it stands still.
//!
//! A process that was stopped (Ctrl-Z, SIGSTOP, a debugger) is not told so. The supervisor knows when it wants to be awake again;
//! wakes it far later than that, all clocks that it reads are set forward by as much. A machine so busy that a thread waits
//! this long looks the same, and then, too, a task is given more time and never less.

use std::time::{Duration, Instant};

use super::slot::Phase;
use super::state::State;

/// So late nobody wakes who was not stopped.
const FAR_TOO_LATE: Duration = Duration::from_millis(100);
/// Between two sleeps the supervisor works for no longer than this, also when it starts processes and waits for last words.
const WORK: Duration = Duration::from_secs(1);

/// When the supervisor will be awake, if nothing stops it.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    due: Option<Instant>,
}

impl Pauses {
    /// It goes to sleep for `limit` at most; `None`: for ever.
    pub(super) fn sleeps(&mut self, limit: Option<Duration>) -> Option<Duration> {
        self.at(Instant::now(), limit)
    }

    /// It is awake. `Some`: for how long it had been stopped.
    pub(super) fn wakes(&mut self) -> Option<Duration> {
        self.at(Instant::now(), Some(WORK))
    }

    fn at(&mut self, now: Instant, next: Option<Duration>) -> Option<Duration> {
        let due = std::mem::replace(&mut self.due, next.and_then(|next| now.checked_add(next)));
        let late = now.saturating_duration_since(due?);
        (late >= FAR_TOO_LATE).then_some(late)
    }
}

impl State {
    /// The program had been stopped for so long: nobody is to be charged for that.
    pub(super) fn forgive(&mut self, pause: Duration) {
        let now = Instant::now();
        // Another thread may have set one of them after the stop.
        let forward = |since: &mut Instant| *since = (*since + pause).min(now);
        for slot in &mut self.slots {
            if let Some(clock) = &mut slot.clock {
                forward(&mut clock.since);
            }
            if let Some(expiring) = &mut slot.expiring {
                forward(&mut expiring.asked);
            }
            match &mut slot.phase {
                Phase::Starting(starting) => forward(&mut starting.since),
                Phase::Leaving(since) => forward(since),
                Phase::Empty | Phase::Ready => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wakes_far_too_late_was_stopped_and_who_is_woken_early_was_not() {
        let (ms, start) = (Duration::from_millis, Instant::now());
        let mut pauses = Pauses::default();
        assert_eq!(pauses.at(start, Some(ms(20))), None);
        assert_eq!(pauses.at(start + ms(3), Some(ms(20))), None, "early");
        assert_eq!(pauses.at(start + ms(23 + 99), Some(ms(1))), None, "a busy machine");
        assert_eq!(pauses.at(start + ms(123 + 5_000), Some(ms(20))), Some(ms(5_000)), "stopped while it worked");
        assert_eq!(pauses.at(start + ms(5_143 + 700), None), Some(ms(700)), "stopped while it slept");
        assert_eq!(pauses.at(start + ms(1_000_000), Some(ms(1))), None, "it slept without a limit, so nothing ran");
    }
}
