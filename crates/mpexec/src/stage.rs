//! What a signal means at each moment of a command: plain states, no threads, no clock.
//!
//! The first signal during the work lets what runs come to its end; every other one ends the program at once. Whether the
//! output file appears is decided in one step: either the signal came first and it is absent, or `finish` came
//! first and it is complete.

use crate::exit::Signal;

/// Where a command is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Files are opened and workers started; there is nothing to be brought to an end.
    #[default]
    Starting,
    /// The work is going on.
    Working,
    /// A signal has come and what runs is brought to its end.
    Stopping(Signal),
    /// All is computed; the output gets its name and the summary is printed.
    Finishing,
}

/// What is to be done about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Begin nothing new, bring to its end what runs, and leave with the signal's code when the grace is over.
    Stop,
    /// Leave now, with the code of this signal.
    Leave(Signal),
}

impl Stage {
    /// A signal has come.
    pub(crate) fn signalled(&mut self, signal: Signal) -> Reaction {
        match *self {
            Stage::Working => {
                *self = Stage::Stopping(signal);
                Reaction::Stop
            }
            // The first one says why the program ends.
            Stage::Stopping(first) => Reaction::Leave(first),
            Stage::Starting => {
                *self = Stage::Stopping(signal);
                Reaction::Leave(signal)
            }
            Stage::Finishing => Reaction::Leave(signal),
        }
    }

    /// The signal that the work is being stopped for.
    pub(crate) fn stopping(self) -> Option<Signal> {
        match self {
            Stage::Stopping(signal) => Some(signal),
            _ => None,
        }
    }

    /// The work begins.
    pub(crate) fn begin(&mut self) {
        if *self == Stage::Starting {
            *self = Stage::Working;
        }
    }

    /// The work is done and its result may be shown, unless a signal came first.
    pub(crate) fn finish(&mut self) -> Result<(), Signal> {
        if let Some(signal) = self.stopping() {
            return Err(signal);
        }
        *self = Stage::Finishing;
        Ok(())
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
        assert_eq!(stage.signalled(Interrupt), Reaction::Stop);
        assert_eq!(stage.signalled(Interrupt), Reaction::Leave(Interrupt));
    }

    #[test]
    fn the_first_signal_gives_the_exit_code() {
        let mut stage = Stage::Working;
        stage.signalled(Terminate);
        assert_eq!(stage.signalled(Interrupt), Reaction::Leave(Terminate));
        assert_eq!(stage.finish(), Err(Terminate));
    }

    #[test]
    fn before_and_after_the_work_one_signal_is_enough() {
        assert_eq!(Stage::Starting.signalled(Hangup), Reaction::Leave(Hangup));
        assert_eq!(Stage::Finishing.signalled(Hangup), Reaction::Leave(Hangup));
    }

    #[test]
    fn a_signal_before_the_end_keeps_the_result_back_and_one_after_it_does_not() {
        let mut stopped = Stage::Working;
        stopped.signalled(Interrupt);
        assert_eq!(stopped.finish(), Err(Interrupt));
        let mut finished = Stage::Working;
        assert_eq!(finished.finish(), Ok(()));
        assert_eq!(finished, Stage::Finishing);
    }

    #[test]
    fn work_that_was_stopped_does_not_begin_again() {
        let mut stage = Stage::Stopping(Interrupt);
        stage.begin();
        assert_eq!(stage, Stage::Stopping(Interrupt));
    }
}
