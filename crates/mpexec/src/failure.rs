//! Why a command did not come to its end: one line for the user, and the exit code.
//!
//! Every error of the libraries is a whole line already; here it only gets its place in the table of codes. Printing is
//! the business of `main`, in one place.

use std::io;

use mpexec::names::one_line;
use mpexec::tasks::CountFault;
use mpexec_core::{DuplicateName, Exit as WorkerExit, PoolError, TaskError};
use mpexec_data::{DataError, OutputError};

use crate::exit::{Exit, Signal};

/// The end of a command before its goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Something went wrong; the line says what, to what, and if possible what to do.
    Error { exit: Exit, line: String },
    /// The input has what cannot be taken, wherever that is tried.
    Refused { line: String },
    /// Whoever read standard output has gone. That is their right, and no error.
    ReaderLeft,
    /// The share of this process is done, and others do the rest. That is no error.
    ShareDone,
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

    pub(crate) fn pool(line: impl Into<String>) -> Failure {
        Failure::Error { exit: Exit::Pool, line: line.into() }
    }

    /// An error of the pool's in the middle of the work: `line` may quote it.
    pub(crate) fn of_task(error: &TaskError, line: &str) -> Failure {
        let exit = match error {
            // No worker could be had, so it is as if the pool had not started. Tasks of ours never call `exit`: a worker
            // that left by itself could not serve.
            TaskError::Pool(
                PoolError::System { .. }
                | PoolError::WorkerProgram { .. }
                | PoolError::CrashLoop { exit: WorkerExit::Code(_), .. },
            ) => Exit::Pool,
            _ => Exit::TaskFailed,
        };
        Failure::Error { exit, line: told(line) }
    }

    /// Foreign text as a part of a line of ours.
    pub(crate) fn one_line(text: &str) -> String {
        told(text)
    }

    /// Of the parts of a share: one that is done, as far as it is a part of the share, is no reason not to begin with the next. `done` remembers it.
    pub(crate) fn pass_by(part: Result<(), Failure>, done: &mut bool) -> Result<(), Failure> {
        match part {
            Err(Failure::ShareDone) => {
                *done = true;
                Ok(())
            }
            other => other,
        }
    }

    /// The same of a share of a run: whoever waits for it must know whether it is worth another try.
    pub(crate) fn of_share(self) -> Failure {
        match self {
            Failure::Refused { line } => Failure::Error { exit: Exit::Refused, line },
            other => other,
        }
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
            Failure::Refused { .. } => Exit::Files,
            Failure::ReaderLeft | Failure::ShareDone => Exit::Done,
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
        Failure::Error { exit, line: told(&error.to_string()) }
    }
}

/// What a worker wrote to its standard error may be a part of the pool's errors, on lines of its own. It is foreign text,
/// and an error is one line.
fn told(message: &str) -> String {
    let quoted: Vec<_> = message.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(one_line).collect();
    quoted.join(" | ").replacen("stderr: | ", "stderr: ", 1)
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
    fn what_a_worker_wrote_is_quoted_on_the_one_line_of_the_error() {
        let wrote = "the last it wrote to stderr:\nfirst\r\n\u{1b}[31msecond\n\n";
        assert_eq!(told(wrote), "the last it wrote to stderr: first | \\u{1b}[31msecond");
    }

    #[test]
    fn workers_that_die_under_a_task_are_its_failure_and_workers_that_cannot_serve_the_pools() {
        let row = |exit| {
            let (program, stderr) = ("mpexec-worker".into(), String::new());
            let error = TaskError::Pool(PoolError::CrashLoop { program, deaths: 5, pid: 7, exit, stderr });
            Failure::of_task(&error, "rows").exit()
        };
        assert_eq!(row(WorkerExit::Signal(7)), Exit::TaskFailed);
        assert_eq!(row(WorkerExit::Code(97)), Exit::Pool);
        let refused = PoolError::System { what: "start a worker".into(), message: "try again".into() };
        assert_eq!(Failure::of_task(&TaskError::Pool(refused), "rows").exit(), Exit::Pool);
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
