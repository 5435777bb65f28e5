//! What a command as the signals see it tells of itself: how far it is, and at its end the journal.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Running, UNCOUNTED, UNKNOWN, Work};
use crate::exit::{Exit, Signal};
use crate::failure::Failure;
use crate::journal::Ending;
use crate::numbers::grouped;
use crate::stage::Stage;
use crate::status::Progressed;

/// How long the journal may take to be written after a signal.
const WRITING: Duration = Duration::from_secs(2);

impl Running {
    /// How far the work is; `None` before anybody knows what it is.
    pub(crate) fn progressed(&self) -> Option<Progressed> {
        let (console, work) = self.command.get()?;
        let rows = self.rows.load(Ordering::Relaxed);
        Some(Progressed {
            console: Arc::clone(console),
            unit: work.unit,
            verb: work.verb,
            done: self.done.load(Ordering::Relaxed),
            all: Some(rows).filter(|rows| *rows < UNCOUNTED),
            failed: self.failed.load(Ordering::Relaxed),
            step: self.step(),
            elapsed: self.began.get().map(Instant::elapsed),
            pool: self.pool.get().map(|pool| pool.stats()),
        })
    }

    /// Tells programs what came of the work, if there was any.
    pub(crate) fn summarise(&self, exit: Exit) {
        if let Some(progressed) = self.progressed() {
            progressed.summarise(exit.code());
        }
    }

    /// The same after a signal, however little time is left. It is little to write; but the place may be one that does not answer.
    pub(super) fn journal_of(self: &Arc<Running>, signal: Signal) -> Result<(), Failure> {
        if !self.journal.is_kept() {
            return Ok(());
        }
        let (said, heard) = std::sync::mpsc::channel();
        let running = Arc::clone(self);
        let writing = std::thread::Builder::new().name("mpexec-journal".into()).spawn(move || {
            let ending = (Exit::Signalled(signal), Some(signal.participle().to_owned()));
            // Nobody hears it if it took too long.
            let _ = said.send(running.close_journal(ending.0, ending.1));
        });
        if writing.is_err() {
            return Ok(());
        }
        heard.recv_timeout(WRITING).unwrap_or(Ok(()))
    }

    /// The run is over, whether it came to its goal or not: the journal is written.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(crate) fn close_journal(&self, exit: Exit, why: Option<String>) -> Result<(), Failure> {
        let Some((console, work)) = self.command.get().filter(|_| self.journal.is_kept()) else { return Ok(()) };
        let rows = self.rows.load(Ordering::Relaxed);
        let ending = Ending {
            exit,
            why,
            unit: work.unit,
            done: self.done.load(Ordering::Relaxed),
            all: Some(rows).filter(|rows| *rows < UNCOUNTED),
            failed: self.failed.load(Ordering::Relaxed),
        };
        self.journal.close(&ending, self.pool.get().map(Arc::as_ref), console)
    }
}

/// How far the work was when it was ended.
pub(super) fn message(signal: Signal, stage: Stage, work: Work, done: u64, rows: u64) -> String {
    let what = signal.participle();
    let file = if work.file && !stage.is_finished() { "; no file written" } else { "" };
    match rows {
        UNKNOWN => format!("{what} before any {} was {}{file}", work.unit.trim_end_matches('s'), work.verb),
        UNCOUNTED => format!("{what}: {} {} {}{file}", grouped(done), work.unit, work.verb),
        rows => format!("{what}: {} of {} {} {}{file}", grouped(done), grouped(rows), work.unit, work.verb),
    }
}
