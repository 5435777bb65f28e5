//! A recorder with the clock that it goes by.

use super::recorder::Recorder;
use crate::os::clocks;

/// A recorder, and when its time began.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(super) recorder: Recorder,
    pub(super) zero: u64,
}

impl Recorded {
    pub(super) fn begin() -> Box<Recorded> {
        Box::new(Recorded { recorder: Recorder::default(), zero: clocks::now() })
    }

    pub(super) fn now(&self) -> u64 {
        clocks::now().saturating_sub(self.zero)
    }
}
