//! Buffers for large arguments and results, which are kept: memory that is asked for anew for each of them is given back to the system in between, and each of its pages is a fault.
//!
//! An argument is encoded into one, which is back when its task has ended; a result is copied out of the ring into one, which is back when it was decoded. All pools of a process share them,
//! and with the last of these they are gone.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use super::Engine;

/// Shorter ones the allocator keeps by itself.
pub(crate) const LEAST: usize = 32 << 10;

/// A longer one would be memory that nobody has asked to keep. What came through a ring of the usual length is no longer.
const MOST: usize = (8 << 20) + (64 << 10);

/// From here on one is not kept while nobody uses it.
pub(super) const VERY_LARGE: usize = (1 << 20) + (64 << 10);

/// That is nobody for so long.
const IDLE: Duration = Duration::from_secs(1);

/// For a call an argument and its result.
const SO_MANY: usize = 2;

static KEPT: Mutex<Kept> = Mutex::new(Kept { pools: 0, used: None, buffers: VecDeque::new() });

#[derive(Debug)]
struct Kept {
    /// So many pools there are; without one nothing is kept.
    pools: usize,
    /// When one was used last, since very large ones were given back.
    used: Option<Instant>,
    /// The one that was used last is the first.
    buffers: VecDeque<Vec<u8>>,
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
            kept.buffers = VecDeque::new();
        }
    }
}

impl Kept {
    /// An empty one that [is worth](is_worth) it for so many bytes.
    fn like(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let fits = |one: &Vec<u8>| one.capacity() >= bytes && is_worth(bytes, one.capacity());
        let place = self.buffers.iter().position(fits)?;
        self.buffers.remove(place)
    }

    /// The largest, if it has so much room.
    fn largest(&mut self, room: usize) -> Option<Vec<u8>> {
        let sizes = self.buffers.iter().map(Vec::capacity).enumerate().filter(|(_, capacity)| *capacity >= room);
        let (place, _) = sizes.max_by_key(|(_, capacity)| *capacity)?;
        self.buffers.remove(place)
    }

    /// Very large ones that nobody has used for so long.
    fn idle(&mut self, long: Duration) -> Option<VecDeque<Vec<u8>>> {
        self.used.filter(|used| used.elapsed() >= long)?;
        self.used = None;
        let (idle, kept) = self.buffers.drain(..).partition(|one: &Vec<u8>| one.capacity() > VERY_LARGE);
        self.buffers = kept;
        Some(idle)
    }

    /// Returns those that are not kept any more.
    fn keep(&mut self, mut used: Vec<u8>) -> VecDeque<Vec<u8>> {
        used.clear();
        self.used = Some(Instant::now());
        // Sizes may have changed: the one that was used longest ago goes.
        self.buffers.push_front(used);
        let most = self.buffers.len().min(SO_MANY);
        self.buffers.split_off(most)
    }
}

/// Gives very large ones back that were not used for a while: what lies below them in the heap could not be given back either. `true`: this was the moment
/// for that.
fn give_back_idle() -> bool {
    let idle = KEPT.try_lock().ok().and_then(|mut kept| kept.idle(IDLE));
    idle.is_some()
}

impl Engine {
    /// Gives back what large arguments and results lay in, if for a while there was none.
    pub(super) fn give_back_idle(&self) {
        if give_back_idle() {
            self.lock().give_back_idle();
        }
        drop(self.lendings.idle());
    }
}

/// An empty one for so many bytes, than which it is not much larger, if there is one; else one without memory.
fn take_like(bytes: usize) -> Vec<u8> {
    // Who finds them locked does not wait for so little.
    KEPT.try_lock().ok().and_then(|mut kept| kept.like(bytes)).unwrap_or_default()
}

/// What results come in: a buffer that a large one takes along, if it is not much larger than that.
#[derive(Debug, Default)]
pub(super) struct Landing {
    /// So many large results one after another would have left most of it idle.
    spacious: u8,
}

/// After so many it is given back: results have become smaller. When they come in all sizes it stays.
const TOO_SPACIOUS: u8 = 8;

impl Landing {
    /// A large result takes along the buffer that it came in. The next will have about its length, or that of one before.
    pub(super) fn taken_along(&mut self, came: &mut Vec<u8>, bytes: usize) -> Recycled {
        self.spacious = 0;
        let next = KEPT.try_lock().ok().and_then(|mut kept| kept.like(bytes).or_else(|| kept.largest(1)));
        Recycled(std::mem::replace(came, next.unwrap_or_default()))
    }

    /// A result of so many bytes was copied out of the buffer that it came in.
    pub(super) fn copied_out_of(&mut self, came: &mut Vec<u8>, bytes: usize) {
        if bytes < LEAST {
            return;
        }
        self.spacious += 1;
        if self.spacious >= TOO_SPACIOUS {
            self.spacious = 0;
            let like = take_like(bytes);
            drop(Recycled(std::mem::replace(came, like)));
        }
    }
}

/// The largest, with these bytes in it, if it has so much room.
pub(crate) fn take_with(room: usize, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut taken = KEPT.try_lock().ok()?.largest(room.max(bytes.len()))?;
    taken.extend_from_slice(bytes);
    Some(taken)
}

/// These bytes in one of them, or in new memory.
pub(super) fn copied(bytes: &[u8]) -> Recycled {
    let mut copy = if bytes.len() < LEAST { Vec::new() } else { take_like(bytes.len()) };
    copy.reserve_exact(bytes.len());
    mpexec_wire::append(&mut copy, bytes);
    Recycled(copy)
}

/// Whether results of so many bytes may have a buffer of this capacity for themselves: it is large, and three quarters of it are theirs.
pub(super) fn is_worth(bytes: usize, capacity: usize) -> bool {
    bytes >= LEAST && bytes >= capacity - capacity / 4
}

/// Whether it would be wasted on them: it was another's, and an eighth of it would do, or it is so large that much less than all of it is too much.
pub(super) fn is_wasted(bytes: usize, capacity: usize) -> bool {
    capacity >= LEAST && bytes < capacity / 8 || capacity > VERY_LARGE && !is_worth(bytes, capacity)
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
        let former = kept.keep(std::mem::take(&mut self.0));
        drop(kept);
        drop(former);
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
                drop([take_with(0, &[]), take_with(0, &[])]);
                drop(Recycled::from(Vec::with_capacity(capacity)));
                let taken = take_with(capacity, b"it begins so");
                taken.is_some_and(|taken| taken.capacity() == capacity && taken == b"it begins so")
            });
            assert_eq!(found, may_be_kept, "{capacity}");
        }
        drop(pool);
    }

    fn kept(sizes: &[usize]) -> Kept {
        let mut kept = Kept { pools: 1, used: None, buffers: VecDeque::new() };
        sizes.iter().for_each(|size| drop(kept.keep(vec![1; *size])));
        kept
    }

    fn size(taken: Option<Vec<u8>>) -> Option<usize> {
        taken.map(|taken| {
            assert!(taken.is_empty());
            taken.capacity()
        })
    }

    #[test]
    fn of_three_buffers_the_one_that_was_used_longest_ago_is_not_kept() {
        let sizes = [LEAST * 3, LEAST, LEAST * 2];
        for (like, found) in [(sizes[0], false), (sizes[1], true), (sizes[2], true)] {
            assert_eq!(size(kept(&sizes).like(like)), found.then_some(like));
        }
    }

    #[test]
    fn results_take_a_buffer_of_about_their_size_and_arguments_the_largest() {
        for sizes in [[LEAST * 2, LEAST * 8], [LEAST * 8, LEAST * 2]] {
            assert_eq!(size(kept(&sizes).like(LEAST * 2 - 100)), Some(LEAST * 2));
            assert_eq!(size(kept(&sizes).like(LEAST * 2 + 1)), None, "the rest of the other would lie idle");
            assert_eq!(size(kept(&sizes).largest(LEAST)), Some(LEAST * 8));
            assert_eq!(size(kept(&sizes).largest(LEAST * 8 + 1)), None);
        }
    }

    #[test]
    fn very_large_ones_are_given_back_when_nobody_has_used_one_for_a_while() {
        let mut kept = kept(&[VERY_LARGE + 1, LEAST]);
        assert!(kept.idle(Duration::from_secs(3600)).is_none());
        let idle = kept.idle(Duration::ZERO).expect("it is time");
        assert_eq!((idle.len(), kept.buffers.len()), (1, 1));
        assert!(kept.idle(Duration::ZERO).is_none(), "once");
        drop(kept.keep(vec![1; LEAST]));
        assert!(kept.idle(Duration::ZERO).is_some_and(|idle| idle.is_empty()));
    }

    #[test]
    fn a_copy_is_in_one_of_them_and_as_long_as_what_is_copied() {
        let bytes = vec![7; LEAST + 10];
        assert_eq!(copied(&bytes)[..], bytes);
        assert_eq!(copied(b"short")[..], *b"short");
    }

    #[test]
    fn results_have_a_buffer_that_is_mostly_theirs() {
        assert!(is_worth(LEAST, LEAST / 3 * 4) && !is_worth(LEAST, LEAST / 3 * 4 + 8));
        assert!(!is_worth(LEAST - 1, LEAST - 1));
        assert!(is_wasted(LEAST / 8 - 1, LEAST) && !is_wasted(LEAST / 8, LEAST) && !is_wasted(0, LEAST - 1));
        assert!(is_wasted(3 << 20, (4 << 20) + 8) && !is_wasted(3 << 20, 4 << 20) && !is_wasted(1 << 18, 1 << 20));
    }

    #[test]
    fn a_buffer_that_is_too_large_for_one_result_after_another_is_given_back() {
        let comes = |bytes, another: bool| {
            let (mut landing, mut came) = (Landing::default(), Vec::<u8>::with_capacity(LEAST * 8));
            for _ in 1..TOO_SPACIOUS {
                landing.copied_out_of(&mut came, bytes);
                assert_eq!(came.capacity(), LEAST * 8);
            }
            if another {
                drop(landing.taken_along(&mut came, LEAST * 7));
                came = Vec::with_capacity(LEAST * 8);
            }
            landing.copied_out_of(&mut came, bytes);
            came.capacity()
        };
        assert_eq!(comes(100, false), LEAST * 8, "short ones do not count");
        assert_eq!(comes(LEAST, true), LEAST * 8, "one that took it along was between them");
        assert!(comes(LEAST, false) < LEAST * 8);
    }
}
