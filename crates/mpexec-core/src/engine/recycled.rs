//! Buffers for large arguments and results, which are kept: memory that is asked for anew for each of them is given back to the system in between, and each of its pages is a fault.
//!
//! An argument is encoded into one, which is back when its task has ended; a result is copied out of the ring into one, which is back when it was decoded. All pools of a process share them,
//! and with the last of these they are gone.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, TryLockError};

/// Shorter ones the allocator keeps by itself.
pub(crate) const LEAST: usize = 32 << 10;

/// A longer one would be memory that nobody has asked to keep. What came through a ring of the usual length is no longer.
const MOST: usize = (1 << 20) + (64 << 10);

static KEPT: Mutex<Kept> = Mutex::new(Kept { pools: 0, buffers: [Vec::new(), Vec::new()] });

#[derive(Debug)]
struct Kept {
    /// So many pools there are; without one nothing is kept.
    pools: usize,
    /// For a call an argument and its result.
    buffers: [Vec<u8>; 2],
}

/// Nobody has them locked for longer than a few instructions, but in a fork of the process: there it may be for ever.
const PATIENCE: u32 = 100_000;

fn patiently() -> Option<MutexGuard<'static, Kept>> {
    for _ in 0..PATIENCE {
        match KEPT.try_lock() {
            Ok(kept) => return Some(kept),
            Err(TryLockError::Poisoned(kept)) => return Some(kept.into_inner()),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
}

/// Held by each pool, whether it is counted.
#[derive(Debug)]
pub(super) struct Keeping(bool);

impl Keeping {
    pub(super) fn begin() -> Keeping {
        Keeping(patiently().map(|mut kept| kept.pools += 1).is_some())
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        let Some(mut kept) = patiently().filter(|_| self.0) else { return };
        kept.pools -= 1;
        if kept.pools == 0 {
            kept.buffers = [Vec::new(), Vec::new()];
        }
    }
}

/// The larger of them, empty, if it is there; else one without memory.
pub(crate) fn take() -> Vec<u8> {
    // Who finds them locked does not wait for so little.
    let Ok(mut kept) = KEPT.try_lock() else { return Vec::new() };
    kept.buffers.iter_mut().max_by_key(|one| one.capacity()).map(std::mem::take).unwrap_or_default()
}

/// One of so many bytes at least with these in it, if there is one.
pub(crate) fn take_with(room: usize, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut taken = take();
    if taken.capacity() < room.max(bytes.len()) {
        drop(Recycled(taken));
        return None;
    }
    taken.extend_from_slice(bytes);
    Some(taken)
}

/// Whether results of so many bytes may have a buffer of this capacity for themselves: it is large, and three quarters of it are theirs.
pub(super) fn is_worth(bytes: usize, capacity: usize) -> bool {
    bytes >= LEAST && bytes >= capacity - capacity / 4
}

/// Whether it would be wasted on them: it was another's, and an eighth of it would do.
pub(super) fn is_wasted(bytes: usize, capacity: usize) -> bool {
    capacity >= LEAST && bytes < capacity / 8
}

/// Bytes whose memory may be used for others when they are dropped.
#[derive(Debug)]
pub(crate) struct Recycled(Vec<u8>);

impl Recycled {
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl From<Vec<u8>> for Recycled {
    fn from(bytes: Vec<u8>) -> Recycled {
        Recycled(bytes)
    }
}

impl Deref for Recycled {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Recycled {
    fn drop(&mut self) {
        if !(LEAST..=MOST).contains(&self.0.capacity()) {
            return;
        }
        let Ok(mut kept) = KEPT.try_lock() else { return };
        if kept.pools == 0 {
            return;
        }
        if let Some(smaller) = kept.buffers.iter_mut().min_by_key(|one| one.capacity())
            && smaller.capacity() < self.0.capacity()
        {
            self.0.clear();
            std::mem::swap(smaller, &mut self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_kept_if_it_is_large_and_not_too_large() {
        let pool = Keeping::begin();
        for (capacity, may_be_kept) in [(LEAST - 1, false), (LEAST, true), (MOST, true), (MOST + 1, false)] {
            // Other tests have results too, and whoever is quicker has it.
            let found = (0..1000).any(|_| {
                drop((take(), take()));
                drop(Recycled::from(Vec::with_capacity(capacity)));
                let taken = take_with(capacity, b"it begins so");
                taken.is_some_and(|taken| taken.capacity() == capacity && taken == b"it begins so")
            });
            assert_eq!(found, may_be_kept, "{capacity}");
        }
        drop(pool);
    }

    #[test]
    fn results_have_a_buffer_that_is_mostly_theirs() {
        assert!(is_worth(LEAST, LEAST / 3 * 4) && !is_worth(LEAST, LEAST / 3 * 4 + 8));
        assert!(!is_worth(LEAST - 1, LEAST - 1));
        assert!(is_wasted(LEAST / 8 - 1, LEAST) && !is_wasted(LEAST / 8, LEAST) && !is_wasted(0, LEAST - 1));
    }
}
