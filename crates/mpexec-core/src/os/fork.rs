//! Telling a process from its forks: a task may fork and return in both, and so may a program that has a pool.
//!
//! The kernel wipes a page of this process in every fork, so that to ask costs two loads and no system call.
#![expect(unsafe_code, reason = "a page of memory that the kernel wipes in a fork")]

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};

/// A number at the beginning of the page, of this process among those that were forked from each other; 0 in a fork that has not asked yet.
/// `None`: the kernel has no such page (before Linux 4.14), and process ids must do.
static PAGE: OnceLock<Option<&'static AtomicU32>> = OnceLock::new();
/// The next number. A fork goes on where its parent was, so its number is none of those that came before.
static NEXT: AtomicU32 = AtomicU32::new(1);
/// The number of the worker, if this is one or a fork of one.
static WORKER: AtomicU32 = AtomicU32::new(0);

const LENGTH: usize = 4096;

fn page() -> Option<&'static AtomicU32> {
    // SAFETY: a fresh mapping, at a place that the kernel chooses, touches no memory that anybody has.
    let mapped =
        unsafe { mmap_anonymous(ptr::null_mut(), LENGTH, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) };
    let page = mapped.ok()?;
    // SAFETY: the advice is about the page just mapped, which nobody else knows.
    unsafe { madvise(page, LENGTH, Advice::LinuxWipeOnFork) }.ok()?;
    // SAFETY: the page is mapped, zeroed, writable, large and aligned enough for a number, and is never unmapped.
    Some(unsafe { &*page.cast::<AtomicU32>() })
}

/// A number that no fork of this process has, nor any that this one was forked from.
#[inline]
pub(crate) fn this_process() -> u32 {
    let Some(number) = PAGE.get_or_init(page) else { return std::process::id() };
    match number.load(Ordering::Relaxed) {
        0 => first_asked(number),
        known => known,
    }
}

#[cold]
fn first_asked(number: &AtomicU32) -> u32 {
    let own = NEXT.fetch_add(1, Ordering::Relaxed);
    // Two threads may ask first; the one that came later takes the other's.
    number.compare_exchange(0, own, Ordering::Relaxed, Ordering::Relaxed).map_or_else(|other| other, |_| own)
}

/// From now on this process is a worker, and a fork of it can be told from it.
pub(crate) fn mark_this_process() {
    WORKER.store(this_process(), Ordering::Relaxed);
}

/// Ends this process if it is a fork of the one that was marked: it has come out of a task that is the worker's alone, and must
/// write nothing into memory that it shares with the worker.
#[inline]
pub(crate) fn leave_if_forked() {
    let worker = WORKER.load(Ordering::Relaxed);
    if worker != 0 && worker != this_process() {
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
