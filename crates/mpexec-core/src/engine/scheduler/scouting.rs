//! The first task of a function that was never run goes out alone.
//!
//! To wake a second worker takes longer than a few cheap tasks do. So as long as somebody waits awake for the first task of such a job, nothing
//! else of the job is sent. If the job turns out to be short it stays with one worker; if not, or if whoever waits gives up
//! ([`Scheduler::end_scouting`]), it goes on like any other.

use super::{Job, Scheduler};

impl Job {
    /// Begins the job so, if that is of use: its caller must wait for all of it at once. `true`: it is.
    pub(super) fn scout(&mut self) -> bool {
        self.scouts = self.gathers && self.pace.is_unknown() && self.chunk.is_none() && !self.once;
        self.scouts
    }

    /// Whether nothing of it is to be sent before what was sent is back.
    pub(super) fn holds_off(&self) -> bool {
        self.scouts && self.held > 0
    }

    /// How long its tasks take is known now. `true`: so it does not hold off any longer.
    pub(super) fn has_scouted(&mut self) -> bool {
        let stays = self.total.is_some_and(|total| self.pace.may_be_short(total));
        let ended = self.scouts && !stays;
        self.scouts &= stays;
        ended
    }
}

impl Scheduler {
    /// Whether a job holds off until the tasks come back that it has sent ahead: somebody must look for these, and not for long.
    pub(crate) fn scouting(&self) -> bool {
        self.scouts > 0 && self.jobs.values().any(Job::holds_off)
    }

    /// No job holds off any longer, nor will one that is open. `true`: one might have.
    pub(crate) fn end_scouting(&mut self) -> bool {
        if self.scouts == 0 {
            return false;
        }
        self.jobs.values_mut().for_each(|job| job.scouts = false);
        self.scouts = 0;
        true
    }
}
