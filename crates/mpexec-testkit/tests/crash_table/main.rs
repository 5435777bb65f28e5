//! The table of deaths: every kind of failure at every moment, over every link. Each cell is tried in a process of its own, which asserts
//! exactly what comes of it, within its deadline, that the pool goes on, and that it has afterwards what it had before.
//!
//! What must come is data (`mpexec_testkit::table`); how it is brought about stands here, a file for each group of moments. Which cells there are
//! and what is looked at from outside of their processes stands in `cells`.

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod at_exit;
mod before;
mod case;
mod cells;
mod document;
mod idle;
mod in_a_task;
mod programs;
mod stopped;

use std::sync::{Mutex, MutexGuard, PoisonError};

use mpexec_testkit::Watchdog;

mpexec_testkit::init_in_tests!();

/// One test at a time, under a watchdog.
fn alone() -> (MutexGuard<'static, ()>, Watchdog) {
    static TURN: Mutex<()> = Mutex::new(());
    (TURN.lock().unwrap_or_else(PoisonError::into_inner), Watchdog::new())
}
