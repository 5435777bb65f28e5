//! A parked thread that can be woken, once per wait.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Waiter {
    thread: Thread,
    woken: AtomicBool,
}

/// What has become ready, of many things that one thread waits for, in that order.
#[derive(Debug)]
pub(crate) struct Arrivals {
    numbers: Mutex<VecDeque<usize>>,
    waiter: Arc<Waiter>,
}

impl Arrivals {
    /// For this thread.
    pub(crate) fn new() -> Arc<Arrivals> {
        Arc::new(Arrivals { numbers: Mutex::default(), waiter: Waiter::current() })
    }

    pub(crate) fn add(&self, number: usize) {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).push_back(number);
        self.waiter.wake();
    }

    pub(crate) fn take(&self) -> Option<usize> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Whether it is this thread that is woken.
    pub(crate) fn wake_this_thread(&self) -> bool {
        Arc::ptr_eq(&self.waiter, &Waiter::current())
    }

    /// Sleeps until the next arrival, or any other news of this thread.
    pub(crate) fn sleep(&self, limit: Option<Duration>) {
        self.waiter.sleep(limit);
    }
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
