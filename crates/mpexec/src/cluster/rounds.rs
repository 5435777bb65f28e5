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

/// The same of what is over for longer: of what was submitted for the stage before, and is known to have ended, as the few that have come to this one have published what they have; and of
/// what was submitted by an earlier coordinator, and was alive no more when this one came.
const SHORT_GRACE: Duration = Duration::from_secs(2);

/// Where a stage is.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// Of what computes this stage.
    submissions: u32,
    /// Something was submitted for a stage that this one follows from, or may have been; some of that may have come to this one.
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
    /// Whether this coordinator has submitted something, or has seen it alive.
    pub(super) ours: bool,
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
        let grace = match self.submissions {
            0 if !self.before => Duration::ZERO,
            _ if self.submissions > 0 && seen.all_failed => Duration::ZERO,
            0 if seen.all_ended => SHORT_GRACE,
            // Nobody knows of them any more: they have ended long ago.
            _ if !seen.ours && !seen.all_ended => SHORT_GRACE,
            _ => GRACE,
        };
        if now.duration_since(quiet) < grace {
            return Step::Wait;
        }
        if self.submissions == SUBMISSIONS {
            return Step::GiveUp;
        }
        self.submissions += 1;
        self.quiet = None;
        Step::Submit
    }

    /// Of a stage that is begun, whether it `follows` from an earlier one or not: elements go on to their shares of all stages that do not, so what was `submitted` before, by whomever,
    /// is a first try of those. `begun`: it may have been, by somebody who did not hear of it.
    pub(super) fn of_stage(follows: bool, submitted: bool, begun: bool) -> Rounds {
        Rounds { submissions: u32::from(submitted && !follows), before: submitted || begun, ..Rounds::default() }
    }

    /// Whether what is submitted now was submitted before.
    pub(super) fn is_again(&self) -> bool {
        self.submissions > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GONE: Seen = Seen { alive: Some(false), all_ended: false, all_failed: false, ours: true, hopeless: false };
    const ENDED: Seen = Seen { all_ended: true, ..GONE };
    const FAILED: Seen = Seen { all_failed: true, ..ENDED };
    const UNKNOWN: Seen = Seen { alive: None, ..GONE };

    #[test]
    fn the_first_is_submitted_at_once_and_what_an_earlier_coordinator_has_left_may_be_late() {
        let now = Instant::now();
        assert_eq!(Rounds::default().next(GONE, now), Step::Submit);
        let mut resumed = Rounds::of_stage(false, true, true);
        assert_eq!(resumed.next(Seen { alive: Some(true), ..GONE }, now), Step::Wait);
        assert_eq!(resumed.next(UNKNOWN, now), Step::Wait, "nobody knows");
        assert_eq!([resumed.next(GONE, now), resumed.next(GONE, now + GRACE)], [Step::Wait, Step::Submit]);
        assert!(resumed.is_again());
        // Nobody has seen it alive.
        let (mut resumed, gone) = (Rounds::of_stage(false, true, true), Seen { ours: false, ..GONE });
        assert_eq!([resumed.next(gone, now), resumed.next(gone, now + SHORT_GRACE)], [Step::Wait, Step::Submit]);
        // They have just ended.
        let (mut resumed, ended) = (Rounds::of_stage(false, true, true), Seen { ours: false, ..ENDED });
        assert_eq!([resumed.next(ended, now), resumed.next(ended, now + GRACE)], [Step::Wait, Step::Submit]);
        // Whoever submitted did not hear the number.
        let mut unheard = Rounds::of_stage(false, false, true);
        assert_eq!([unheard.next(gone, now), unheard.next(gone, now + SHORT_GRACE)], [Step::Wait, Step::Submit]);
        assert!(!unheard.is_again());
        assert_eq!(Rounds::of_stage(false, true, true).next(FAILED, now), Step::Submit, "there is nothing to wait for");
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
    fn elements_compute_all_stages_that_do_not_follow_from_another_so_each_is_tried_as_often_and_waited_for() {
        let now = Instant::now();
        let mut next = Rounds::of_stage(false, true, true);
        assert_eq!([next.next(ENDED, now), next.next(ENDED, now + GRACE)], [Step::Wait, Step::Submit]);
        assert!((2..SUBMISSIONS).all(|_| next.next(FAILED, now) == Step::Submit));
        assert_eq!(next.next(FAILED, now), Step::GiveUp);
    }

    #[test]
    fn a_stage_that_follows_from_another_has_tries_of_its_own_and_a_short_grace_if_all_have_ended() {
        let now = Instant::now();
        let begun = || Rounds::of_stage(true, true, true);
        for (seen, grace) in [(GONE, GRACE), (ENDED, SHORT_GRACE), (FAILED, SHORT_GRACE)] {
            let mut next = begun();
            assert_eq!([next.next(seen, now), next.next(seen, now + grace)], [Step::Wait, Step::Submit]);
            assert!(!next.is_again());
            assert_eq!([next.next(FAILED, now), next.next(FAILED, now)], [Step::Submit, Step::Submit]);
            assert!(next.is_again());
        }
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
