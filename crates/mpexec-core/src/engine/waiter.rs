//! A parked thread that can be woken, once per wait.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Waiter {
    thread: Thread,
    woken: AtomicBool,
}

/// When a wait of at most `limit` is over; `None`: never, for a limit beyond what the clock can tell.
pub(crate) fn deadline_after(limit: Duration) -> Option<Instant> {
    Instant::now().checked_add(limit)
}

impl Waiter {
    /// This thread's waiter.
    pub(crate) fn current() -> Arc<Waiter> {
        thread_local! {
            static OWN: RefCell<Option<Arc<Waiter>>> = const { RefCell::new(None) };
        }
        let fresh = || Arc::new(Waiter { thread: std::thread::current(), woken: AtomicBool::new(false) });
        OWN.try_with(|own| own.borrow_mut().get_or_insert_with(fresh).clone()).unwrap_or_else(|_| fresh())
    }

    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }

    /// Sleeps until woken or the time is up. A wake that came before counts.
    pub(crate) fn sleep(&self, limit: Option<Duration>) {
        let deadline = limit.map(|limit| Instant::now() + limit);
        while !self.woken.swap(false, Ordering::Acquire) {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return,
                Some(left) => std::thread::park_timeout(left),
                None => std::thread::park(),
            }
        }
    }
}
