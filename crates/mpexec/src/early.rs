//! What can only be seen before `main`: whether standard output was closed (`>&-`).
//!
//! The standard library opens `/dev/null` in place of a closed standard stream before it calls `main`, and whatever is
//! written there is lost without an error. So one question is asked before that.
#![expect(
    unsafe_code,
    reason = "a function in the table of those that run before main, and a descriptor by its number"
)]

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

static STDOUT_CLOSED: AtomicBool = AtomicBool::new(false);

extern "C" fn look() {
    // SAFETY: the descriptor is only asked about, within this function; if it is closed, the answer is an error.
    let stdout = unsafe { BorrowedFd::borrow_raw(1) };
    STDOUT_CLOSED.store(rustix::io::fcntl_getfd(stdout).is_err(), Ordering::Relaxed);
}

// SAFETY: the loader calls what stands in this section once, before `main`, with the C convention. The function makes one
// system call and stores to an atomic; it needs nothing of the standard library.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = look;

/// Whether the program was started without a standard output.
pub(crate) fn stdout_was_closed() -> bool {
    STDOUT_CLOSED.load(Ordering::Relaxed)
}
