//! The handlers of the signals that ask the program to end.
//!
//! `ctrlc` takes Ctrl-C; `signal-hook` the others, because `ctrlc` does not tell which came. Neither replaces a signal that
//! the program was started to ignore: `nohup mpexec ..` and `mpexec .. &` in a script stay what they are. Setting all
//! this up takes a tenth of a millisecond, which is much of a short run; so the thread that listens does it, while the
//! main one opens files and starts workers.

use std::sync::{Arc, OnceLock};
use std::thread;

use crate::exit::Signal;

/// Tells when the handlers are set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Set(Arc<OnceLock<()>>);

impl Set {
    /// Returns when the handlers are set.
    pub(crate) fn wait(&self) {
        self.0.wait();
    }

    fn now(&self) {
        // It is only ever set once, by the one thread that does it.
        let _ = self.0.set(());
    }
}

/// Calls `on` for each signal that comes from now on, on a thread of its own. A handler that cannot be set is left out:
/// then the signal ends the program in its own way, which is less polite, and right.
pub(crate) fn listen(on: impl Fn(Signal) + Send + Sync + 'static) -> Set {
    let set = Set::default();
    let told = set.clone();
    let on = Arc::new(on);
    let listening = thread::Builder::new().name("mpexec-signals".into()).spawn(move || {
        let wanted = wanted(ignored());
        if wanted.contains(&Signal::Interrupt) {
            let on = Arc::clone(&on);
            let _ = ctrlc::set_handler(move || on(Signal::Interrupt));
        }
        let others = wanted.into_iter().filter(|&signal| signal != Signal::Interrupt);
        let numbers = others.map(|signal| i32::from(signal.number()));
        let mut hooked = signal_hook::iterator::Signals::new(numbers);
        told.now();
        for number in hooked.iter_mut().flat_map(|signals| signals.forever()) {
            if let Some(signal) = Signal::ALL.into_iter().find(|signal| i32::from(signal.number()) == number) {
                on(signal);
            }
        }
    });
    if listening.is_err() {
        set.now();
    }
    set
}

/// All signals but those in a mask whose lowest bit is signal 1.
fn wanted(ignored: u64) -> Vec<Signal> {
    Signal::ALL.into_iter().filter(|signal| ignored & (1 << (signal.number() - 1)) == 0).collect()
}

/// The signals this program was started to ignore, as the kernel's mask of them. Where there is no `/proc`, none.
fn ignored() -> u64 {
    mask_in(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
}

fn mask_in(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_that_were_ignored_at_the_start_are_left_alone() {
        // What `nohup` leaves: SIGHUP; and what a shell leaves to a program in the background: SIGINT and SIGQUIT.
        assert_eq!(wanted(0x1001), [Signal::Interrupt, Signal::Terminate]);
        assert_eq!(wanted(0x6), [Signal::Hangup, Signal::Terminate]);
        assert_eq!(wanted(0), Signal::ALL);
    }

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        assert_eq!(mask_in("Name:\tmpexec\nSigBlk:\t0\nSigIgn:\t0000000000001003\nSigCgt:\t0\n"), 0x1003);
        assert_eq!(mask_in("nothing of that"), 0);
    }
}
