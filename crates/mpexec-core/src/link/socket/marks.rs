//! What the coordinator has taken back, as the worker's guard thread tells its task thread.
//!
//! The task thread looks before each task and must never see less than was taken back: a range half changed would let a
//! task start that another worker runs as well. So a range lies in one of two slots, and a version says in which; a reader
//! that met a change in between looks again. It never waits for the writer.

use std::sync::atomic::{AtomicU64, Ordering, fence};

/// See the head of this file. One thread writes.
#[derive(Debug, Default)]
pub(super) struct Range {
    /// Its lowest bit says which slot is valid.
    version: AtomicU64,
    slots: [[AtomicU64; 2]; 2],
}

impl Range {
    /// Nothing of `lo..hi` is to be started. Ordered before whatever the caller reads next.
    pub(super) fn set(&self, lo: u64, hi: u64) {
        let next = self.version.load(Ordering::SeqCst) + 1;
        let [slot_lo, slot_hi] = &self.slots[(next & 1) as usize];
        slot_lo.store(lo, Ordering::SeqCst);
        slot_hi.store(hi, Ordering::SeqCst);
        self.version.store(next, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// The range as it was set, or an empty one.
    pub(super) fn get(&self) -> (u64, u64) {
        let mut version = self.version.load(Ordering::SeqCst);
        loop {
            let [lo, hi] = &self.slots[(version & 1) as usize];
            let range = (lo.load(Ordering::SeqCst), hi.load(Ordering::SeqCst));
            let after = self.version.load(Ordering::SeqCst);
            if after == version {
                return range;
            }
            version = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn what_is_in_both_ranges_is_covered_while_one_becomes_the_other() {
        let (range, over, looks) = (Range::default(), AtomicBool::new(false), AtomicU64::new(0));
        assert_eq!(range.get(), (0, 0));
        range.set(10, 20);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let (lo, hi) = range.get();
                    assert!([(10, 20), (15, 99)].contains(&(lo, hi)), "{lo}..{hi} was never set");
                    looks.fetch_add(1, Ordering::Relaxed);
                }
            });
            let mut sets = 0;
            // On a busy machine the reader may begin late.
            while sets < 200_000 || looks.load(Ordering::Relaxed) < 1_000 && !reader.is_finished() {
                range.set(15, 99);
                range.set(10, 20);
                sets += 1;
            }
            over.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
    }
}
