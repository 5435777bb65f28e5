//! When to try again to start a worker that could not be started, and what is told of that.

use std::time::{Duration, Instant};

/// After a worker could not be started while others serve, so long passes until it is tried again, unless room was made.
const PAUSE: Duration = Duration::from_secs(1);

/// The system has no room for more workers: descriptors, processes or memory are used up.
#[derive(Debug, Default)]
pub(super) struct Scarcity {
    until: Option<Instant>,
    /// What was told of it.
    told: Option<String>,
}

impl Scarcity {
    /// A worker could not be started. Whether that is news.
    pub(super) fn began(&mut self, told: String) -> bool {
        self.until = Some(Instant::now() + PAUSE);
        self.told.replace(told.clone()) != Some(told)
    }

    /// It may be tried again: a worker is gone, and with it what it took, or the time has come.
    pub(super) fn may_be_over(&mut self) {
        self.until = None;
    }

    /// Whether it is too early to try again.
    pub(super) fn goes_on(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// Whether it is time to try again.
    pub(super) fn is_due(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Until then.
    pub(super) fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_told_once_and_tried_again_after_a_pause_or_when_room_was_made() {
        let mut scarcity = Scarcity::default();
        assert!(!scarcity.goes_on() && !scarcity.is_due() && scarcity.left().is_none());
        assert!(scarcity.began("too many".into()) && scarcity.goes_on());
        assert!(!scarcity.began("too many".into()), "told already");
        assert!(scarcity.left().is_some_and(|left| left <= PAUSE));
        scarcity.may_be_over();
        assert!(!scarcity.goes_on() && !scarcity.is_due());
        assert!(scarcity.began("something else".into()));
    }
}
