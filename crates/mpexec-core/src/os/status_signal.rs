//! SIGUSR1 in a worker. Programs of ours say how far they are when it comes, and workers often bear their coordinator's name: whoever asks all
//! of that name must not end them. Between its start and its first own step a worker cannot help itself, so it is born with the signal held back.
#![expect(unsafe_code, reason = "the action of a signal is set in C, and the mask of a thread")]

use std::mem::zeroed;
use std::ptr::null_mut;

extern "C" fn nothing(_: libc::c_int) {}

/// Children that this thread starts from now on hold it back.
pub(super) fn hold_back() {
    change_mask(libc::SIG_BLOCK);
}

fn change_mask(how: libc::c_int) {
    // SAFETY: a set of signals is numbers, so zeros are one, which is then emptied by who knows how; it lives for the calls.
    unsafe {
        let mut set: libc::sigset_t = zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGUSR1);
        libc::pthread_sigmask(how, &raw const set, null_mut());
    }
}

/// From now on it does nothing here, if it would have ended the process, and is no longer held back. It is a handler, which programs that are started
/// do not inherit; who sets another one has that.
pub(crate) fn bear() {
    // SAFETY: a signal's action is numbers and pointers that may be null, so zeros are one; each call gets pointers to such, which
    // live for the call. The handler does nothing, which may be done in a handler.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        if libc::sigaction(libc::SIGUSR1, std::ptr::null(), &raw mut action) == 0
            && action.sa_sigaction == libc::SIG_DFL
        {
            action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(libc::SIGUSR1, &raw const action, null_mut());
        }
    }
    change_mask(libc::SIG_UNBLOCK);
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};

    #[test]
    fn who_asks_for_the_status_does_not_end_the_process() {
        super::bear();
        kill_process(getpid(), Signal::USR1).unwrap();
        // Still here, and a second time changes nothing.
        super::bear();
        kill_process(getpid(), Signal::USR1).unwrap();
    }
}
