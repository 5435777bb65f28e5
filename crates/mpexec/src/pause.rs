//! Ctrl-Z: the program and its workers pause together, and go on together.
//!
//! Workers have process groups of their own, so the terminal's signal does not reach them, and without this they would go
//! on computing while the shell calls the program stopped.

use std::collections::BTreeSet;

use mpexec_core::{Pool, WorkerState};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::SIGSTOP;

/// Stops the workers, then this process; returns when both go on.
///
/// A worker that is just starting computes nothing and is not stopped: in its first moments it could not yet be woken when this process is killed.
pub(crate) fn pause(pool: Option<&Pool>) {
    let mut stopped = BTreeSet::new();
    loop {
        let workers = pool.map(|pool| pool.stats().workers).unwrap_or_default();
        let at_work = workers.iter().filter(|worker| worker.state != WorkerState::Starting).map(|worker| worker.pid);
        let more: Vec<u32> = at_work.filter(|pid| stopped.insert(*pid)).collect();
        if more.is_empty() {
            // Nobody has become ready meanwhile.
            break;
        }
        signal_groups(more, Signal::STOP);
    }
    // All threads stop before this returns. Where the system refuses (the first process of a container), we go on at once.
    let _ = signal_hook::low_level::raise(SIGSTOP);
    signal_groups(pool.map(Pool::pids).unwrap_or_default(), Signal::CONT);
}

/// The ids are asked for each time, because workers are replaced. A worker leads its group. One that died in this very
/// moment is at worst a number that nobody has, for the kernel gives out all others before it gives one again.
fn signal_groups(pids: impl IntoIterator<Item = u32>, signal: Signal) {
    for pid in pids.into_iter().filter_map(|pid| Pid::from_raw(pid.cast_signed())) {
        let _ = kill_process_group(pid, signal);
    }
}
