//! A system that takes very long to start a process holds nobody up: limits are kept meanwhile, and a pool can end.
//!
//! What takes long is made by a lease: who opens a file that somebody has leased waits until it is given back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use mpexec_core::{Pool, TaskError, Workers};

use crate::common::processes::children;
use crate::common::{LINKS, Scratch, Watchdog, forever, wait_until};
use crate::refusing::Lease;

/// Less than the lease's 45 seconds, and much more than a time limit and a kill take on a slow machine.
const SOON: Duration = Duration::from_secs(40);

#[mpexec_core::task]
pub(crate) fn leaves() {
    std::process::exit(3);
}

#[mpexec_core::task]
fn never_ends() {
    forever();
}

#[mpexec_core::task]
pub(crate) fn adds_one(n: u32) -> u32 {
    n + 1
}

/// This program as a script that starts it: a script is opened anew for each start.
pub(crate) fn script() -> Scratch {
    let _turn = crate::writing_or_starting();
    let file = Scratch::new();
    let own = std::env::current_exe().unwrap();
    fs::write(file.path(), format!("#!/bin/sh\nexec '{}' \"$@\"\n", own.display())).unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o755)).unwrap();
    file
}

#[test]
fn limits_are_kept_and_a_pool_ends_while_the_system_is_slow_to_start_a_process() {
    let _watchdog = Watchdog::new();
    for link in LINKS {
        let program = script();
        let builder = Pool::builder().worker_program(program.path()).transport(link).workers(Workers::Exact(2));
        let pool = builder.build().unwrap();
        assert!(pool.wait_ready(None));
        let Some(lease) = Lease::of(program.path()) else {
            crate::common::skipped("no file can be leased here");
            return;
        };
        let Err(TaskError::Crashed { .. }) = pool.apply(leaves, ()) else { panic!("it lived") };
        wait_until("another worker is being started", || lease.is_wanted());
        let since = Instant::now();
        let call = pool.call().time_limit(Duration::from_millis(100)).apply(never_ends, ());
        assert!(matches!(call, Err(TaskError::TimedOut { .. })), "{call:?}");
        assert!(lease.is_wanted() && since.elapsed() < SOON, "{:?}", since.elapsed());
        // Who is killed for it cannot be replaced now; a call waits for the one that is on its way.
        let pending = pool.apply_async(adds_one, (1,));
        drop(lease);
        assert_eq!(pending.get().unwrap(), 2);
        assert!(pool.wait_ready(None));
        let Some(lease) = Lease::of(program.path()) else { panic!("it could be leased before") };
        let Err(TaskError::Crashed { .. }) = pool.apply(leaves, ()) else { panic!("it lived") };
        wait_until("another worker is being started", || lease.is_wanted());
        let since = Instant::now();
        pool.terminate();
        pool.join().unwrap();
        assert!(lease.is_wanted() && since.elapsed() < SOON, "{:?}", since.elapsed());
        // The thread that starts it sleeps until it runs its program, which nobody waits for.
        wait_until("who was still being started is killed", || children().is_empty());
        assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
        drop(lease);
    }
}
