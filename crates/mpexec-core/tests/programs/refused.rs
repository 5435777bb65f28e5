//! Programs that the kernel refuses a single call that nothing can replace, or that something can: an error at once that says what was refused, or
//! a pool that works.

use std::time::Duration;

use mpexec_core::{Exit, PoolError, TaskError, Transport};

use crate::common::{Watchdog, processes, wait_until};
use crate::refusing::refuse;
use crate::scarcity::{builder, ends_well, own, right_or_told, short_of};

/// Longer than any of these tests may take: who waits until a worker should have shaken hands fails by the watchdog.
const NEVER: Duration = Duration::from_secs(100_000);

pub(crate) fn no_pidfds(link: Transport) {
    refuse(libc::SYS_pidfd_open, libc::ENOSYS);
    let leaves = || -> () { std::process::exit(3) };
    let pool = builder(link, 2).build().unwrap();
    for _ in 0..3 {
        assert_eq!(pool.apply(|n: u32| n + 1, (1,)).unwrap(), 2);
        let Err(TaskError::Crashed { exit: Exit::Code(3), .. }) = pool.apply(leaves, ()) else { panic!("it lived") };
    }
    pool.terminate();
    pool.join().unwrap();
    wait_until("nobody is left", || processes::children().is_empty());
}

pub(crate) fn limits_that_are_not_told(link: Transport) {
    refuse(libc::SYS_prlimit64, libc::EPERM);
    assert!(right_or_told(builder(link, 2).build(), "nothing is scarce"));
    let leaves = || -> () { panic!("it has told so") };
    let pool = builder(link, 2).build().unwrap();
    let Err(TaskError::Panicked { message, .. }) = pool.apply(leaves, ()) else { panic!("it did not panic") };
    assert_eq!(message, "it has told so");
    // What cannot be set is told by who asks for it.
    let Err(PoolError::System { what, .. }) = builder(link, 2).memory_limit(1 << 30).build() else {
        panic!("there was a limit")
    };
    assert!(what.contains("limit the memory of a worker"), "{what}");
}

pub(crate) fn nothing_can_be_sent(link: Transport) {
    refuse(libc::SYS_sendmsg, libc::EPERM);
    let Err(PoolError::System { what, .. }) = builder(link, 2).handshake_limit(NEVER).build() else {
        panic!("they were welcomed")
    };
    assert!(what.contains("send a worker its welcome"), "{what}");
    wait_until("nobody is left", || processes::children().is_empty());
}

pub(crate) fn no_socket_pairs(link: Transport) {
    refuse(libc::SYS_socketpair, libc::EPERM);
    let Err(PoolError::System { what, .. }) = builder(link, 2).handshake_limit(NEVER).build() else {
        panic!("they were started")
    };
    assert!(what.contains("make a socket pair for a worker"), "{what}");
    assert!(processes::children().is_empty());
}

#[test]
fn where_no_descriptors_of_processes_can_be_asked_for_there_are_those_that_come_with_the_start() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        ends_well(short_of("pidfds", link, &own()));
    }
}

#[test]
fn a_program_that_is_not_told_its_limits_works() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        ends_well(short_of("limits", link, &own()));
    }
}

#[test]
fn who_can_send_nothing_or_make_no_socket_is_told_so_at_once() {
    let _watchdog = Watchdog::new();
    for case in ["sending", "pairs"] {
        for link in ["shm", "socket"] {
            ends_well(short_of(case, link, &own()));
        }
    }
}
