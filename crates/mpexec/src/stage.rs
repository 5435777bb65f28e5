//! What a signal means at each moment of a command: plain states, no threads, no clock.
//!
//! The first signal lets what runs come to its end; every other one ends the program at once. Whether the output file
//! appears is decided in one step: either the signal came first and it is absent, or `finish` came first and it is
//! complete. While it gets its name nothing may end the program, because that can take two system calls.

use crate::exit::Signal;

/// Where a command is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Files are opened and workers started. They are not left alone: the main thread ends what it has begun.
    #[default]
    Starting,
    /// The work is going on.
    Working,
    /// A signal has come and what runs is brought to its end.
    Stopping(Signal),
    /// All is computed, the output gets its name; a signal that came too late waits for that.
    Naming(Option<Signal>),
    /// The output is there, the summary is printed.
    Done(Option<Signal>),
}

/// What is to be done about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Begin nothing new, bring to its end what runs, and leave with this signal's code when the grace is over.
    Stop(Signal),
    /// Leave with the code of this signal: now, or as soon as the output has its name.
    Leave(Signal),
}

impl Stage {
    /// A signal has come.
    pub(crate) fn signalled(&mut self, signal: Signal) -> Reaction {
        match self {
            Stage::Starting | Stage::Working => {
                *self = Stage::Stopping(signal);
                Reaction::Stop(signal)
            }
            // The first one says why the program ends.
            Stage::Stopping(first) => Reaction::Leave(*first),
            Stage::Naming(late) | Stage::Done(late) => Reaction::Leave(*late.get_or_insert(signal)),
        }
    }

    /// The first signal that came, whenever that was.
    pub(crate) fn asked(self) -> Option<Signal> {
        match self {
            Stage::Starting | Stage::Working => None,
            Stage::Stopping(signal) => Some(signal),
            Stage::Naming(late) | Stage::Done(late) => late,
        }
    }

    /// Whether the program must not end yet.
    pub(crate) fn is_naming(self) -> bool {
        matches!(self, Stage::Naming(_))
    }

    /// Whether the result may be there.
    pub(crate) fn is_finished(self) -> bool {
        matches!(self, Stage::Naming(_) | Stage::Done(_))
    }

    /// The work begins.
    pub(crate) fn begin(&mut self) {
        if *self == Stage::Starting {
            *self = Stage::Working;
        }
    }

    /// The work is done and its result may be shown, unless a signal came first. `file` says that there is one to be
    /// named.
    pub(crate) fn finish(&mut self, file: bool) -> Result<(), Signal> {
        if let Stage::Stopping(signal) = *self {
            return Err(signal);
        }
        *self = if file { Stage::Naming(None) } else { Stage::Done(None) };
        Ok(())
    }

    /// The output has its name, or never will.
    pub(crate) fn named(&mut self) {
        if let Stage::Naming(late) = *self {
            *self = Stage::Done(late);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Signal::{Hangup, Interrupt, Terminate};

    #[test]
    fn the_first_signal_stops_the_work_and_the_second_ends_the_program() {
        let mut stage = Stage::default();
        stage.begin();
        assert_eq!(stage.signalled(Interrupt), Reaction::Stop(Interrupt));
        assert_eq!(stage.signalled(Interrupt), Reaction::Leave(Interrupt));
    }

    #[test]
    fn the_first_signal_gives_the_exit_code() {
        let mut stage = Stage::Working;
        stage.signalled(Terminate);
        assert_eq!(stage.signalled(Interrupt), Reaction::Leave(Terminate));
        assert_eq!((stage.finish(true), stage.asked()), (Err(Terminate), Some(Terminate)));
    }

    #[test]
    fn workers_that_are_being_started_are_ended_by_who_starts_them() {
        let mut stage = Stage::Starting;
        assert_eq!(stage.signalled(Hangup), Reaction::Stop(Hangup));
        stage.begin();
        assert_eq!(stage, Stage::Stopping(Hangup), "work that was stopped does not begin again");
    }

    #[test]
    fn a_signal_before_the_end_keeps_the_result_back_and_one_after_it_does_not() {
        let mut stopped = Stage::Working;
        stopped.signalled(Interrupt);
        assert_eq!(stopped.finish(true), Err(Interrupt));
        assert!(!stopped.is_finished());
        let mut finished = Stage::Working;
        assert_eq!(finished.finish(true), Ok(()));
        assert!(finished.is_finished());
    }

    #[test]
    fn a_signal_while_the_output_gets_its_name_waits_for_that() {
        let mut stage = Stage::Working;
        assert_eq!(stage.finish(true), Ok(()));
        assert_eq!(stage.signalled(Hangup), Reaction::Leave(Hangup));
        assert!(stage.is_naming());
        stage.named();
        assert!(!stage.is_naming());
        assert_eq!((stage.asked(), stage.signalled(Interrupt)), (Some(Hangup), Reaction::Leave(Hangup)));
        let mut printed = Stage::Working;
        assert_eq!(printed.finish(false), Ok(()));
        assert!(!printed.is_naming(), "there is no name to wait for");
    }
}
