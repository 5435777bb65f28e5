//! Why a command did not come to its end: one line for the user, and the exit code.
//!
//! Every error of the libraries is a whole line already; here it only gets its place in the table of codes. Printing is
//! the business of `main`, in one place.

use std::io;

use mpexec::tasks::CountFault;
use mpexec_core::{DuplicateName, PoolError};
use mpexec_data::{DataError, OutputError};

use crate::exit::{Exit, Signal};

/// The end of a command before its goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Something went wrong; the line says what, to what, and if possible what to do.
    Error { exit: Exit, line: String },
    /// Whoever read standard output has gone. That is their right, and no error.
    ReaderLeft,
    /// A signal asked the program to end. What is left of the work is told where the signals are handled.
    Asked(Signal),
}

impl Failure {
    pub(crate) fn usage(line: impl Into<String>) -> Failure {
        Failure::Error { exit: Exit::Usage, line: line.into() }
    }

    pub(crate) fn files(line: impl Into<String>) -> Failure {
        Failure::Error { exit: Exit::Files, line: line.into() }
    }

    pub(crate) fn task(line: impl Into<String>) -> Failure {
        Failure::Error { exit: Exit::TaskFailed, line: line.into() }
    }

    /// An error of writing to standard output.
    pub(crate) fn stdout(error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ReaderLeft,
            _ => Failure::files(format!("standard output: cannot be written: {error}")),
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Error { exit, .. } => *exit,
            Failure::ReaderLeft => Exit::Done,
            Failure::Asked(signal) => Exit::Signalled(*signal),
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Failure {
        Failure::files(error.to_string())
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Failure {
        Failure::files(error.to_string())
    }
}

impl From<CountFault> for Failure {
    fn from(fault: CountFault) -> Failure {
        Failure::files(fault.to_string())
    }
}

impl From<DuplicateName> for Failure {
    fn from(error: DuplicateName) -> Failure {
        Failure::Error { exit: Exit::Pool, line: error.to_string() }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Failure {
        let exit = match error {
            PoolError::BadSetting { .. } => Exit::Usage,
            _ => Exit::Pool,
        };
        Failure::Error { exit, line: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_no_error_and_a_full_disk_is_one() {
        let left = Failure::stdout(&io::ErrorKind::BrokenPipe.into());
        assert_eq!(left.exit(), Exit::Done);
        let full = Failure::stdout(&io::ErrorKind::StorageFull.into());
        assert_eq!(full.exit(), Exit::Files);
    }

    #[test]
    fn each_error_of_the_libraries_has_its_code() {
        let missing = mpexec_data::NpyFile::open("nowhere/data.bin").map(drop);
        assert_eq!(Failure::from(missing.unwrap_err()).exit(), Exit::Files);
        let output = mpexec_data::Output::create("nowhere/counts.npy").map(drop);
        assert_eq!(Failure::from(output.unwrap_err()).exit(), Exit::Files);
        assert_eq!(Failure::from(PoolError::NotInitialised).exit(), Exit::Pool);
    }
}
