//! What has to be done before `main`: to see whether standard output was closed (`>&-`), and to bear SIGUSR1 and SIGXFSZ.
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
    // Who asks how far the program is must not end it, however early: until somebody listens, SIGUSR1 does nothing. Nor does it in a worker, which is
    // the same program and so bears the same name. A file that is to be longer than `ulimit -f` allows is an error that is told.
    for signal in [libc::SIGUSR1, libc::SIGXFSZ] {
        bear(signal);
    }
    hear();
}

/// Whoever started the program may have held back what is to end or pause it, and that is inherited; to ignore a signal is another thing.
fn hear() {
    // SAFETY: a set of signals is numbers, so zeros are one, which is then emptied by who knows how; it lives for the calls.
    unsafe {
        let mut set: libc::sigset_t = zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGTSTP] {
            libc::sigaddset(&raw mut set, signal);
        }
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
    }
}

extern "C" fn nothing(_: libc::c_int) {}

/// From now on the signal does nothing here. It is a handler, which is not inherited, so that commands and tasks that start others have it as it was. One
/// that is ignored already stays so.
fn bear(signal: libc::c_int) {
    // SAFETY: a signal's action is numbers and pointers that may be null, so zeros are one; each call gets pointers to such, which live for the call.
    // The handler does nothing, which may be done in a handler.
    unsafe {
        let mut now: libc::sigaction = zeroed();
        if libc::sigaction(signal, std::ptr::null(), &raw mut now) == 0 && now.sa_sigaction == libc::SIG_DFL {
            now.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
            now.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &raw const now, std::ptr::null_mut());
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
