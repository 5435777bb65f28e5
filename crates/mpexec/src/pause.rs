//! Ctrl-Z: the program and its workers pause together, and go on together.
//!
//! Workers have process groups of their own, so the terminal's signal does not reach them, and without this they would go
//! on computing while the shell calls the program stopped.

use mpexec_core::Pool;
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::SIGSTOP;

/// Stops the workers, then this process; returns when both go on.
pub(crate) fn pause(pool: Option<&Pool>) {
    signal_workers(pool, Signal::STOP);
    // All threads stop before this returns. Where the system refuses (the first process of a container), we go on at once.
    let _ = signal_hook::low_level::raise(SIGSTOP);
    signal_workers(pool, Signal::CONT);
}

/// The ids are asked for each time, because workers are replaced. A worker leads its group. One that died in this very
/// moment is at worst a number that nobody has, for the kernel gives out all others before it gives one again.
fn signal_workers(pool: Option<&Pool>, signal: Signal) {
    let pids = pool.map(Pool::pids).unwrap_or_default();
    for pid in pids.into_iter().filter_map(|pid| Pid::from_raw(pid.cast_signed())) {
        let _ = kill_process_group(pid, signal);
    }
}
