//! The end of a command before its goal: what the signals do to it.
//!
//! What a signal means is decided in `stage.rs` and how it is caught in `signals.rs`; here are the grace, the message and
//! the way out.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use mpexec_core::Pool;

use crate::console::Console;
use crate::exit::{Exit, Signal};
use crate::failure::Failure;
use crate::numbers::grouped;
use crate::signals;
use crate::stage::{Reaction, Stage};

/// How long what runs may take to come to its end after the first signal.
const GRACE: Duration = Duration::from_secs(2);

/// How long killed workers may take to be gone, and a message to be written.
const DISMISSAL: Duration = Duration::from_millis(200);
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
    handlers: OnceLock<signals::Set>,
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
    /// Takes the signals over; from [`begin`](Running::begin) on at the latest they end the program in good order.
    pub(crate) fn start(console: Arc<Console>, work: Work) -> Arc<Running> {
        let running = Arc::new(Running {
            console,
            stage: Mutex::default(),
            stopping: AtomicBool::new(false),
            told: AtomicBool::new(false),
            rows: AtomicU64::new(UNKNOWN),
            done: AtomicU64::new(0),
            pool: OnceLock::new(),
            handlers: OnceLock::new(),
            work,
        });
        let signalled = Arc::clone(&running);
        // The place is free: this is the only line that fills it.
        let _ = running.handlers.set(signals::listen(move |signal| signalled.signalled(signal)));
        running
    }

    /// The work on so many rows begins.
    pub(crate) fn begin(&self, rows: u64) {
        // They were set long ago, but nothing is begun that a signal could not end in good order.
        self.handlers.get().inspect(|handlers| handlers.wait());
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
                self.dismiss();
                Failure::Asked(signal)
            }
            (_, failure) => failure,
        }
    }

    /// Ends the workers and waits until they are gone, so that nobody finds one after the program.
    fn dismiss(&self) {
        if let Some(pool) = self.pool.get() {
            pool.terminate();
            // They are killed, so the wait is short; and what stays alive for all that dies with this process.
            let _ = pool.join_timeout(DISMISSAL);
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
    fn leave(self: &Arc<Running>, signal: Signal) -> ! {
        self.dismiss();
        let (said, heard) = std::sync::mpsc::channel();
        let running = Arc::clone(self);
        // If nobody reads standard error either, the message must not hold us.
        let telling = std::thread::Builder::new().name("mpexec-message".into()).spawn(move || {
            running.tell(signal);
            said.send(())
        });
        if telling.is_ok() {
            let _ = heard.recv_timeout(DISMISSAL);
        }
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
}
