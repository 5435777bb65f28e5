//! Whether this process is a worker or a fork of one: a task may fork and return in both.
//!
//! The kernel wipes a page of the worker in every fork, so that to ask costs a load and no system call.
#![expect(unsafe_code, reason = "a page of memory that the kernel wipes in a fork")]

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};

/// One byte of the page, 1 in the process that took it. Null: nobody asked for one, or the kernel has none.
static MARK: AtomicPtr<AtomicU8> = AtomicPtr::new(ptr::null_mut());

const PAGE: usize = 4096;

/// From now on a fork of this process can be told from it, where the system helps with that (Linux 4.14).
pub(crate) fn mark_this_process() {
    // SAFETY: a fresh mapping, at a place that the kernel chooses, touches no memory that anybody has.
    let mapped =
        unsafe { mmap_anonymous(ptr::null_mut(), PAGE, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) };
    let Ok(page) = mapped else { return };
    // SAFETY: the advice is about the page just mapped, which nobody else knows.
    if unsafe { madvise(page, PAGE, Advice::LinuxWipeOnFork) }.is_err() {
        return;
    }
    let mark = page.cast::<AtomicU8>();
    // SAFETY: the page is mapped, writable, large and aligned enough for a byte, and is never unmapped.
    unsafe { &*mark }.store(1, Ordering::Relaxed);
    MARK.store(mark, Ordering::Release);
}

/// Ends this process if it is a fork of the one that was marked: it has come out of a task that is the worker's alone, and must
/// write nothing into memory that it shares with the worker.
#[inline]
pub(crate) fn leave_if_forked() {
    let mark = MARK.load(Ordering::Relaxed);
    // SAFETY: the pointer is null or to a byte of a page that stays mapped as long as the process lives, and its forks.
    if let Some(mark) = unsafe { mark.as_ref() }
        && mark.load(Ordering::Relaxed) == 0
    {
        leave();
    }
}

#[cold]
fn leave() -> ! {
    // Whatever the program does at its exit was the worker's to do.
    let text =
        b"mpexec worker: a fork of it has returned from the task; it ends here, the task goes on in the worker\n";
    let _ = rustix::io::write(rustix::stdio::stderr(), text);
    // SAFETY: ends the process, without running anything of it.
    unsafe { libc::_exit(0) }
}
