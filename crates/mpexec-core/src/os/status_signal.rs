//! SIGUSR1 in a worker. Programs of ours say how far they are when it comes, and workers often bear their coordinator's name: whoever asks all
//! of that name must not end them.
#![expect(unsafe_code, reason = "the action of a signal is set in C")]

use std::mem::zeroed;

extern "C" fn nothing(_: libc::c_int) {}

/// From now on it does nothing here, if it would have ended the process. It is a handler, which programs that are started do not
/// inherit; who sets another one has that.
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
            libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut());
        }
    }
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
