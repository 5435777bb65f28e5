//! Ranges that others compute: waiting for their turn, and the end of a share.

use super::{Entry, Ledger, Slot, State};
use crate::error::RunError;
use crate::folder::{Missing, Role};

impl Ledger {
    /// If others are to compute the range whose turn it is, waits until they have.
    pub(super) fn wait_for_others(&mut self) -> Result<(), RunError> {
        self.error.take().map_or(Ok(()), Err)?;
        while self.ended && matches!(self.ranges.front(), Some(Entry { state: State::Elsewhere, .. })) {
            self.see_others();
            let elsewhere =
                (self.first..).zip(&self.ranges).filter(|(_, range)| matches!(range.state, State::Elsewhere));
            let missing: Vec<_> = elsewhere
                .map(|(range, entry)| Missing { range, key: entry.key.clone(), tasks: entry.tasks as u64 })
                .collect();
            match (self.run.role(), missing.first()) {
                (Role::Elsewhere(others), Some(first)) if first.range == self.first => {
                    others.wait(&self.run, &self.stage, &missing)?;
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
        matches!(self.run.role(), Role::Share(_))
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
