//! Where the next record goes: the soft window, the jump to the next lap, and when the ring counts
//! as full.
//!
//! A ring of 4 MiB that is used lightly should not touch 4 MiB, because a fresh page costs more
//! than the copy into it. So a writer keeps to a *window* at the start of the ring as long as the
//! reader keeps up, and widens it when it does not.
//!
//! A ring may be larger than that, for records of some mebibytes. All others keep to its first 4 MiB
//! ([`REACH`]), as if there were no more: what lies in more of it is in no cache any more when it is read.

use crate::record::{Capacity, HEADER, padded};

/// Bytes a writer keeps to at first.
pub(crate) const FIRST_WINDOW: u64 = 128 << 10;

/// Up to here records may lie that are no longer than [`SHORT_RECORD`].
pub(crate) const REACH: u64 = 4 << 20;

/// Records of so many bytes at most are words about others, or the last word, and may lie anywhere.
const WORD: u64 = 64;

/// Records of so many bytes at most keep to the first 4 MiB of a ring that is larger, and only longer ones use the rest.
///
/// ```
/// let (mut tasks, _results, _segments) = mpexec_ring::create(mpexec_ring::DEFAULT_CAPACITY)?;
/// assert!(tasks.max_record() > mpexec_ring::SHORT_RECORD);
/// for _ in 0..3 {
///     assert!(tasks.grant(mpexec_ring::SHORT_RECORD, mpexec_ring::SHORT_RECORD).is_some());
///     tasks.commit(mpexec_ring::SHORT_RECORD, 1, 0);
/// }
/// assert!(tasks.grant(mpexec_ring::SHORT_RECORD, mpexec_ring::SHORT_RECORD).is_none(), "with their headers these are more");
/// assert!(tasks.grant(2 * mpexec_ring::SHORT_RECORD, 2 * mpexec_ring::SHORT_RECORD).is_some());
/// # Ok::<(), std::io::Error>(())
/// ```
pub const SHORT_RECORD: usize = (REACH / 4) as usize;

/// The state of the writing side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer {
    capacity: Capacity,
    /// Of this ring: [`REACH`], or all of it.
    reach: u64,
    head: u64,
    window: u64,
    widened_in_lap: u64,
}

/// Where bytes would be written before they would be visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// A new record at `head`.
    Here,
    /// More bytes of the open record, directly behind what it holds.
    Behind,
    /// A new record at the start of the next lap; what is left of this one is skipped.
    NextLap,
}

/// A place for at least what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which of the three it is.
    pub(crate) spot: Spot,
    /// Position of the first byte.
    pub(crate) at: u64,
    /// Bytes there are.
    pub(crate) room: u64,
    /// The window was left because nothing else was possible.
    pub(crate) widens: bool,
}

/// A record that is still growing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenRecord {
    /// Position of its header.
    pub(crate) start: u64,
    /// Payload bytes so far.
    pub(crate) len: u64,
}

impl OpenRecord {
    /// Position behind its last byte.
    pub(crate) fn end(&self) -> u64 {
        self.start + HEADER + self.len
    }
}

impl Writer {
    /// At the start of an empty ring.
    pub(crate) fn new(capacity: Capacity) -> Writer {
        let (window, reach) = (FIRST_WINDOW.min(capacity.bytes()), REACH.min(capacity.bytes()));
        Writer { capacity, reach, head: 0, window, widened_in_lap: u64::MAX }
    }

    /// Where the next record starts, unless it jumps.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The size of the ring.
    pub(crate) fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// A place for `want` bytes behind the last record and within the window, if it is there by
    /// what was known of the tail. The common case: it looks at nothing that the other side
    /// writes.
    #[inline]
    pub(crate) fn place_inside(&self, open: Option<OpenRecord>, tail: u64, want: u64) -> Option<Place> {
        let (spot, start, at) = match open {
            Some(record) => (Spot::Behind, record.start, record.end()),
            None => (Spot::Here, self.head, self.head + HEADER),
        };
        let limit = self.limit(start, tail);
        (padded(at + want) <= limit).then_some(Place { spot, at, room: want, widens: false })
    }

    /// Up to where a record that starts at `start` may be written within its window, by what was known of the tail, if it is not long.
    #[inline]
    pub(crate) fn limit(&self, start: u64, tail: u64) -> u64 {
        let lap_start = start - self.capacity.offset(start);
        (lap_start + self.window).min(tail + self.capacity.bytes())
    }

    /// A place for a payload of `min` to `want` bytes, in a new record or at the end of `open`.
    /// `None`: no room before `tail` moves.
    ///
    /// In this order: behind the last record within the window, all of `want`; at the start of the
    /// next lap, all of `want`; the same two with less; behind the last record, past the
    /// window, but not past what it may reach.
    pub(crate) fn place(&mut self, open: Option<OpenRecord>, tail: u64, min: u64, want: u64) -> Option<Place> {
        debug_assert!(min <= want && tail <= self.head, "min {min}, want {want}, tail {tail}, head {}", self.head);
        let start = open.map_or(self.head, |record| record.start);
        let lap_end = self.capacity.lap_end(start);
        let wall = tail + self.capacity.bytes();
        let reach = match want {
            // Words about records are not to wait because of what short records must not use.
            ..=WORD => self.capacity.bytes(),
            _ if want > SHORT_RECORD as u64 => want.saturating_mul(4).clamp(self.reach, self.capacity.bytes()),
            _ => self.reach,
        };
        let lap_start = lap_end - self.capacity.bytes();

        let (spot, at) = match open {
            Some(record) => (Spot::Behind, record.end()),
            None => (Spot::Here, self.head + HEADER),
        };
        let here = room(at, (lap_start + reach).min(wall), min);
        let here = here.map(|room| Place { spot, at, room: room.min(want), widens: false });
        let inside = here.filter(|_| padded(at + min) <= lap_start + self.window);

        let at = lap_end + HEADER;
        let next =
            room(at, wall, min).map(|room| Place { spot: Spot::NextLap, at, room: room.min(want), widens: false });

        let full = |place: &Place| place.room == want;
        let place = inside
            .filter(full)
            .or(next.filter(full))
            .or(inside)
            .or(next)
            // What a long record takes is no window for others.
            .or(here.map(|place| Place { widens: want <= SHORT_RECORD as u64, ..place }));
        if place.is_none() {
            self.widen_after_full(start, tail, reach);
        }
        place
    }

    /// The window was left for what lies at `place` and ends, padded, at `end`: from now on that is
    /// inside.
    pub(crate) fn widen_to(&mut self, place: &Place, end: u64) {
        let lap_start = self.capacity.lap_end(place.at - 1) - self.capacity.bytes();
        self.window = self.window.max(end - lap_start);
    }

    /// The next record starts at `head`.
    pub(crate) fn advance(&mut self, head: u64) {
        debug_assert!(head >= self.head && head.is_multiple_of(HEADER));
        self.head = head;
    }

    /// Back to `head`: nothing behind it was made visible.
    pub(crate) fn rewind(&mut self, head: u64) {
        debug_assert!(head <= self.head && head.is_multiple_of(HEADER));
        self.head = head;
    }

    /// A ring that wrapped early and was then caught by its reader is not used lightly: it may use
    /// twice as much in the next lap, as far as it may reach. Once per lap, because a writer that waits asks often.
    fn widen_after_full(&mut self, start: u64, tail: u64, reach: u64) {
        let lap = self.capacity.lap_end(start);
        if lap != self.capacity.lap_end(tail) && lap != self.widened_in_lap {
            self.widened_in_lap = lap;
            self.window = (self.window * 2).min(reach).min(self.reach).max(self.window);
        }
    }
}

/// Bytes from `at` to `limit`, if `min` of them fit with their padding.
fn room(at: u64, limit: u64, min: u64) -> Option<u64> {
    (padded(at + min) <= limit).then(|| limit - at)
}

#[cfg(test)]
#[path = "writer/tests.rs"]
mod tests;
