//! Results that are written one after another while others are still being made: a line must not wait for the next one.
//!
//! A thread writes to standard output. While it writes, what comes meanwhile gathers and is written at once, so slow results are seen when
//! they are there and fast ones cost no system call each. A reader that is too slow holds up the work, not the memory.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use mpexec_data::{Output, PackedWriter, Packing};

use crate::failure::Failure;
use crate::interrupt::Running;
use crate::plan::Place;
use crate::stdout::Stdout;

/// So much may wait to be written.
const MOST: usize = 4 << 20;

/// To a file, so much is written at once.
const BLOCK: usize = 1 << 18;

/// The place of the results, open.
#[derive(Debug)]
pub(crate) enum Printer {
    /// They are written as they come.
    Stdout(Writer),
    /// They appear all together, at the end.
    File { output: Box<PackedWriter<Output>>, block: Vec<u8> },
}

/// The thread that writes to standard output, from the other side.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write, or there will be no more.
    more: Condvar,
    /// Something was written.
    less: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// The writer has nothing to do.
    idle: bool,
    ended: bool,
    failed: Option<Failure>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, mut out: Stdout) {
        let mut block = Vec::new();
        let mut state = self.lock();
        loop {
            while state.waiting.is_empty() && !state.ended {
                state.idle = true;
                state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle = false;
            }
            if state.waiting.is_empty() {
                return;
            }
            std::mem::swap(&mut state.waiting, &mut block);
            drop(state);
            self.less.notify_one();
            let written = out.write_all(&block);
            block.clear();
            state = self.lock();
            if let Err(error) = written {
                state.failed = Some(Failure::stdout(&error));
                self.less.notify_one();
                return;
            }
        }
    }
}

impl Printer {
    /// Opens the place; a file is compressed so.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(crate) fn open(place: &Place, packing: Option<Packing>) -> Result<Printer, Failure> {
        match place {
            Place::File(path) => {
                let output = PackedWriter::new(Output::create(path)?, packing).map_err(|error| cannot(&error))?;
                Ok(Printer::File { output: Box::new(output), block: Vec::new() })
            }
            Place::Stdout => {
                let (out, shared) = (Stdout::lines()?, Arc::new(Shared::default()));
                let theirs = Arc::clone(&shared);
                let thread = std::thread::Builder::new().name("mpexec-print".into()).spawn(move || theirs.write(out));
                let thread = thread.map_err(|error| {
                    Failure::files(format!(
                        "standard output: the thread that is to write it cannot be started: {error}"
                    ))
                })?;
                Ok(Printer::Stdout(Writer { shared, thread: Some(thread) }))
            }
        }
    }

    /// Hands this on to be written.
    ///
    /// # Errors
    /// A [`Failure`] of files or [`Failure::ReaderLeft`], of this or of something before it.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Printer::Stdout(writer) => writer.push(bytes),
            Printer::File { output, block } => {
                block.extend_from_slice(bytes);
                if block.len() < BLOCK {
                    return Ok(());
                }
                flush(output, block)
            }
        }
    }

    /// All was handed on: waits until it is written, and gives the file its name.
    ///
    /// # Errors
    /// As [`push`](Printer::push).
    pub(crate) fn finish(self, running: &Running) -> Result<(), Failure> {
        match self {
            Printer::Stdout(mut writer) => writer.finish(),
            Printer::File { mut output, mut block } => {
                flush(&mut output, &mut block)?;
                running.name(output.finish().map_err(|error| cannot(&error))?)
            }
        }
    }

    /// The work was stopped half way: what was printed stays, a file does not appear.
    pub(crate) fn stop(self) {
        if let Printer::Stdout(mut writer) = self {
            // The program is leaving because of something else, and says that.
            let _ = writer.finish();
        }
    }
}

fn flush(output: &mut PackedWriter<Output>, block: &mut Vec<u8>) -> Result<(), Failure> {
    output.write_all(block).map_err(|error| cannot(&error))?;
    block.clear();
    Ok(())
}

/// The errors of writing to an [`Output`] are whole lines already.
fn cannot(error: &std::io::Error) -> Failure {
    Failure::files(error.to_string())
}

impl Writer {
    fn push(&self, bytes: &[u8]) -> Result<(), Failure> {
        let full = |state: &mut State| state.waiting.len() >= MOST && state.failed.is_none();
        let waited = self.shared.less.wait_while(self.shared.lock(), full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = &state.failed {
            return Err(failure.clone());
        }
        state.waiting.extend_from_slice(bytes);
        if state.idle {
            drop(state);
            self.shared.more.notify_one();
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.shared.lock().ended = true;
        self.shared.more.notify_one();
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, what it had not written would be missed below.
            let _ = thread.join();
        }
        match self.shared.lock().failed.take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}
