//! The outputs of several inputs, all counted: they appear together, at the end, and few of them are open meanwhile.
//!
//! A file without a name is there only as long as it is open. So of many outputs the bytes are put one behind the other into one such
//! file, and at the end each is made of its own.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use mpexec_data::Output;

use super::{Sink, file_error};
use crate::failure::Failure;
use crate::interrupt::Running;

/// So many outputs stay open.
const OPEN: usize = 32;

/// All that is written of outputs that are complete.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    sinks: Vec<Sink>,
    /// The bytes of the others, in a file that never gets a name,
    store: Option<Output>,
    /// and where each will stand, with its length.
    stored: Vec<(PathBuf, u64)>,
}

impl Finished {
    /// Takes one to which nothing more is written.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(crate) fn take(&mut self, sink: Sink) -> Result<(), Failure> {
        if self.sinks.len() < OPEN || !sink.is_file() {
            self.sinks.push(sink);
            return Ok(());
        }
        let Some(output) = sink.complete()? else { return Ok(()) };
        let store = match self.store.take() {
            Some(store) => store,
            // In the folder in which it will stand.
            None => Output::create(output.path())?,
        };
        let store = self.store.insert(store);
        let mut bytes = output.file();
        let copied = bytes.rewind().and_then(|()| io::copy(&mut bytes, store)).map_err(|error| file_error(&error))?;
        self.stored.push((output.path().to_path_buf(), copied));
        Ok(())
    }

    /// The work was stopped half way.
    pub(crate) fn stop(self) {
        self.sinks.into_iter().for_each(Sink::stop);
    }

    /// All files get their names, what is printed is printed to the end.
    ///
    /// # Errors
    /// As [`Sink::finish`].
    pub(crate) fn finish(self, running: &Running) -> Result<(), Failure> {
        self.sinks.into_iter().try_for_each(|sink| sink.finish(running))?;
        let Some(store) = self.store else { return Ok(()) };
        let mut bytes = store.file();
        bytes.seek(SeekFrom::Start(0)).map_err(|error| file_error(&error))?;
        for (path, length) in self.stored {
            let mut output = Output::create(path)?;
            io::copy(&mut bytes.take(length), &mut output).map_err(|error| file_error(&error))?;
            output.flush().map_err(|error| file_error(&error))?;
            running.name(output)?;
        }
        Ok(())
    }
}
