//! What a task had printed when it took its worker down: read from the memory that the worker printed to. With its job it is
//! kept until it is asked for.

use std::io;
use std::os::fd::OwnedFd;

use crate::os::sheet::Sheet;

/// How much of standard error the report of a death shows.
const LAST_WORDS: u64 = 4 << 10;

/// The two that one worker prints to.
#[derive(Debug)]
pub(crate) struct Sheets {
    stdout: Sheet,
    stderr: Sheet,
}

/// What was printed, and how much more there was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Printed {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub stdout_cut: u64,
    pub stderr_cut: u64,
}

impl Sheets {
    /// Ours, and the worker's standard output and error.
    pub(super) fn new() -> io::Result<(Sheets, [Option<OwnedFd>; 2])> {
        let sheets = Sheets { stdout: Sheet::new()?, stderr: Sheet::new()? };
        let theirs = [Some(sheets.stdout.to_print_to()?), Some(sheets.stderr.to_print_to()?)];
        Ok((sheets, theirs))
    }

    /// All that is there, `most` bytes of each. A worker may have made them as long as it likes.
    pub(super) fn read(&self, most: u64) -> Printed {
        let cut = |sheet: &Sheet| sheet.len().saturating_sub(most);
        Printed {
            stdout: self.stdout.read(0, most),
            stderr: self.stderr.read(0, most),
            stdout_cut: cut(&self.stdout),
            stderr_cut: cut(&self.stderr),
        }
    }

    /// The end of standard error.
    pub(super) fn last_words(&self) -> String {
        let from = self.stderr.len().saturating_sub(LAST_WORDS);
        String::from_utf8_lossy(&self.stderr.read(from, LAST_WORDS)).trim_end().to_owned()
    }
}
