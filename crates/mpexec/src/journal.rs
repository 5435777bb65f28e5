//! What is told of a run beside its result: a page (`--report`), a trace (`--trace`), advice at its end.
//!
//! The files are opened before the work begins, so that one that cannot be written is heard of at once, and they appear when it is over,
//! complete, however it ended. Where none of this was asked for, nothing is kept and nothing is measured.

mod advice;
mod figures;
mod page;
mod run;
mod trace;

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use mpexec_core::Pool;
use mpexec_data::Output;

use self::figures::Figures;
pub(crate) use self::run::Ending;
use self::run::{Named, Run};
use crate::console::{Console, Level};
use crate::failure::Failure;
use crate::processors;
use crate::wanted::Wanted;

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    kept: OnceLock<Kept>,
}

#[derive(Debug)]
struct Kept {
    advice: bool,
    command: String,
    began: SystemTime,
    clock: Instant,
    files: Mutex<Files>,
    /// Nanoseconds spent on reading input, and on handing results on.
    input: AtomicU64,
    output: AtomicU64,
    named: Mutex<Named>,
}

/// Taken by the first who writes them.
#[derive(Debug, Default)]
struct Files {
    over: bool,
    report: Option<Output>,
    trace: Option<Output>,
}

impl Journal {
    /// From now on it is kept, of this command line.
    ///
    /// # Errors
    /// A [`Failure`] of files if one of them cannot be made.
    pub(crate) fn open(&self, wanted: &Wanted, words: &[std::ffi::OsString]) -> Result<(), Failure> {
        if !wanted.anything() {
            return Ok(());
        }
        let create = |path: &Option<PathBuf>| path.as_ref().map(Output::create).transpose();
        let files = Files { over: false, report: create(&wanted.report)?, trace: create(&wanted.trace)? };
        let words: Vec<_> = words.iter().map(|word| quoted(&word.to_string_lossy())).collect();
        // It is opened once.
        let _ = self.kept.set(Kept {
            advice: wanted.advice,
            command: words.join(" "),
            began: SystemTime::now(),
            clock: Instant::now(),
            files: Mutex::new(files),
            input: AtomicU64::new(0),
            output: AtomicU64::new(0),
            named: Mutex::default(),
        });
        Ok(())
    }

    /// Whether it is kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.get().is_some()
    }

    /// Reads input by this; how long that takes is kept.
    pub(crate) fn reading<T>(&self, read: impl FnOnce() -> T) -> T {
        self.timed(|kept| &kept.input, read)
    }

    /// Hands results on by this; how long that takes is kept.
    pub(crate) fn handing_on<T>(&self, hand_on: impl FnOnce() -> T) -> T {
        self.timed(|kept| &kept.output, hand_on)
    }

    fn timed<T>(&self, sum: impl Fn(&Kept) -> &AtomicU64, does: impl FnOnce() -> T) -> T {
        let Some(kept) = self.kept.get() else { return does() };
        let began = Instant::now();
        let done = does();
        sum(kept).fetch_add(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        done
    }

    /// One of the command's own tasks took so long.
    pub(crate) fn took(&self, time: Duration, name: impl FnOnce() -> String) {
        let Some(kept) = self.kept.get() else { return };
        lock(&kept.named).took(time, name);
    }

    /// One of the command's own tasks failed.
    pub(crate) fn failed(&self, what: impl FnOnce() -> String) {
        let Some(kept) = self.kept.get() else { return };
        lock(&kept.named).failed(what);
    }

    /// A call of the first job came back, and means a failure; `worker` ran it.
    pub(crate) fn ended_badly(&self, worker: u32, call: u64) {
        let Some(kept) = self.kept.get() else { return };
        lock(&kept.named).ended_badly(worker, call);
    }

    /// The run is over: writes what was asked for, once, and gives advice. What cannot be written is told as an error.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(crate) fn close(&self, ending: &Ending, pool: Option<&Pool>, console: &Console) -> Result<(), Failure> {
        let Some(kept) = self.kept.get() else { return Ok(()) };
        // Held to the end: whoever comes second, to end the program, waits for the first.
        let mut files = lock(&kept.files);
        if std::mem::replace(&mut files.over, true) {
            return Ok(());
        }
        let figures = kept.figures(ending, pool);
        if kept.advice {
            for advice in &figures.advice {
                console.advice(&format!("{}: {}", advice.why, advice.remedy));
            }
        }
        let written = |error: std::io::Error| Failure::files(error.to_string());
        if let Some(output) = files.report.take() {
            let path = output.path().to_path_buf();
            let output = write(output, |out| page::write(&figures, out)).map_err(written)?;
            output.commit()?;
            console.note(Level::Verbose, &format!("report: {}", path.display()));
        }
        if let Some(output) = files.trace.take() {
            write(output, |out| trace::write(&figures, out)).map_err(written)?.commit()?;
        }
        Ok(())
    }
}

/// Errors of writing to an [`Output`] are whole lines.
fn write(output: Output, write: impl FnOnce(&mut BufWriter<Output>) -> std::io::Result<()>) -> std::io::Result<Output> {
    let mut out = BufWriter::with_capacity(64 << 10, output);
    write(&mut out)?;
    out.flush()?;
    out.into_inner().map_err(std::io::IntoInnerError::into_error)
}

impl Kept {
    fn figures(&self, ending: &Ending, pool: Option<&Pool>) -> Figures {
        let load = |sum: &AtomicU64| Duration::from_nanos(sum.load(Ordering::Relaxed));
        let named = lock(&self.named).clone();
        Figures::of(Run {
            command: self.command.clone(),
            began: self.began,
            elapsed: self.clock.elapsed(),
            ending: ending.clone(),
            recording: named.marked(pool.and_then(Pool::recording).unwrap_or_default()),
            workers: pool.map_or(0, Pool::workers),
            transport: pool.map_or("none", |pool| pool.transport().name()),
            input: load(&self.input),
            output: load(&self.output),
            named,
            processors: mpexec_core::count_processors().chosen,
            busy: pool.map_or(Duration::ZERO, |pool| processors::time_of(&pool.pids())),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A word as a shell wants it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+,./:@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_shown_as_a_shell_reads_it() {
        assert_eq!(["run", "a b", "it's", ""].map(quoted), ["run", "'a b'", "'it'\\''s'", "''"]);
    }
}
