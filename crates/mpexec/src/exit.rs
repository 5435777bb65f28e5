//! The exit codes, all of them: the table of the README, as code.

use std::process::ExitCode;

/// How the program ends. Scripts depend on these numbers; they do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done; or whoever read standard output had read enough.
    Done,
    /// A task failed: a worker died under it again and again, or it panicked.
    TaskFailed,
    /// The command line means nothing.
    Usage,
    /// An input could not be read or an output not written.
    Files,
    /// No worker could be started.
    Pool,
    /// Of a share of a run alone: the input has what cannot be taken, and nobody need try it again elsewhere.
    Refused,
    /// The program was asked to end.
    Signalled(Signal),
}

/// The signals that ask the program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The terminal is gone.
    Hangup,
    /// Ctrl-C.
    Interrupt,
    /// Somebody's `kill`.
    Terminate,
}

impl Signal {
    pub(crate) const ALL: [Signal; 3] = [Signal::Hangup, Signal::Interrupt, Signal::Terminate];

    /// The same on every system that has signals.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Signal::Hangup => 1,
            Signal::Interrupt => 2,
            Signal::Terminate => 15,
        }
    }

    /// What happened to the program, to begin a message with.
    pub(crate) const fn participle(self) -> &'static str {
        match self {
            Signal::Hangup => "hung up",
            Signal::Interrupt => "interrupted",
            Signal::Terminate => "terminated",
        }
    }
}

impl Exit {
    /// The number that the shell sees; a signal's as if it had killed the program.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::TaskFailed => 1,
            Exit::Usage => 2,
            Exit::Files => 3,
            Exit::Pool => 4,
            Exit::Refused => 65,
            Exit::Signalled(signal) => 128 + signal.number(),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_the_table() {
        let table = [
            (Exit::Done, 0),
            (Exit::TaskFailed, 1),
            (Exit::Usage, 2),
            (Exit::Files, 3),
            (Exit::Pool, 4),
            (Exit::Refused, 65),
            (Exit::Signalled(Signal::Hangup), 129),
            (Exit::Signalled(Signal::Interrupt), 130),
            (Exit::Signalled(Signal::Terminate), 143),
        ];
        for (exit, code) in table {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }
}
