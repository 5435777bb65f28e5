//! What has to be done before `main`: to see whether standard output was closed (`>&-`), and to bear SIGUSR1.
//!
//! The standard library opens `/dev/null` in place of a closed standard stream before it calls `main`, and whatever is
//! written there is lost without an error. So one question is asked before that.
#![expect(
    unsafe_code,
    reason = "a function in the table of those that run before main, and a descriptor by its number"
)]

use std::mem::zeroed;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

static STDOUT_CLOSED: AtomicBool = AtomicBool::new(false);

extern "C" fn look() {
    // SAFETY: the descriptor is only asked about, within this function; if it is closed, the answer is an error.
    let stdout = unsafe { BorrowedFd::borrow_raw(1) };
    STDOUT_CLOSED.store(rustix::io::fcntl_getfd(stdout).is_err(), Ordering::Relaxed);
    bear_status_signals();
}

extern "C" fn nothing(_: libc::c_int) {}

/// Who asks how far the program is must not end it, however early: until somebody listens, SIGUSR1 does nothing. Nor does it in a worker, which is the
/// same program and so bears the same name. It is a handler, which is not inherited, so that commands and tasks that start others have it as it was. One
/// that is ignored already stays so.
fn bear_status_signals() {
    // SAFETY: a signal's action is numbers and pointers that may be null, so zeros are one; each call gets pointers to such, which live for the call.
    // The handler does nothing, which may be done in a handler.
    unsafe {
        let mut now: libc::sigaction = zeroed();
        if libc::sigaction(libc::SIGUSR1, std::ptr::null(), &raw mut now) == 0 && now.sa_sigaction == libc::SIG_DFL {
            now.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
            now.sa_flags = libc::SA_RESTART;
            libc::sigaction(libc::SIGUSR1, &raw const now, std::ptr::null_mut());
        }
    }
}

// SAFETY: the loader calls what stands in this section once, before `main`, with the C convention. The function makes
// system calls and stores to an atomic; it needs nothing of the standard library.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = look;

/// Whether the program was started without a standard output.
pub(crate) fn stdout_was_closed() -> bool {
    STDOUT_CLOSED.load(Ordering::Relaxed)
}
