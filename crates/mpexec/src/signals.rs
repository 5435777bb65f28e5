//! The handlers of the signals that ask the program to end, to pause or to say how far it is.
//!
//! `ctrlc` takes Ctrl-C; `signal-hook` the others, because `ctrlc` does not tell which came. Neither replaces a signal that
//! the program was started to ignore: `nohup mpexec ..` and `mpexec .. &` in a script stay what they are. They are set as
//! the first thing in `main`, so that a signal ends the program with its code and a message. One that comes earlier, while
//! the system still loads the program, kills it as it kills any other; nothing of ours is there yet to be left behind.

mod order;

use std::sync::{Arc, mpsc};
use std::thread;

use signal_hook::consts::{SIGTSTP, SIGUSR1};
use signal_hook::iterator;

pub(crate) use self::order::Arrived;
use crate::exit::Signal;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That the program ends.
    End(Signal),
    /// That it pauses: Ctrl-Z.
    Pause,
    /// That it says how far it is: SIGUSR1.
    Status,
}

/// Calls `on` for each signal that comes from now on, on threads of its own, in any order: [`Arrived`] knows which was the first. A handler that cannot be set is left out:
/// then the signal ends the program in its own way, which is less polite, and right.
pub(crate) fn listen(on: impl Fn(Wish) + Send + Sync + 'static) -> Arrived {
    let (on, arrived) = (Arc::new(on), Arrived::default());
    let (hooked, ready) = mpsc::channel::<iterator::Signals>();
    let told = Arc::clone(&on);
    let listening = thread::Builder::new().name("mpexec-signals".into()).spawn(move || {
        let Ok(mut signals) = ready.recv() else { return };
        for number in signals.forever() {
            let signal = Signal::ALL.into_iter().find(|signal| i32::from(signal.number()) == number);
            told(match signal {
                Some(signal) => Wish::End(signal),
                None if number == SIGUSR1 => Wish::Status,
                None => Wish::Pause,
            });
        }
    });
    if listening.is_err() {
        // A signal that is caught and that nobody hears would be one that is ignored.
        return arrived;
    }
    let ignored = ignored();
    let wanted = wanted(ignored);
    if wanted.contains(&Signal::Interrupt) {
        let _ = ctrlc::set_handler(move || on(Wish::End(Signal::Interrupt)));
    }
    let others = wanted.iter().filter(|&&signal| signal != Signal::Interrupt);
    let mut numbers: Vec<_> = others.map(|signal| i32::from(signal.number())).collect();
    numbers.extend([SIGTSTP, SIGUSR1].into_iter().filter(|number| !is_in(ignored, number.unsigned_abs())));
    if let Ok(signals) = iterator::Signals::new(numbers) {
        // The thread waits for just this.
        let _ = hooked.send(signals);
    }
    for signal in &wanted {
        // What was set before is called too. It comes last, for what is only noted here nobody would react to.
        arrived.note(*signal);
    }
    arrived
}

/// All signals but those in a mask whose lowest bit is signal 1.
fn wanted(ignored: u64) -> Vec<Signal> {
    Signal::ALL.into_iter().filter(|signal| !is_in(ignored, signal.number().into())).collect()
}

fn is_in(mask: u64, number: u32) -> bool {
    mask & (1 << (number - 1)) != 0
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
        assert!(is_in(0x80000, 20) && !is_in(0x80000, 19));
    }
}
