//! The spare of a pool with limits: a process that was started as a worker and waits to be welcomed, so that who is killed at a limit
//! is replaced at once.
//!
//! It has come as far as every worker comes without knowing its place: it is loaded, has taken its socket and waits there. It has run
//! no hook, has no number and no task, and is counted nowhere. Whichever place is empty next gets it, and another is
//! started when all places are full again. One that dies while it waits is not replaced before a worker had to be started
//! without it: so what lets spares die starts twice as many processes at most as it would without them.

use super::launch::Newcomer;

/// Its token with the supervisor's watcher; a worker's place is far below.
pub(super) const SPARE: u64 = u64::MAX - 1;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Spare {
    pub waiting: Option<Newcomer>,
    /// The last one died while it waited, or could not be started.
    pub failed: bool,
}

impl Spare {
    /// A worker was started without it.
    pub(super) fn may_try_again(&mut self) {
        self.failed = false;
    }

    /// Ends it.
    pub(super) fn end(&mut self) {
        if let Some(mut spare) = self.waiting.take() {
            spare.child.kill_group();
            if spare.child.wait_over(None) {
                let _ = spare.child.try_wait();
            }
        }
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.end();
    }
}
