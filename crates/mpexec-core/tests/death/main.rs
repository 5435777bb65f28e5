//! Workers die, in every way and at every moment: the calls end with the truth, the pool goes on, nothing is left
//! behind. The tests take turns, because they count what the whole process has.

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod calls;
mod false_words;
mod forensics;
mod forks;
mod frozen;
mod hooks;
mod idle;
mod inside;
mod large;
mod left_behind;
mod liars;
mod lingering;
mod loops;
mod mischief;
mod publishing;
mod scribble;
mod spares;

use std::sync::{Mutex, MutexGuard, PoisonError};

use mpexec_testkit as common;
use mpexec_testkit::LINKS;

mpexec_core::init_in_tests!();

/// One test at a time, under a watchdog.
fn alone() -> (MutexGuard<'static, ()>, common::Watchdog) {
    static TURN: Mutex<()> = Mutex::new(());
    (TURN.lock().unwrap_or_else(PoisonError::into_inner), common::Watchdog::new())
}
