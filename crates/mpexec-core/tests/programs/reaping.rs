//! A host program whose children somebody else reaps: another part of it, or the system at once because SIGCHLD is ignored.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mpexec_core::{Exit, Process, TaskError, Transport};
use rustix::process::WaitOptions;

use crate::common::{Scratch, processes, wait_until};
use crate::scarcity::builder;

/// In a task: starts a process that would outlive everybody, tells its number and leaves.
fn leaves_a_grandchild(told: String) -> u8 {
    let child = Command::new("sleep").arg("1000").spawn().unwrap();
    std::fs::write(told, child.id().to_string()).unwrap();
    std::process::exit(7)
}

/// Whether this process was started by somebody who ignores SIGCHLD.
fn sigchld_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(ignored.trim(), 16).unwrap() >> (libc::SIGCHLD - 1) & 1 == 1
}

pub(crate) fn children_that_the_system_reaps(link: Transport) {
    assert!(sigchld_is_ignored());
    works_for(link);
}

/// It is a host program that waits for whatever child it has.
pub(crate) fn children_that_others_reap(link: Transport) {
    assert!(!sigchld_is_ignored());
    let reaped = Arc::new(AtomicU32::new(0));
    let count = reaped.clone();
    std::thread::spawn(move || {
        loop {
            match rustix::process::wait(WaitOptions::empty()) {
                Ok(_) => drop(count.fetch_add(1, Ordering::Relaxed)),
                Err(_) => std::thread::park_timeout(Duration::from_millis(1)),
            }
        }
    });
    works_for(link);
    assert!(reaped.load(Ordering::Relaxed) > 0, "nobody else has reaped one");
}

fn works_for(link: Transport) {
    let pool = builder(link, 2).build().unwrap();
    // Whatever holds for its coordinator, a task learns how its own children have ended.
    let waits = || Command::new("sh").args(["-c", "exit 3"]).status().map_err(|error| error.to_string());
    assert_eq!(pool.apply(move || waits().map(|status| status.code()), ()).unwrap(), Ok(Some(3)));
    let told = Scratch::new();
    for round in 0..20u8 {
        let Err(TaskError::Crashed { exit, pid, .. }) = pool.apply(leaves_a_grandchild, (told.text(),)) else {
            panic!("it lived")
        };
        assert!(matches!(exit, Exit::Unknown | Exit::Code(7)) && pid > 0, "{exit:?}");
        let grandchild = std::fs::read_to_string(told.path()).unwrap().parse().unwrap();
        wait_until("what it left in its group is gone", || !processes::alive(grandchild));
        assert_eq!(pool.apply(|n: u8| n, (round,)).unwrap(), round);
    }
    let mut process = Process::spawn(|n: u8| n + 1, (1,)).unwrap();
    assert_eq!(process.join().unwrap(), 2);
    pool.close();
    pool.join().unwrap();
}
