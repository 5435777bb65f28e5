//! What is handed out.

use std::sync::Arc;

use super::Slot;
use crate::records::Records;

/// The results of a range whose turn has come.
#[derive(Clone, Debug)]
pub struct Done {
    pub(super) range: u64,
    pub(super) first_task: u64,
    pub(super) stored: bool,
    pub(super) records: Arc<Records>,
}

impl Done {
    /// The results, task by task; `None`: there is one that is not to be published.
    pub fn results(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.records.results()
    }

    /// Which of the ranges of its stage it is, from 0 on.
    pub fn range(&self) -> u64 {
        self.range
    }

    /// Which of the tasks of its stage its first is, from 0 on.
    pub fn first_task(&self) -> u64 {
        self.first_task
    }

    /// Whether an earlier run had computed it.
    pub fn is_stored(&self) -> bool {
        self.stored
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        let range = self.range;
        (0..self.records.tasks()).map(move |task| Slot { range, task })
    }
}
