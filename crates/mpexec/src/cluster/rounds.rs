//! When an array is submitted again, and when no more: a plain decision, without a clock and without a cluster.
//!
//! As long as an element is alive, or nobody knows, there is nothing to do: a lost node is the engine's business, which begins its element again. When
//! none is alive and results are missing, they may be on their way through a slow shared folder, so there is a grace; if all that had to bring them are
//! known to have failed, there is none.

use std::time::{Duration, Instant};

/// How often the missing ranges of a stage are submitted at most: once, and three times again.
pub(super) const SUBMISSIONS: u32 = 4;

/// How long results may be on their way.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// So long nobody may answer. A controller is restarted in minutes, and somebody who waits should be told when it is not.
const SILENCE: Duration = Duration::from_secs(3600);

/// Where a stage is.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    submissions: u32,
    /// Something was submitted for a stage before, and what comes of it computes this one too.
    before: bool,
    /// Since when nobody answers.
    silent: Option<Instant>,
    /// Since when no element is alive.
    quiet: Option<Instant>,
}

/// What is seen while results are missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Whether an element is alive, if that is known.
    pub(super) alive: Option<bool>,
    /// Whether each shard of which results are missing is known to have ended, well or not,
    pub(super) all_ended: bool,
    /// and whether each is known to have failed.
    pub(super) all_failed: bool,
    /// Whether another try is no use: one of them has said that its input is at fault, or somebody has cancelled it.
    pub(super) hopeless: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    Submit,
    GiveUp,
}

impl Rounds {
    /// Decides.
    pub(super) fn next(&mut self, seen: Seen, now: Instant) -> Step {
        if seen.alive.is_none() {
            let silent = *self.silent.get_or_insert(now);
            self.quiet = None;
            return if now.duration_since(silent) < SILENCE { Step::Wait } else { Step::GiveUp };
        }
        self.silent = None;
        if seen.alive == Some(true) {
            self.quiet = None;
            return Step::Wait;
        }
        if seen.hopeless {
            return Step::GiveUp;
        }
        let quiet = *self.quiet.get_or_insert(now);
        // What was submitted for an earlier stage seldom computes this one, and who has ended, before the last look at the folder, does so no more.
        let late = if self.submissions > 0 { !seen.all_failed } else { self.before && !seen.all_ended };
        if late && now.duration_since(quiet) < GRACE {
            return Step::Wait;
        }
        if self.submissions == SUBMISSIONS {
            return Step::GiveUp;
        }
        self.submissions += 1;
        self.quiet = None;
        Step::Submit
    }

    /// Those of the stage that comes after this one.
    pub(super) fn of_next_stage(&self) -> Rounds {
        Rounds { before: self.ever_submitted(), ..Rounds::default() }
    }

    /// Whether anything was submitted since this stage began,
    pub(super) fn has_submitted(&self) -> bool {
        self.submissions > 0
    }

    /// or for an earlier one.
    pub(super) fn ever_submitted(&self) -> bool {
        self.has_submitted() || self.before
    }

    /// Whether what is submitted now was submitted before.
    pub(super) fn is_again(&self) -> bool {
        self.submissions > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GONE: Seen = Seen { alive: Some(false), all_ended: false, all_failed: false, hopeless: false };
    const ENDED: Seen = Seen { all_ended: true, ..GONE };
    const FAILED: Seen = Seen { all_failed: true, ..ENDED };
    const UNKNOWN: Seen = Seen { alive: None, ..GONE };

    #[test]
    fn the_first_is_submitted_at_once_unless_an_earlier_coordinator_has_left_one() {
        let now = Instant::now();
        assert_eq!(Rounds::default().next(GONE, now), Step::Submit);
        let mut resumed = Rounds::default();
        assert_eq!(resumed.next(Seen { alive: Some(true), ..GONE }, now), Step::Wait);
        assert_eq!(resumed.next(UNKNOWN, now), Step::Wait, "nobody knows");
        assert_eq!(resumed.next(GONE, now), Step::Submit);
    }

    #[test]
    fn results_may_be_late_unless_all_have_failed() {
        let now = Instant::now();
        let mut rounds = Rounds::default();
        assert_eq!(rounds.next(GONE, now), Step::Submit);
        assert_eq!(rounds.next(GONE, now + GRACE / 2), Step::Wait);
        // Begun again by the engine: the grace begins anew.
        assert_eq!(rounds.next(Seen { alive: Some(true), ..GONE }, now + GRACE), Step::Wait);
        assert_eq!(rounds.next(GONE, now + GRACE * 2), Step::Wait);
        assert_eq!(rounds.next(GONE, now + GRACE * 3), Step::Submit);
        assert_eq!(rounds.next(FAILED, now + GRACE * 3), Step::Submit, "there is nothing to wait for");
    }

    #[test]
    fn results_of_the_next_stage_may_be_late_too() {
        let (now, mut rounds) = (Instant::now(), Rounds::default());
        assert_eq!(rounds.of_next_stage().next(GONE, now), Step::Submit, "nothing was submitted before");
        assert_eq!(rounds.next(GONE, now), Step::Submit);
        let mut next = rounds.of_next_stage();
        assert_eq!([next.next(GONE, now), next.next(GONE, now + GRACE)], [Step::Wait, Step::Submit]);
    }

    #[test]
    fn nobody_waits_for_a_next_stage_whose_elements_are_known_to_have_ended() {
        let (now, mut rounds) = (Instant::now(), Rounds::default());
        assert_eq!(rounds.next(GONE, now), Step::Submit);
        assert_eq!(rounds.next(ENDED, now), Step::Wait, "what they have computed of this stage may be late");
        let mut next = rounds.of_next_stage();
        assert!(next.ever_submitted() && !next.has_submitted());
        assert_eq!(next.next(ENDED, now), Step::Submit);
        assert!(!next.is_again());
        assert_eq!(next.next(FAILED, now), Step::Submit);
        assert!(next.is_again());
    }

    #[test]
    fn an_hour_without_an_answer_is_the_end_and_an_answer_begins_it_anew() {
        let (now, mut rounds) = (Instant::now(), Rounds::default());
        assert_eq!(rounds.next(UNKNOWN, now), Step::Wait);
        assert_eq!(rounds.next(UNKNOWN, now + SILENCE / 2), Step::Wait);
        assert_eq!(rounds.next(Seen { alive: Some(true), ..GONE }, now + SILENCE / 2), Step::Wait);
        assert_eq!(rounds.next(UNKNOWN, now + SILENCE), Step::Wait);
        assert_eq!(rounds.next(UNKNOWN, now + SILENCE * 2), Step::GiveUp);
    }

    #[test]
    fn what_the_input_is_to_blame_for_is_not_tried_again_but_others_come_to_their_end() {
        let (now, mut rounds) = (Instant::now(), Rounds::default());
        assert_eq!(rounds.next(GONE, now), Step::Submit);
        assert_eq!(rounds.next(Seen { alive: Some(true), hopeless: true, ..GONE }, now), Step::Wait);
        assert_eq!(rounds.next(Seen { hopeless: true, ..GONE }, now), Step::GiveUp);
    }

    #[test]
    fn after_three_more_tries_there_is_no_other() {
        let (now, mut rounds) = (Instant::now(), Rounds::default());
        assert!((0..SUBMISSIONS).all(|_| rounds.next(FAILED, now) == Step::Submit));
        assert_eq!(rounds.next(FAILED, now), Step::GiveUp);
    }
}
