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
    pub(super) fn wakes(&mut self, now: Instant) -> Option<Duration> {
        self.at(now, Some(WORK))
    }

    fn at(&mut self, now: Instant, next: Option<Duration>) -> Option<Duration> {
        let due = std::mem::replace(&mut self.due, next.and_then(|next| now.checked_add(next)));
        let late = now.saturating_duration_since(due?);
        (late >= FAR_TOO_LATE).then_some(late)
    }
}

/// A clock that began then does not run for so long. Another thread may have set it after the stop.
pub(super) fn forward(since: &mut Instant, pause: Duration) {
    *since = (*since + pause).min(Instant::now());
}

impl State {
    /// The program had been stopped for so long: nobody is to be charged for that.
    pub(super) fn forgive(&mut self, pause: Duration) {
        let forward = |since: &mut Instant| forward(since, pause);
        for slot in &mut self.slots {
            if let Some(clock) = &mut slot.clock {
                forward(&mut clock.since);
            }
            if let Some(expiring) = &mut slot.expiring {
                forward(&mut expiring.asked);
            }
            if let Some(killed) = &mut slot.killed {
                forward(killed);
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
    use crate::engine::slot::{Clock, Expiring, Overrun, Slot, Starting};
    use crate::link::control::{Reader, Writer, pair};

    /// Two workers all of whose clocks began then: one starts, one leaves.
    fn since(then: Instant) -> State {
        let (socket, _) = pair().unwrap();
        let (reader, writer) = (Reader::new(socket.clone(), false), Writer::new(socket.clone(), false));
        let starting = Starting { since: then, socket, reader, writer, rings: None };
        let phases = [Phase::Starting(Box::new(starting)), Phase::Leaving(then)];
        let slots = phases.map(|phase| Slot {
            phase,
            clock: Some(Clock { task: 0, since: then, cpu: None }),
            expiring: Some(Expiring { task: 0, asked: then, why: Overrun::Time(Duration::ZERO) }),
            ..Slot::default()
        });
        let mut state = State::default();
        state.slots = slots.into();
        state
    }

    fn clocks(state: &State) -> Vec<Instant> {
        let of_slot = |slot: &Slot| {
            let of_phase = match &slot.phase {
                Phase::Starting(starting) => starting.since,
                Phase::Leaving(since) => *since,
                Phase::Empty | Phase::Ready => unreachable!("none of these is"),
            };
            [slot.clock.unwrap().since, slot.expiring.unwrap().asked, of_phase]
        };
        state.slots.iter().flat_map(of_slot).collect()
    }

    #[test]
    fn a_pause_sets_every_clock_forward_and_none_into_the_future() {
        let (begin, ms) = (Instant::now(), Duration::from_millis);
        let long_ago = begin.checked_sub(ms(10_000)).expect("the machine is up for some seconds");
        let mut state = since(long_ago);
        state.forgive(ms(4_000));
        assert_eq!(clocks(&state), [long_ago + ms(4_000); 6]);
        // These were set after the stop, by a thread that woke before the supervisor.
        let mut state = since(begin);
        state.forgive(ms(4_000));
        let now = Instant::now();
        assert!(clocks(&state).into_iter().all(|since| (begin..=now).contains(&since)), "{:?}", clocks(&state));
    }

    #[test]
    fn what_the_supervisor_works_between_two_sleeps_is_no_pause() {
        let (ms, start) = (Duration::from_millis, Instant::now());
        let (mut pauses, mut now) = (Pauses::default(), start);
        for work in [0, 90, 250, 600, 990] {
            assert_eq!(pauses.at(now, Some(ms(20))), None, "{work}");
            now += ms(20);
            assert_eq!(pauses.at(now, Some(WORK)), None, "{work}");
            now += ms(work);
        }
        assert_eq!(pauses.at(now + ms(1_000), None), Some(ms(1_990) - WORK), "stopped in the midst of its work");
    }

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
