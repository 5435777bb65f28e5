//! Whole programs: coordinators that are killed, and worker programs that are none. This test program starts itself
//! again as a coordinator; broken worker programs are scripts written here.

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod contained;
mod coordinators;
mod descriptors;
mod memory_runs_out;
mod no_more;
mod no_workers;
mod outliving;
mod pauses;
mod reaping;
mod refused;
mod refusing;
mod scarcity;
mod slow_starts;
mod stderr;
mod stdout;
mod stopped_spares;
mod trust;
mod unkillable;

use mpexec_testkit as common;

mpexec_core::init_in_tests!();

/// Held while a program file is written and while a process is started beside the pools: a child that is just being
/// started has all that is open here, and a file that somebody may still write cannot be run.
static WRITING_OR_STARTING: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn writing_or_starting() -> std::sync::MutexGuard<'static, ()> {
    WRITING_OR_STARTING.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
