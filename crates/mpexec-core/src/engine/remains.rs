//! What is left to be done for a worker that was buried, once its replacement is on the way: it takes a while, and nobody waits for it.

use super::Engine;
use super::slot::Slot;

/// See the head of this file.
#[derive(Debug)]
#[must_use]
pub(super) struct Remains {
    /// Its rings, pipes and papers.
    pub slot: Slot,
    /// What is told of its end.
    pub note: Option<String>,
}

impl Engine {
    /// Lets go of what a dead worker had, and tells of its end.
    pub(super) fn let_rest(&self, Remains { slot, note }: Remains) {
        drop(slot);
        note.iter().for_each(|note| self.note(note));
    }
}
