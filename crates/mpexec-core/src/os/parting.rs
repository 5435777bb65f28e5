//! Closing a socket without waiting for it: the last who has it is a thread that ends.
//!
//! A socket that is told to linger holds up whoever closes it last, but nobody who is ending: the kernel lets no thread that is on its way out
//! wait for what a socket has yet to send. That holds for what lies in it as well, however deep it lies and whether anybody could see it there. So a
//! thread is started that gets a table of descriptors of its own, a copy of that of the process. What is to go is closed here, which ends nothing, and then the
//! thread ends, and with it its table.
//!
//! As long as the thread lives, every descriptor of this process is open once more. It lives for a moment.

#![expect(unsafe_code, reason = "a table of descriptors of one's own, and a look whether a thread is still there")]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use rustix::thread::{Pid, gettid};

/// More do not end at once. Only files that are no sockets, and lie in one, can keep them.
const MOST: usize = 32;

/// The threads of this kind that may not have ended yet.
#[derive(Debug, Default)]
pub(super) struct Parting(Mutex<Vec<Pid>>);

/// A thread that has what this process had when it was started, and ends when this is dropped.
#[derive(Debug)]
pub(super) struct Leaver {
    /// Nothing is ever sent.
    _until: Sender<()>,
}

impl Parting {
    /// Starts one. `None`: there are as many as may be, or this system has no such threads.
    pub(super) fn leaver(&self) -> Option<Leaver> {
        let mut ending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ending.retain(|thread| is_there(*thread));
        if ending.len() >= MOST {
            return None;
        }
        let ((until, is_time), (tell, told)) = (channel(), channel());
        let life = move || live(&tell, &is_time);
        std::thread::Builder::new().name("mpexec-closer".into()).stack_size(64 << 10).spawn(life).ok()?;
        ending.push(told.recv().ok()??);
        Some(Leaver { _until: until })
    }
}

/// The thread's life.
fn live(tell: &Sender<Option<Pid>>, until: &Receiver<()>) {
    let own = has_own_table();
    let _ = tell.send(own.then(gettid));
    if own {
        let _ = until.recv();
    }
}

/// Makes the calling thread's table of descriptors a copy, which ends with the thread. Of the two ways a container may forbid one.
fn has_own_table() -> bool {
    // SAFETY: nothing is closed by it (the range is beyond all numbers), and a table of its own does a thread no harm that makes no descriptors for others.
    unsafe {
        libc::syscall(libc::SYS_close_range, u32::MAX, u32::MAX, libc::CLOSE_RANGE_UNSHARE) == 0
            || libc::unshare(libc::CLONE_FILES) == 0
    }
}

/// Another thread may have its number by now, and it counts as if it were that one.
fn is_there(thread: Pid) -> bool {
    // SAFETY: no signal is sent.
    unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread.as_raw_nonzero().get(), 0) == 0 }
}
