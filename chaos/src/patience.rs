//! Time that counts only while this process runs: a machine that stands still for a while is no reason to give up.

use std::time::{Duration, Instant};

/// Between two looks no more than this counts, however long it was.
const MOST: Duration = Duration::from_millis(100);

/// How long something was waited for, in looks.
#[derive(Debug)]
pub(crate) struct Patience {
    looked: Instant,
    waited: Duration,
}

impl Patience {
    pub(crate) fn new() -> Patience {
        Patience { looked: Instant::now(), waited: Duration::ZERO }
    }

    /// Another look. Says how long it was waited by now.
    pub(crate) fn look(&mut self) -> Duration {
        self.look_at(Instant::now())
    }

    fn look_at(&mut self, now: Instant) -> Duration {
        self.waited += now.saturating_duration_since(self.looked).min(MOST);
        self.looked = now;
        self.waited
    }

    /// Something has happened: from the beginning.
    pub(crate) fn again(&mut self) {
        *self = Patience::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_in_which_nobody_could_look_counts_no_more_than_a_look() {
        let mut patience = Patience::new();
        let begin = patience.looked;
        let millis = Duration::from_millis;
        assert_eq!(patience.look_at(begin + millis(30)), millis(30));
        assert_eq!(patience.look_at(begin + Duration::from_secs(3600)), millis(30) + MOST);
        assert_eq!(patience.look_at(begin + Duration::from_secs(3600) + millis(5)), millis(35) + MOST);
    }
}
