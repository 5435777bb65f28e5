//! The log of `run`: a line for each command, in the columns that GNU parallel has, so that what reads those reads these.

use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use mpexec::names::shown;
use mpexec::tasks::{CommandEnd, CommandExit};

use crate::failure::Failure;

const TITLES: &str = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

/// The log, open. A line is there as soon as its command has ended.
#[derive(Debug)]
pub(super) struct Joblog {
    file: File,
    path: PathBuf,
    /// Of whole lines.
    bytes: u64,
}

impl Joblog {
    /// Begins the log.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(super) fn create(path: &Path) -> Result<Joblog, Failure> {
        let failed = |error| Failure::files(format!("{}: cannot be written: {error}", shown(path)));
        let mut file = File::create(path).map_err(failed)?;
        file.write_all(TITLES.as_bytes()).map_err(failed)?;
        Ok(Joblog { file, path: path.into(), bytes: TITLES.len() as u64 })
    }

    /// Adds a command.
    ///
    /// # Errors
    /// As [`create`](Joblog::create).
    pub(super) fn add(&mut self, number: u64, end: &CommandEnd, command: &[u8]) -> Result<(), Failure> {
        let (code, signal) = match &end.exit {
            CommandExit::Code(code) | CommandExit::NotStarted(code, _) => (*code, 0),
            CommandExit::Signal(signal) => (0, *signal),
            // What it was ended by.
            CommandExit::TimedOut | CommandExit::Asked => (-1, 15),
            CommandExit::Killed => (-1, 9),
            CommandExit::NoOutput(_) => (126, 0),
        };
        let (started, seconds, received) = (end.started, end.seconds, end.stdout.len());
        let mut line =
            format!("{number}\t:\t{started:.3}\t{seconds:10.3}\t0\t{received}\t{code}\t{signal}\t").into_bytes();
        line.extend_from_slice(&on_one_line(command));
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // Half a line is none. What is no file of a length, as a pipe, keeps what it has.
            let _ = self.file.set_len(self.bytes);
            return Err(Failure::files(format!("{}: cannot be written: {error}", shown(&self.path))));
        }
        self.bytes += line.len() as u64;
        Ok(())
    }
}

/// A command that a shell does the same with, without line ends.
fn on_one_line(command: &[u8]) -> Cow<'_, [u8]> {
    if !command.contains(&b'\n') {
        return Cow::Borrowed(command);
    }
    let mut line = b"eval \"$(printf %b '".to_vec();
    for byte in command {
        match byte {
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\'' => line.extend_from_slice(b"'\\''"),
            _ => line.push(*byte),
        }
    }
    line.extend_from_slice(b"')\"");
    Cow::Owned(line)
}
