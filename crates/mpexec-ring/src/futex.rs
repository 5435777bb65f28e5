//! The two futex calls, on words that two processes share.
//!
//! `FUTEX_WAIT` only reads the word, so the worker may wait on its read-only mapping. Such words
//! are keyed by file and offset, hence not `PRIVATE`.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::thread::futex::{self, Flags, Timespec};

/// Wakes the one who waits on `word`, if anybody does.
pub(crate) fn wake(word: &AtomicU32) {
    let woken = futex::wake(word, Flags::empty(), 1);
    debug_assert!(woken.is_ok(), "futex wake on mapped memory failed: {woken:?}");
}

/// Waits until woken, unless `word` is not `seen` any more. Returns early for any reason; the
/// caller looks again.
pub(crate) fn wait(word: &AtomicU32, seen: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(timeout.subsec_nanos()),
    });
    // AGAIN (changed meanwhile), INTR and TIMEDOUT all mean "look again".
    let _ = futex::wait(word, Flags::empty(), seen, timeout.as_ref());
}
