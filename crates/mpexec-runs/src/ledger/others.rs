//! Ranges that others compute: waiting for their turn, and the end of a share.

use super::{Entry, Ledger, Slot, State};
use crate::error::RunError;
use crate::folder::{Missing, Role, Stage};

/// Where the ranges of a stage begin to be counted when it comes to shares: at the number of its table. Of many small files each is a stage of one range, and all of them would be the first
/// share's if each began anew.
pub(super) fn counted_from(stage: &str) -> u64 {
    let mut numbers = stage.split(|letter: char| !letter.is_ascii_digit()).filter(|digits| !digits.is_empty());
    numbers.next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

impl Ledger {
    /// If others are to compute the range whose turn it is, waits until they have.
    pub(super) fn wait_for_others(&mut self) -> Result<(), RunError> {
        self.error.take().map_or(Ok(()), Err)?;
        while self.ended && matches!(self.ranges.front(), Some(Entry { state: State::Elsewhere, .. })) {
            self.see_others();
            let elsewhere =
                (self.first..).zip(&self.ranges).filter(|(_, range)| matches!(range.state, State::Elsewhere));
            let missing: Vec<_> = elsewhere
                .map(|(range, entry)| Missing {
                    range: self.from + range,
                    key: entry.key.clone(),
                    tasks: entry.tasks as u64,
                })
                .collect();
            match (self.run.role(), missing.first()) {
                (Role::Elsewhere(others), Some(first)) if first.range == self.from + self.first => {
                    let stage = Stage { name: &self.stage, follows: self.follows };
                    others.wait(&self.run, &stage, &missing)?;
                    self.see_others();
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// Takes note of what others have published.
    fn see_others(&mut self) {
        for range in &mut self.ranges {
            if matches!(range.state, State::Elsewhere) && self.run.is_published(&range.key) {
                range.state = State::Stored;
            }
        }
    }

    pub(crate) fn is_share(&self) -> bool {
        self.run.is_share()
    }

    /// The name of the range of a task.
    pub(crate) fn key_of(&self, slot: Slot) -> Option<&str> {
        let at = usize::try_from(slot.range.checked_sub(self.first)?).ok()?;
        self.ranges.get(at).map(|range| &range.key[..])
    }

    /// The share of this process is computed. If the results of all are needed and there, they are handed out from now on.
    ///
    /// # Errors
    /// [`RunError::Elsewhere`] if they are not, and those of publishing.
    pub(crate) fn end_share(&mut self, needed: bool) -> Result<(), RunError> {
        self.publisher.wait(None)?;
        if needed {
            self.run.look()?;
            self.see_others();
        }
        self.mute = !needed || self.ranges.iter().any(|range| matches!(range.state, State::Elsewhere));
        if self.mute { Err(RunError::Elsewhere) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_first_range_in_the_share_of_its_number() {
        assert_eq!(["rows", "table7", "table12-rows", "walk0"].map(counted_from), [0, 7, 12, 0]);
    }
}
