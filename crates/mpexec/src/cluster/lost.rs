//! What is told of ranges that no job has computed.

use std::collections::BTreeSet;

use mpexec::names::{one_line, shown};
use mpexec_runs::{Missing, RunError};

use super::{Cluster, State, rounds};
use crate::engines::Ended;
use crate::numbers::counted;

impl Cluster {
    /// What is missing, where it was last tried, and the end of what was said there.
    pub(super) fn given_up(
        &self,
        left: &[&Missing],
        shards: Option<&BTreeSet<u64>>,
        lost: &[Ended],
        state: &State,
    ) -> RunError {
        let of = state.known.shards.unwrap_or(1);
        let told = shards.into_iter().flatten().take(3).map(|shard| {
            let keys: Vec<_> =
                left.iter().filter(|range| range.range % of == *shard).map(|range| &range.key[..]).collect();
            let keys = if keys.len() > 3 {
                format!("{} and {} more", keys[..3].join(", "), keys.len() - 3)
            } else {
                keys.join(", ")
            };
            let why = lost.iter().find(|one| one.shard == *shard);
            let why =
                why.map_or_else(|| format!("shard {shard} ended, and its results did not come"), ToString::to_string);
            let said = self.script.said(*shard);
            let said = if said.is_empty() { String::new() } else { format!("; it said: {said}") };
            format!("{why}, {keys}{said}")
        });
        let told = told.collect::<Vec<_>>().join("; ");
        let more = shards.map_or(0, |all| all.len().saturating_sub(3));
        let more = if more > 0 { format!("; and {more} more shards") } else { String::new() };
        let count = counted(left.len() as u64, "range");
        let refused = lost.iter().any(|one| one.refused);
        let hopeless = refused || lost.iter().any(|one| one.cancelled);
        let tries = if hopeless { String::new() } else { format!(" after {} tries", rounds::SUBMISSIONS) };
        let message = format!(
            "{}: {count} missing{tries}: {told}{more}; what is published stays, and mpexec runs resume {} goes on (with \
             --on local, here)",
            self.settings.engine.name,
            shown(&self.folder)
        );
        if refused { RunError::Refused { message } } else { RunError::NotComputed { message, begun: true } }
    }

    /// Nobody says whether jobs are alive.
    pub(super) fn unheard(&self, why: &str) -> RunError {
        let message = format!(
            "{}: nobody says how the jobs are: {}; they may go on all the same, and mpexec runs resume {} takes their results",
            self.settings.engine.name,
            one_line(why),
            shown(&self.folder)
        );
        RunError::NotComputed { message, begun: true }
    }
}
