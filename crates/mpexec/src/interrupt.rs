//! Signals that ask the program to end, carried out.
//!
//! What a signal means is decided in `stage.rs`; here are the handlers, the grace and the way out. `ctrlc` takes Ctrl-C;
//! `signal-hook` the others, because `ctrlc` does not tell which came. Neither replaces a signal that the program was
//! started to ignore: `nohup mpexec ..` and `mpexec .. &` in a script stay what they are.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use mpexec_core::Pool;

use crate::console::Console;
use crate::exit::{Exit, Signal};
use crate::failure::Failure;
use crate::numbers::grouped;
use crate::stage::{Reaction, Stage};

/// How long what runs may take to come to its end after the first signal.
const GRACE: Duration = Duration::from_secs(2);

const UNKNOWN: u64 = u64::MAX;

/// The command as the signals see it: where it is, how far it is, and what must be ended with it.
#[derive(Debug)]
pub(crate) struct Running {
    console: Arc<Console>,
    stage: Mutex<Stage>,
    stopping: AtomicBool,
    /// So that two ways out give one message.
    told: AtomicBool,
    /// All rows of the work; [`UNKNOWN`] before it begins.
    rows: AtomicU64,
    done: AtomicU64,
    pool: OnceLock<Arc<Pool>>,
    work: Work,
}

/// What the message says about the work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// What is done with a row: `counted`, `made`.
    pub(crate) verb: &'static str,
    /// Whether a file was to be written.
    pub(crate) file: bool,
}

impl Running {
    /// Takes the signals over; from now on they end the program in good order.
    pub(crate) fn start(console: Arc<Console>, work: Work) -> Arc<Running> {
        let running = Arc::new(Running {
            console,
            stage: Mutex::default(),
            stopping: AtomicBool::new(false),
            told: AtomicBool::new(false),
            rows: AtomicU64::new(UNKNOWN),
            done: AtomicU64::new(0),
            pool: OnceLock::new(),
            work,
        });
        handle_signals(&running);
        running
    }

    /// The work on so many rows begins.
    pub(crate) fn begin(&self, rows: u64) {
        self.rows.store(rows, Ordering::Relaxed);
        self.stage().begin();
    }

    /// The workers to be ended with the program.
    pub(crate) fn holds(&self, pool: Arc<Pool>) {
        // There is one pool in a command, so the place is free.
        let _ = self.pool.set(pool);
    }

    /// So many more rows are done.
    pub(crate) fn advance(&self, rows: u64) {
        self.done.fetch_add(rows, Ordering::Relaxed);
    }

    /// Whether nothing new is to be begun.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Why a command that noticed [`is_stopping`](Running::is_stopping) ends.
    pub(crate) fn asked(&self) -> Failure {
        let signal = self.stage().stopping().unwrap_or(Signal::Interrupt);
        Failure::Asked(signal)
    }

    /// What a failure means here: once the program is being ended, whatever fails fails because of that. Says how far
    /// the work was.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        let stopping = self.stage().stopping();
        match (stopping, failure) {
            (Some(signal), Failure::Error { .. }) | (_, Failure::Asked(signal)) => {
                self.tell(signal);
                Failure::Asked(signal)
            }
            (_, failure) => failure,
        }
    }

    /// All is computed: the result may be shown.
    ///
    /// # Errors
    /// [`Failure::Asked`] if a signal came first: then nothing may be shown.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        self.stage().finish().map_err(Failure::Asked)
    }

    /// Says, once, how far the work was when it was ended.
    pub(crate) fn tell(&self, signal: Signal) {
        if self.told.swap(true, Ordering::SeqCst) {
            return;
        }
        let rows = self.rows.load(Ordering::Relaxed);
        let done = self.done.load(Ordering::Relaxed);
        let stage = *self.stage();
        self.console.note(crate::console::Level::Quiet, &message(signal, stage, self.work, done, rows));
    }

    fn stage(&self) -> std::sync::MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signalled(self: &Arc<Running>, signal: Signal) {
        let reaction = self.stage().signalled(signal);
        self.stopping.store(true, Ordering::Relaxed);
        match reaction {
            Reaction::Leave(signal) => self.leave(signal),
            Reaction::Stop => {
                let running = Arc::clone(self);
                // A thread of its own, because the next signal comes on this one.
                let waiting = std::thread::Builder::new().name("mpexec-grace".into()).spawn(move || {
                    std::thread::park_timeout(GRACE);
                    running.leave(signal);
                });
                if waiting.is_err() {
                    self.leave(signal);
                }
            }
        }
    }

    /// Ends the program, whatever the main thread is at.
    fn leave(&self, signal: Signal) -> ! {
        if let Some(pool) = self.pool.get() {
            pool.terminate();
        }
        self.tell(signal);
        std::process::exit(Exit::Signalled(signal).code().into())
    }
}

fn message(signal: Signal, stage: Stage, work: Work, done: u64, rows: u64) -> String {
    let what = signal.participle();
    let file = match (work.file, stage) {
        (false, _) | (_, Stage::Finishing) => "",
        (true, _) => "; no file written",
    };
    match rows {
        UNKNOWN => format!("{what} before any row was {}{file}", work.verb),
        rows => format!("{what}: {} of {} rows {}{file}", grouped(done), grouped(rows), work.verb),
    }
}

fn handle_signals(running: &Arc<Running>) {
    let ignored = ignored_signals();
    let wanted = |signal: Signal| ignored & (1 << (signal.number() - 1)) == 0;
    if wanted(Signal::Interrupt) {
        let running = Arc::clone(running);
        // Where a handler cannot be set, the signal ends the program in its own way: less polite, and right.
        let _ = ctrlc::set_handler(move || running.signalled(Signal::Interrupt));
    }
    let others: Vec<Signal> =
        Signal::ALL.into_iter().filter(|&signal| signal != Signal::Interrupt && wanted(signal)).collect();
    let Ok(mut signals) = signal_hook::iterator::Signals::new(others.iter().map(|signal| i32::from(signal.number())))
    else {
        return;
    };
    let running = Arc::clone(running);
    let _ = std::thread::Builder::new().name("mpexec-signals".into()).spawn(move || {
        for number in signals.forever() {
            if let Some(&signal) = others.iter().find(|signal| i32::from(signal.number()) == number) {
                running.signalled(signal);
            }
        }
    });
}

/// The signals this program was started to ignore, as a mask whose lowest bit is signal 1.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    mask_in(&status)
}

fn mask_in(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: Work = Work { verb: "counted", file: true };

    #[test]
    fn the_message_says_how_far_it_came_and_that_no_file_is_there() {
        let told = message(Signal::Interrupt, Stage::Stopping(Signal::Interrupt), COUNT, 1_234_567, 20_000_000);
        assert_eq!(told, "interrupted: 1,234,567 of 20,000,000 rows counted; no file written");
        let early = message(Signal::Terminate, Stage::Stopping(Signal::Terminate), COUNT, 0, UNKNOWN);
        assert_eq!(early, "terminated before any row was counted; no file written");
    }

    #[test]
    fn the_message_says_nothing_of_a_file_nobody_asked_for_or_that_may_be_there() {
        let none = Work { verb: "counted", file: false };
        let told = message(Signal::Hangup, Stage::Working, none, 5, 10);
        assert_eq!(told, "hung up: 5 of 10 rows counted");
        let late = message(Signal::Interrupt, Stage::Finishing, COUNT, 10, 10);
        assert_eq!(late, "interrupted: 10 of 10 rows counted");
    }

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        assert_eq!(mask_in("Name:\tmpexec\nSigBlk:\t0\nSigIgn:\t0000000000001003\nSigCgt:\t0\n"), 0x1003);
        assert_eq!(mask_in("nothing of that"), 0);
    }
}
