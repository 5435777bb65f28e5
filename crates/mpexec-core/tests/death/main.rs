//! Workers die, in every way and at every moment: the calls end with the truth, the pool goes on, nothing is left
//! behind. The tests take turns, because they count what the whole process has.

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod forensics;
mod hooks;
mod inside;
mod large;
mod left_behind;
mod liars;
mod loops;
mod mischief;
mod publishing;
mod scribble;
mod spares;
mod table;
mod ways;

use std::sync::{Mutex, MutexGuard, PoisonError};

#[path = "../common/mod.rs"]
mod common;

mpexec_core::init_in_tests!();

/// One test at a time, under a watchdog.
fn alone() -> (MutexGuard<'static, ()>, common::Watchdog) {
    static TURN: Mutex<()> = Mutex::new(());
    (TURN.lock().unwrap_or_else(PoisonError::into_inner), common::Watchdog::new())
}

const LINKS: [mpexec_core::Transport; 2] = [mpexec_core::Transport::Shm, mpexec_core::Transport::Socket];
