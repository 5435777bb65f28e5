//! What an engine says of elements that have ended. It may forget that soon (Slurm after `MinJobAge`, five minutes as shipped and one at busy sites), and the last element may
//! work for hours more: so it is asked while others are alive, too, and what it has said is kept until more is submitted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::engines::{Ended, Shards};

/// So often while elements are alive.
const EVERY: Duration = Duration::from_secs(30);

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Ends {
    known: BTreeMap<u64, Ended>,
    asked: Option<Instant>,
}

impl Ends {
    /// Whether the engine is to be asked while elements are alive.
    pub(super) fn is_due(&self) -> bool {
        self.asked.is_some_and(|asked| asked.elapsed() >= EVERY)
    }

    /// What the engine has said now.
    pub(super) fn said(&mut self, ended: Vec<Ended>) {
        self.asked = Some(Instant::now());
        self.known.extend(ended.into_iter().map(|one| (one.shard, one)));
    }

    /// The last that it has said of each shard since that was submitted.
    pub(super) fn all(&self) -> Vec<Ended> {
        self.known.values().cloned().collect()
    }

    /// There are elements, of which nothing is known.
    pub(super) fn begin(&mut self) {
        self.asked.get_or_insert_with(Instant::now);
    }

    /// These shards were submitted: from now on their new elements count.
    pub(super) fn submitted(&mut self, shards: &Shards) {
        match shards {
            Shards::These { numbers, .. } => self.known.retain(|shard, _| !numbers.contains(shard)),
            Shards::Choose { .. } => self.known.clear(),
        }
        self.asked = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::Worth;

    #[test]
    fn what_was_said_once_is_known_though_it_is_forgotten_there() {
        let mut ends = Ends::default();
        assert!(!ends.is_due(), "nothing was submitted");
        ends.begin();
        assert!(!ends.is_due());
        ends.asked = ends.asked.and_then(|asked| asked.checked_sub(EVERY));
        assert!(ends.is_due());
        let failed = Ended::with_code(3, Some("n1".into()), 1);
        ends.said(vec![failed.clone()]);
        assert!(!ends.is_due());
        ends.said(vec![Ended::with_code(5, None, 0)]);
        assert_eq!(ends.all(), [failed, Ended::with_code(5, None, 0)]);
        // Begun again there, it ended in another way.
        ends.said(vec![Ended::with_code(3, Some("n2".into()), 0)]);
        assert_eq!(ends.all()[0].node.as_deref(), Some("n2"));
        // Of what was not submitted again it stays as it was.
        ends.submitted(&Shards::These { numbers: [5].into(), of: 8 });
        assert_eq!(ends.all().iter().map(|one| one.shard).collect::<Vec<_>>(), [3]);
        ends.submitted(&Shards::Choose { wanted: None, worth: Worth { most: 1, tasks: None } });
        assert_eq!(ends.all(), []);
    }
}
