//! How a command has ended, and whether that ends the work.

use mpexec::names::one_line;
use mpexec::tasks::{CommandEnd, CommandExit};
use mpexec_core::{Exit, TaskError};

use crate::failure::Failure;
use crate::numbers::Halt;

/// What became of a command.
pub(super) enum Ended<'a> {
    /// It has come to an end.
    Itself(&'a CommandEnd),
    /// It was asked to end with all others: nothing is told of it, as of those that never began.
    Asked,
    /// It took its worker along, or was killed with it; and that in words.
    Lost(CommandEnd, String),
    /// It was not run: there is no pool that could.
    Never(&'a TaskError),
}

impl<'a> Ended<'a> {
    /// By the outcome of its call.
    pub(super) fn of(outcome: Result<&'a CommandEnd, &'a TaskError>) -> Ended<'a> {
        match outcome {
            Ok(CommandEnd { exit: CommandExit::Asked, .. }) => Ended::Asked,
            Ok(end) => Ended::Itself(end),
            Err(error @ (TaskError::Pool(_) | TaskError::PoolClosed { .. })) => Ended::Never(error),
            Err(error) => {
                let exit = match error {
                    // The pool's own limit comes after a command's and the time that it has to end.
                    TaskError::TimedOut { .. } => CommandExit::Killed,
                    _ => CommandExit::Signal(9),
                };
                let failure = told(&exit).filter(|_| matches!(error, TaskError::TimedOut { .. }));
                let failure = failure.unwrap_or_else(|| Failure::one_line(&error.to_string()));
                let empty = Vec::new;
                let (stdout, stderr) = (empty().into(), empty().into());
                Ended::Lost(
                    CommandEnd { exit, tries: 1, worker: 0, started: 0.0, seconds: 0.0, stdout, stderr },
                    failure,
                )
            }
        }
    }
}

impl Halt {
    /// Whether so many failures of so many commands end the work.
    pub(super) fn is_reached(self, failed: u64, done: u64) -> bool {
        match self.percent {
            false => failed >= self.failures,
            true => failed >= 3 && failed * 100 >= self.failures * done,
        }
    }
}

/// Whether it came to a bad end by itself.
pub(super) fn has_failed(end: &CommandEnd) -> bool {
    !matches!(end.exit, CommandExit::Code(0) | CommandExit::Asked)
}

/// How it failed, in words; `None` if it did not.
pub(super) fn told(exit: &CommandExit) -> Option<String> {
    match exit {
        CommandExit::Code(0) => None,
        CommandExit::Code(code) => Some(format!("exited with code {code}")),
        CommandExit::Signal(signal) => Some(Exit::Signal(*signal).to_string()),
        CommandExit::Asked => Some("was asked to end".to_owned()),
        CommandExit::TimedOut => Some("took longer than its time limit".to_owned()),
        CommandExit::Killed => Some("took longer than its time limit, and did not end when it was asked to".to_owned()),
        CommandExit::NotStarted(_, why) | CommandExit::NoOutput(why) => {
            Some(format!("could not be run ({})", one_line(why)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_by_number_or_by_share_of_failures() {
        let halt = |failures, percent| Halt { now: false, failures, percent };
        assert!(halt(2, false).is_reached(2, 100) && !halt(2, false).is_reached(1, 1));
        assert!(halt(10, true).is_reached(3, 30) && !halt(10, true).is_reached(3, 31));
        assert!(!halt(10, true).is_reached(2, 2), "two are too few to tell");
    }
}
