//! The numbers by which workers find again what they keep, and how they come to know that it is nobody's any more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::new_number;
use crate::os::events::Bell;

/// The number of something that is kept by each process that gets it. With it goes what it stands for: those who have that are told then.
#[derive(Debug)]
pub(crate) struct Number {
    number: u64,
    /// Those whose workers have it too.
    told_at_the_end: Mutex<Vec<Weak<Mailbox>>>,
}

impl Number {
    pub(crate) fn new() -> Number {
        Number { number: new_number(), told_at_the_end: Mutex::default() }
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.number
    }

    fn told(&self) -> MutexGuard<'_, Vec<Weak<Mailbox>>> {
        self.told_at_the_end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `mailbox` gets the number when nobody here holds it any more.
    pub(crate) fn tell_at_the_end(&self, mailbox: &Arc<Mailbox>) {
        let mut told = self.told();
        told.retain(|other| other.strong_count() > 0);
        if !told.iter().any(|other| other.as_ptr() == Arc::as_ptr(mailbox)) {
            told.push(Arc::downgrade(mailbox));
        }
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        for mailbox in self.told().iter().filter_map(Weak::upgrade) {
            mailbox.put(self.number);
        }
    }
}

/// Numbers that nobody holds any more. Its lock is held for a moment and nothing else is locked meanwhile: what they stand for may be dropped
/// anywhere.
#[derive(Debug)]
pub(crate) struct Mailbox {
    numbers: Mutex<Vec<u64>>,
    bell: Arc<Bell>,
}

impl Mailbox {
    /// `bell` is rung for every number.
    pub(crate) fn new(bell: Arc<Bell>) -> Mailbox {
        Mailbox { numbers: Mutex::default(), bell }
    }

    fn put(&self, number: u64) {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).push(number);
        self.bell.ring();
    }

    /// All that came.
    pub(crate) fn take(&self) -> Vec<u64> {
        std::mem::take(&mut *self.numbers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
