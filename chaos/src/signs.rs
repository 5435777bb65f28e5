//! Signs of life: what the threads of a round leave for the watchdog.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells the watchdog what goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signs(Arc<[AtomicU64; 2]>);

impl Signs {
    /// A round begins.
    pub(crate) fn round(&self, number: u64) {
        self.0[0].store(number, Ordering::Relaxed);
        self.of_life();
    }

    /// Something has come to its end.
    pub(crate) fn of_life(&self) {
        self.0[1].fetch_add(1, Ordering::Relaxed);
    }

    /// Which round it is.
    pub(crate) fn round_now(&self) -> u64 {
        self.0[0].load(Ordering::Relaxed)
    }

    /// How many signs there were.
    pub(crate) fn count(&self) -> u64 {
        self.0[1].load(Ordering::Relaxed)
    }
}
