//! The end of a command before its goal: what the signals do to it.
//!
//! What a signal means is decided in `stage.rs` and how it is caught in `signals.rs`; here are the grace, the message and
//! the way out.

mod dismissal;
mod hooks;
mod step;
mod telling;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use mpexec_core::Pool;
use mpexec_data::Output;
use mpexec_runs::RunFolder;

use crate::console::{Console, Level};
use crate::exit::{Exit, Signal};
use crate::failure::Failure;
use crate::journal::Journal;
use crate::pause::pause;
use crate::signals::{self, Arrived, Wish};
use crate::stage::{Reaction, Stage};
use crate::status;
use crate::stdout;
use hooks::Hooks;
use telling::message;

/// How long what runs may take to come to its end after the first signal, before anybody has said how long.
const GRACE: Duration = Duration::from_secs(2);

/// A quarter of the grace at its end, and no more than this, is for what must be asked to end.
const ASKED: Duration = Duration::from_secs(2);

/// How long the output may take to get its name.
const NAMING: Duration = Duration::from_secs(2);

/// How long the message and the line that is being printed may take to be written, should nobody read them.
const MESSAGE: Duration = Duration::from_secs(1);

/// Ctrl-C ends all programs of a pipeline. If the reader is the quicker, its end is seen before the signal; so long is
/// waited for one before the reader is thought to have left by itself.
const AFTER_THE_READER: Duration = Duration::from_millis(50);
const UNKNOWN: u64 = u64::MAX;
const UNCOUNTED: u64 = u64::MAX - 1;

/// The command as the signals see it: where it is, how far it is, and what must be ended with it.
#[derive(Debug, Default)]
pub(crate) struct Running {
    /// Empty until the command line is understood.
    command: OnceLock<(Arc<Console>, Work)>,
    stage: Mutex<Stage>,
    /// The stage has changed.
    changed: Condvar,
    stopping: AtomicBool,
    /// So that two ways out give one message.
    told: AtomicBool,
    /// All rows of the work; [`UNKNOWN`] before it begins, [`UNCOUNTED`] if nobody knows before its end.
    rows: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    step: Mutex<Option<status::Step>>,
    /// When the work began.
    began: OnceLock<Instant>,
    journal: Journal,
    pool: OnceLock<Arc<Pool>>,
    /// Where results are kept.
    run: OnceLock<Arc<RunFolder>>,
    arrived: OnceLock<Arrived>,
    grace: OnceLock<Duration>,
    hooks: Hooks,
}

/// What the message says about the work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// What is counted: `rows`, `commands`.
    pub(crate) unit: &'static str,
    /// What is done with each: `counted`, `made`.
    pub(crate) verb: &'static str,
    /// Whether a file was to be written.
    pub(crate) file: bool,
}

impl Running {
    /// Takes the signals over: from now on they end the program in good order.
    pub(crate) fn start() -> Arc<Running> {
        let running = Arc::new(Running { rows: AtomicU64::new(UNKNOWN), ..Running::default() });
        let signalled = Arc::clone(&running);
        let arrived = signals::listen(move |wish| match wish {
            Wish::End(signal) => signalled.signalled(signal),
            Wish::Status => status::tell(signalled.progressed().as_ref()),
            Wish::Pause => pause(signalled.pool.get().map(Arc::as_ref)),
        });
        // The place is free: this is the only line that fills it.
        let _ = running.arrived.set(arrived);
        running
    }

    /// The command is known, and through which console it speaks.
    pub(crate) fn is(&self, work: Work, console: &Arc<Console>) {
        // There is one command, so the place is free.
        let _ = self.command.set((Arc::clone(console), work));
    }

    /// Through which console the command speaks, once it is known.
    pub(crate) fn console(&self) -> Option<&Arc<Console>> {
        self.command.get().map(|(console, _)| console)
    }

    /// How long what runs may take to come to its end after the first signal.
    pub(crate) fn grants(&self, grace: Duration) {
        // It is said once, with the command line.
        let _ = self.grace.set(grace);
    }

    /// The work on so many rows begins, if that is known.
    pub(crate) fn begin(&self, rows: Option<u64>) {
        self.rows.store(rows.unwrap_or(UNCOUNTED), Ordering::Relaxed);
        // The work begins once.
        let _ = self.began.set(Instant::now());
        self.stage().begin();
    }

    /// The workers to be ended with the program.
    pub(crate) fn holds(&self, pool: Arc<Pool>) {
        // There is one pool in a command, so the place is free.
        let _ = self.pool.set(pool);
    }

    /// Results are kept in this folder.
    pub(crate) fn keeps(&self, run: &Arc<RunFolder>) {
        // There is one in a command, so the place is free.
        let _ = self.run.set(Arc::clone(run));
    }

    /// So many more rows are done.
    pub(crate) fn advance(&self, rows: u64) {
        self.done.fetch_add(rows, Ordering::Relaxed);
    }

    /// One of them has failed.
    pub(crate) fn one_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// What is told of the run beside its result.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Whether nothing new is to be begun.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Waits for so long, or until nothing new is to be begun; then it is true.
    pub(crate) fn stops_within(&self, limit: Duration) -> bool {
        drop(self.changed.wait_timeout_while(self.stage(), limit, |_| !self.is_stopping()));
        self.is_stopping()
    }

    /// To be asked before something is begun that would have to be ended.
    ///
    /// # Errors
    /// [`Failure::Asked`] if the program is asked to end.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.is_stopping() { Err(self.asked()) } else { Ok(()) }
    }

    /// Why a command that noticed [`is_stopping`](Running::is_stopping) ends.
    pub(crate) fn asked(&self) -> Failure {
        Failure::Asked(self.stage().asked().unwrap_or(Signal::Interrupt))
    }

    /// What a failure means here: once the program is being ended, whatever fails fails because of that. Says how far
    /// the work was.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        let signal = match failure {
            Failure::Asked(signal) => Some(signal),
            Failure::ReaderLeft => self.signal_within(AFTER_THE_READER),
            Failure::Error { .. } | Failure::Refused { .. } | Failure::ShareDone => {
                self.stage().asked().or_else(|| self.arrived())
            }
        };
        if signal.is_some() || !self.stage().is_finished() {
            self.hooks.leaving.call(signal);
        }
        let Some(signal) = signal else { return failure };
        self.tell(signal);
        self.dismiss();
        Failure::Asked(signal)
    }

    /// The signal that came, or comes within so much time.
    fn signal_within(&self, limit: Duration) -> Option<Signal> {
        let waited = self.changed.wait_timeout_while(self.stage(), limit, |stage| stage.asked().is_none());
        let (stage, _) = waited.unwrap_or_else(PoisonError::into_inner);
        stage.asked().or_else(|| self.arrived())
    }

    fn arrived(&self) -> Option<Signal> {
        self.arrived.get().and_then(Arrived::first)
    }

    /// Ends the workers and waits until they are gone, so that nobody finds one after the program.
    fn dismiss(&self) {
        if let Some(pool) = self.pool.get() {
            dismissal::of(pool);
        }
        self.hooks.dismissed.call(());
    }

    /// Sees that the input of this number is still what it was, if results of it are kept: before the file that is made of it appears, of several.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(crate) fn input_holds(&self, number: usize) -> Result<(), Failure> {
        Ok(self.run.get().map_or(Ok(()), |run| run.input_holds(number))?)
    }

    /// All is computed: the result may be shown. A file has to be named then, and [`named`](Running::named) be called;
    /// no signal ends the program before that.
    ///
    /// # Errors
    /// [`Failure::Asked`] if a signal came first: then nothing may be shown. One of files if results are kept, and an input is no longer what it was when that began, or
    /// among them is what is none.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        self.run.get().map_or(Ok(()), |run| run.inputs_hold().and_then(|()| run.results_hold()))?;
        let file = self.command.get().is_some_and(|(_, work)| work.file);
        self.stage().finish(file).map_err(Failure::Asked)
    }

    /// Gives an output its name. If results are kept, it is on the disk then, because the run is done as soon as it has it, and results of a run that is done may be removed.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(crate) fn name(&self, output: Output) -> Result<(), Failure> {
        Ok(if self.run.get().is_some() { output.commit_to_disk() } else { output.commit() }?)
    }

    /// The file has its name, or it was refused: `named` says which.
    ///
    /// # Errors
    /// That of `named`, or [`Failure::Asked`] if a signal came meanwhile. The file is there then all the same.
    pub(crate) fn named(&self, named: Result<(), Failure>) -> Result<(), Failure> {
        let late = {
            let mut stage = self.stage();
            stage.named();
            stage.asked()
        };
        self.changed.notify_all();
        named.and(late.map_or(Ok(()), |signal| Err(Failure::Asked(signal))))
    }

    /// Says, once, how far the work was when it was ended.
    fn tell(&self, signal: Signal) {
        if self.told.swap(true, Ordering::SeqCst) {
            return;
        }
        let Some((console, work)) = self.command.get() else {
            return Console::default().note(Level::Quiet, signal.participle());
        };
        let rows = self.rows.load(Ordering::Relaxed);
        let done = self.done.load(Ordering::Relaxed);
        let stage = *self.stage();
        console.note(Level::Quiet, &message(signal, stage, *work, done, rows));
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signalled(self: &Arc<Running>, signal: Signal) {
        // The thread of a later one may be the first to run.
        let reaction = self.stage().signalled(self.arrived().unwrap_or(signal));
        self.stopping.store(true, Ordering::SeqCst);
        self.changed.notify_all();
        self.hooks.stopping.call(());
        match reaction {
            Reaction::Leave(signal) => self.leave(signal),
            Reaction::Stop(signal) => {
                let running = Arc::clone(self);
                // A thread of its own, because the next signal comes on this one.
                let grace = self.grace.get().copied().unwrap_or(GRACE);
                let waiting = std::thread::Builder::new().name("mpexec-grace".into()).spawn(move || {
                    let short = ASKED.min(grace / 4);
                    std::thread::park_timeout(grace - short);
                    running.hooks.short.call(());
                    std::thread::park_timeout(short);
                    running.leave(signal);
                });
                if waiting.is_err() {
                    self.leave(signal);
                }
            }
        }
    }

    /// Ends the program, whatever the main thread is at; only while the output gets its name it is let be, for that is
    /// short.
    fn leave(self: &Arc<Running>, signal: Signal) -> ! {
        drop(self.changed.wait_timeout_while(self.stage(), NAMING, |stage| stage.is_naming()));
        self.hooks.leaving.call(Some(signal));
        self.dismiss();
        let (said, heard) = std::sync::mpsc::channel();
        let running = Arc::clone(self);
        // If nobody reads standard output or standard error, neither must hold us.
        let written = self.journal_of(signal);
        let telling = std::thread::Builder::new().name("mpexec-message".into()).spawn(move || {
            running.tell(signal);
            running.summarise(Exit::Signalled(signal));
            if let (Err(Failure::Error { exit, line }), Some((console, _))) = (&written, running.command.get()) {
                console.error(line, exit.code());
            }
            let _held = stdout::hold();
            // Nobody is left to hear it, or the program ends now; in either case nothing more is written.
            let _ = said.send(());
            loop {
                std::thread::park();
            }
        });
        if telling.is_ok() {
            let _ = heard.recv_timeout(MESSAGE);
        }
        std::process::exit(Exit::Signalled(signal).code().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: Work = Work { unit: "rows", verb: "counted", file: true };

    #[test]
    fn the_message_says_how_far_it_came_and_that_no_file_is_there() {
        let told = message(Signal::Interrupt, Stage::Stopping(Signal::Interrupt), COUNT, 1_234_567, 20_000_000);
        assert_eq!(told, "interrupted: 1,234,567 of 20,000,000 rows counted; no file written");
        let early = message(Signal::Terminate, Stage::Stopping(Signal::Terminate), COUNT, 0, UNKNOWN);
        assert_eq!(early, "terminated before any row was counted; no file written");
    }

    #[test]
    fn a_signal_while_the_file_gets_its_name_is_told_when_it_has_it() {
        let running = Running::default();
        running.is(COUNT, &Arc::default());
        assert_eq!(running.finish(), Ok(()));
        running.stage().signalled(Signal::Terminate);
        assert!(running.stage().is_naming());
        assert_eq!(running.named(Ok(())), Err(Failure::Asked(Signal::Terminate)));
        assert!(!running.stage().is_naming());
    }

    #[test]
    fn the_first_signal_counts_whichever_is_heard_of_first() {
        let running = Arc::new(Running::default());
        running.arrived.set(Arrived::of(Signal::Terminate)).unwrap();
        running.grants(Duration::from_secs(3600));
        running.signalled(Signal::Interrupt);
        assert_eq!(running.asked(), Failure::Asked(Signal::Terminate));
    }

    #[test]
    fn a_reader_that_left_is_believed_if_no_signal_came() {
        let running = Running::default();
        assert_eq!(running.explain(Failure::ReaderLeft), Failure::ReaderLeft);
        running.stage().signalled(Signal::Interrupt);
        assert_eq!(running.explain(Failure::ReaderLeft), Failure::Asked(Signal::Interrupt));
    }

    #[test]
    fn the_message_says_nothing_of_a_file_nobody_asked_for_or_that_may_be_there() {
        let none = Work { unit: "rows", verb: "counted", file: false };
        let told = message(Signal::Hangup, Stage::Working, none, 5, 10);
        assert_eq!(told, "hung up: 5 of 10 rows counted");
        let late = message(Signal::Interrupt, Stage::Done(None), COUNT, 10, 10);
        assert_eq!(late, "interrupted: 10 of 10 rows counted");
        assert_eq!(message(Signal::Hangup, Stage::Working, none, 5, UNCOUNTED), "hung up: 5 rows counted");
    }
}
