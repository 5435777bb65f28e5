//! Further tries of commands that fail. Each try is a call of its own, so that each has its own time and none is made twice, whatever a worker comes to
//! meanwhile.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use mpexec::tasks::{CommandEnd, CommandExit, CommandJob};
use mpexec_core::TaskError;

/// The commands that have no end yet, if they may be tried again: by the number of the call, with the tries that are left.
pub(super) struct Retries {
    most: u32,
    open: Mutex<HashMap<u64, (CommandJob, u32)>>,
}

impl Retries {
    /// Each may be tried so often again.
    pub(super) fn new(most: u32) -> Retries {
        Retries { most, open: Mutex::default() }
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
            Ok(end) => !matches!(end.exit, CommandExit::Code(0) | CommandExit::Asked),
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
