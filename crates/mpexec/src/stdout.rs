//! Standard output: the one way to it, whatever it is.
//!
//! It is written without the line buffer of the standard library, because what comes here is in large pieces already. A
//! pipe that does not block (somebody else's setting, which all who hold the pipe share) is waited for. Lines go into a pipe
//! in pieces that the system takes whole or not at all and that end with a line; into a file they go in large pieces that
//! whoever ends the program waits for. So a program that is ended in the middle of its output leaves no half of one.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};

use crate::early;
use crate::failure::Failure;

/// What a pipe takes whole or not at all: 4,096 bytes on Linux, and everywhere at least 512.
const ATOMIC: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// Held during each write.
static WRITING: Mutex<()> = Mutex::new(());

/// Waits until what is being written is written, and lets nothing more be written as long as the guard lives.
pub(crate) fn hold() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Standard output, open.
#[derive(Debug)]
pub(crate) struct Stdout {
    file: File,
    whole_lines: bool,
}

impl Stdout {
    /// For bytes that have no lines.
    ///
    /// # Errors
    /// A [`Failure`] of files, if the program was started without it.
    pub(crate) fn bytes() -> Result<Stdout, Failure> {
        if early::stdout_was_closed() {
            return Err(Failure::stdout(&io::Error::other("it is closed")));
        }
        let file =
            io::stdout().as_fd().try_clone_to_owned().map(File::from).map_err(|error| Failure::stdout(&error))?;
        Ok(Stdout { file, whole_lines: false })
    }

    /// For lines.
    ///
    /// # Errors
    /// As [`bytes`](Stdout::bytes).
    pub(crate) fn lines() -> Result<Stdout, Failure> {
        let Stdout { file, .. } = Stdout::bytes()?;
        let kind = file.metadata().map(|metadata| metadata.file_type());
        let whole_lines = kind.is_ok_and(|kind| kind.is_fifo());
        Ok(Stdout { file, whole_lines })
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = if self.whole_lines { &bytes[..whole_lines(bytes)] } else { bytes };
        let _writing = hold();
        loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], None)?;
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Brings what was written to the disk, if it is a file.
///
/// # Errors
/// A [`Failure`] of files, if the disk does not take it.
pub(crate) fn sync() -> Result<(), Failure> {
    // If there is none, nothing was printed.
    let Ok(Stdout { file, .. }) = Stdout::bytes() else { return Ok(()) };
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Ok(());
    }
    file.sync_all().map_err(|error| Failure::stdout(&error))
}

/// The length of the longest beginning that a pipe takes at once and that ends with a line; of a longer line, a part.
fn whole_lines(bytes: &[u8]) -> usize {
    if bytes.len() <= ATOMIC {
        return bytes.len();
    }
    bytes[..ATOMIC].iter().rposition(|&byte| byte == b'\n').map_or(ATOMIC, |end| end + 1)
}

/// Whether somebody sees standard output as it is written.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_given_whole_lines_that_it_takes_at_once() {
        let lines = b"1\t5\n".repeat(3000);
        assert_eq!(whole_lines(&lines), 4096);
        let odd = b"12\t34\n".repeat(3000);
        assert_eq!(whole_lines(&odd), 4092);
        assert_eq!(whole_lines(&odd[..12]), 12);
        assert_eq!(whole_lines(&[b'x'; 5000]), 4096);
    }
}
