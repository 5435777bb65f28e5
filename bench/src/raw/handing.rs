//! Blocks handed from one thread to another through a few buffers that both have mapped: a copy on one side, the work on the other, and
//! nothing else. No process, no wake, no lock that anybody waits for. It is what a pool that copies each block once could do at best.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// As many as a pool has on their way to a worker that is awake, or a few more.
const BUFFERS: usize = 4;

/// The buffers, kept from one time to the next.
#[derive(Debug, Default)]
pub(crate) struct Handing([Mutex<Vec<i64>>; BUFFERS]);

impl Handing {
    /// What `count` says of each block, which another thread asks it while this one copies the next.
    pub(crate) fn map<R: Send>(&self, blocks: &[&[i64]], count: impl Fn(&[i64]) -> R + Sync) -> Vec<R> {
        let (filled, emptied) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let await_more = |than: usize, progress: &AtomicUsize| {
            while progress.load(Ordering::Acquire) <= than {
                std::hint::spin_loop();
            }
        };
        // Only one side is at a buffer at a time, by the two numbers.
        let buffer = |n: usize| self.0[n % BUFFERS].lock().unwrap_or_else(PoisonError::into_inner);
        std::thread::scope(|scope| {
            let counting = scope.spawn(|| {
                let counted = (0..blocks.len()).map(|n| {
                    await_more(n, &filled);
                    let counted = count(&buffer(n));
                    emptied.store(n + 1, Ordering::Release);
                    counted
                });
                counted.collect()
            });
            for (n, block) in blocks.iter().enumerate() {
                if let Some(before) = n.checked_sub(BUFFERS) {
                    await_more(before, &emptied);
                }
                let mut buffer = buffer(n);
                buffer.clear();
                buffer.extend_from_slice(block);
                drop(buffer);
                filled.store(n + 1, Ordering::Release);
            }
            counting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_is_counted_once_and_in_order() {
        let numbers: Vec<i64> = (0..103).collect();
        let blocks: Vec<&[i64]> = numbers.chunks(10).collect();
        let handing = Handing::default();
        for _ in 0..2 {
            let sums = handing.map(&blocks, |block| block.iter().sum::<i64>());
            assert_eq!(sums, blocks.iter().map(|block| block.iter().sum()).collect::<Vec<i64>>());
        }
    }
}
