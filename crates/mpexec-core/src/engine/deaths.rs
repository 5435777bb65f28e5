//! Deaths one after another: how many make a crash loop.
//!
//! A death that is charged to a task is its task's business where that comes to an end by it: with its outcome it is over like any other, and one that may be
//! tried a few times only has its outcome soon. So tasks that kill each worker they meet are named one by one, however many there are. A task that may be tried
//! often, and has killed so many workers that this is a crash loop, ends with that error, alone; deaths that no task is charged with end all calls that wait.

use crate::error::Exit;

/// So many deaths in a row, without a task that has come to its end in between, are a crash loop.
const CRASH_LOOP: u32 = 5;
/// A task that may be tried no more often than this comes to its end by itself.
pub(super) const FEW: u32 = 10;
/// SIGKILL comes from outside: from a user, from the kernel when memory runs out. Of such deaths so many are borne.
const KILLS_BORNE: u32 = 50;

/// The deaths since a task was finished.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row {
    kills: u32,
    others: u32,
}

impl Row {
    /// `fault`: the worker was killed because it broke the protocol.
    pub(super) fn add(&mut self, exit: Exit, fault: bool) {
        if !fault && exit == Exit::Signal(rustix::process::Signal::KILL.as_raw()) {
            self.kills += 1;
        } else {
            self.others += 1;
        }
    }

    pub(super) fn is_crash_loop(self) -> bool {
        self.others >= CRASH_LOOP || self.kills >= KILLS_BORNE
    }

    pub(super) fn len(self) -> u32 {
        self.others + self.kills
    }
}
