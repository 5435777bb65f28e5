//! Commands that have not ended: their arguments, and what they leave if they never do.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use mpexec::tasks::leave_no_part;

/// The arguments of commands that have not ended.
#[derive(Debug, Default)]
pub(super) struct Open(Mutex<HashMap<u64, Vec<u8>>>);

impl Open {
    pub(super) fn put(&self, index: u64, argument: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(index, argument.to_vec());
    }

    pub(super) fn of(&self, index: u64) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&index).cloned().unwrap_or_default()
    }

    pub(super) fn take(&self, index: u64) -> Vec<u8> {
        let argument = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&index);
        argument.unwrap_or_default()
    }
}

/// Takes away what commands left that were killed with their workers.
pub(super) fn leave_no_parts(results: &Path) {
    for folder in results.read_dir().into_iter().flatten().flatten() {
        leave_no_part(&folder.path());
    }
}
