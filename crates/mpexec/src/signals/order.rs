//! Which of several signals came first: written down by the handlers themselves.
//!
//! The threads that hear of signals are woken in any order, and `signal-hook` hands on what came together by its numbers. A
//! handler runs at once, so what it writes down is the order in which they came.
#![expect(unsafe_code, reason = "something is done within a signal handler")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::low_level::register;

use crate::exit::Signal;

/// Knows which signal came first, before any thread had the time to react to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrived(Arc<AtomicUsize>);

impl Arrived {
    /// From now on it is written down when this signal comes.
    pub(super) fn note(&self, signal: Signal) {
        let (first, number) = (Arc::clone(&self.0), usize::from(signal.number()));
        let note = move || {
            let _ = first.compare_exchange(0, number, Ordering::SeqCst, Ordering::SeqCst);
        };
        // SAFETY: the action is one exchange of an atomic, which may be done in a handler; it neither allocates nor frees (it is
        // never unregistered), takes no lock and cannot panic.
        let noted = unsafe { register(signal.number().into(), note) };
        // Where it cannot be set, nobody is told more than whoever hears of it.
        drop(noted);
    }

    /// As if this signal had come, for tests.
    #[cfg(test)]
    pub(crate) fn of(signal: Signal) -> Arrived {
        Arrived(Arc::new(AtomicUsize::new(signal.number().into())))
    }

    /// The first signal that asked the program to end.
    pub(crate) fn first(&self) -> Option<Signal> {
        let number = self.0.load(Ordering::SeqCst);
        Signal::ALL.into_iter().find(|signal| usize::from(signal.number()) == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_came_stays_the_first() {
        let arrived = Arrived::default();
        assert_eq!(arrived.first(), None);
        for signal in [Signal::Hangup, Signal::Interrupt, Signal::Terminate] {
            arrived.note(signal);
        }
        for signal in [Signal::Terminate, Signal::Interrupt, Signal::Hangup, Signal::Terminate] {
            signal_hook::low_level::raise(signal.number().into()).unwrap();
            assert_eq!(arrived.first(), Some(Signal::Terminate));
        }
    }
}
