//! Further tries of commands that fail. Each try is a call of its own, so that each has its own time and none is made twice, whatever a worker comes to
//! meanwhile.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use mpexec::tasks::{CommandEnd, CommandJob};
use mpexec_core::TaskError;

use super::ended::has_failed;

/// The commands that have no end yet.
pub(super) struct Retries {
    most: u32,
    /// Those that may be tried again: by the number of the command's call, with the tries that are left.
    open: Mutex<HashMap<u64, (CommandJob, u32)>>,
    numbers: Mutex<Numbers>,
}

/// The pool counts each try, and so does this: that is the number by which the pool's recording knows it.
#[derive(Debug, Default)]
struct Numbers {
    made: u64,
    /// By the number of the command's call, that of its latest try.
    latest: HashMap<u64, u64>,
}

impl Retries {
    /// Each may be tried so often again.
    pub(super) fn new(most: u32) -> Retries {
        Retries { most, open: Mutex::default(), numbers: Mutex::default() }
    }

    /// Makes a try by `make`, one at a time, so that the pool counts them in the same order.
    pub(super) fn numbered<T>(&self, call: u64, make: impl FnOnce() -> T) -> T {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let number = numbers.made;
        numbers.latest.insert(call, number);
        numbers.made += 1;
        make()
    }

    /// The try of the command has ended: its number.
    pub(super) fn number_of(&self, call: u64) -> u64 {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.latest.remove(&call).unwrap_or(call)
    }

    /// The command is run for the first time.
    pub(super) fn begins(&self, call: u64, job: &CommandJob) {
        if self.most > 0 {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(call, (job.clone(), self.most));
        }
    }

    /// What is to be run again after this outcome; if nothing, the command has come to its end.
    pub(super) fn after(&self, call: u64, outcome: Result<&CommandEnd, &TaskError>) -> Option<CommandJob> {
        let failed = match outcome {
            Ok(end) => has_failed(end),
            // What had more than it may have had would have it again.
            Err(error) => matches!(error, TaskError::Crashed { .. }),
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&call) {
            Some((job, left)) if failed && *left > 0 => {
                *left -= 1;
                Some(job.clone())
            }
            _ => {
                open.remove(&call);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mpexec::tasks::CommandExit;
    use mpexec_core::Exit;

    use super::*;

    fn end(exit: CommandExit) -> CommandEnd {
        CommandEnd {
            exit,
            tries: 1,
            worker: 0,
            started: 0.0,
            seconds: 0.0,
            stdout: vec![].into(),
            stderr: vec![].into(),
        }
    }

    #[test]
    fn a_command_has_so_many_tries_and_no_more_whatever_ends_them() {
        let job = CommandJob { words: vec![], timeout: None, tries: 1, folder: None };
        let retries = Retries::new(2);
        let (failed, late) = (end(CommandExit::Code(3)), end(CommandExit::TimedOut));
        let died = TaskError::Crashed {
            pid: 7,
            exit: Exit::Signal(9),
            stderr: String::new(),
            function: String::new(),
            ran_for: None,
            backtrace: None,
        };
        for call in [4, 5] {
            retries.begins(call, &job);
        }
        assert!(retries.after(4, Ok(&failed)).is_some());
        assert!(retries.after(5, Err(&died)).is_some());
        assert!(retries.after(4, Err(&died)).is_some());
        assert!(retries.after(5, Ok(&end(CommandExit::Code(0)))).is_none(), "it is done");
        assert!(retries.after(4, Ok(&late)).is_none(), "it had three");
        assert!(retries.after(4, Ok(&failed)).is_none() && retries.open.lock().unwrap().is_empty());
        retries.begins(6, &job);
        let memory = TaskError::OutOfMemory { pid: 7, limit: 1, had: None };
        assert!(retries.after(6, Err(&memory)).is_none());
        assert!(Retries::new(0).after(1, Ok(&failed)).is_none());
    }
}
