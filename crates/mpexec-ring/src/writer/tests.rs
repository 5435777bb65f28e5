//! The writer's arithmetic by itself: no memory, no other side but a number that says how far it
//! is.

use super::*;
use crate::record::ALIGN;

/// A writer with a reader that is told how far it is.
struct Ring {
    writer: Writer,
    tail: u64,
}

impl Ring {
    fn new(capacity: u64) -> Ring {
        Ring { writer: Writer::new(Capacity::new(capacity).unwrap()), tail: 0 }
    }

    /// Its head stands at `offset` and it is empty.
    fn at(capacity: u64, offset: u64) -> Ring {
        let mut ring = Ring::new(capacity);
        ring.writer.head = offset;
        ring.tail = offset;
        ring
    }

    fn place(&mut self, min: u64, want: u64) -> Option<Place> {
        self.writer.place(None, self.tail, min, want)
    }

    /// Writes a record of `len` bytes and tells the offset of its header, or that the ring is full.
    fn push(&mut self, len: u64) -> Option<u64> {
        let place = self.place(len, len)?;
        let start = place.at - HEADER;
        let end = start + HEADER + padded(len);
        if place.widens {
            self.writer.widen_to(&place, end);
        }
        self.writer.advance(end);
        Some(self.writer.capacity.offset(start))
    }

    fn drain(&mut self) {
        self.tail = self.writer.head;
    }
}

const SMALL: u64 = 4096;
const LARGE: u64 = 1 << 20;

#[test]
fn an_empty_ring_takes_the_longest_record_wherever_its_head_stands() {
    for offset in (0..SMALL).step_by(ALIGN as usize) {
        let mut ring = Ring::at(SMALL, offset);
        let max = ring.writer.capacity.max_record() as u64;
        assert!(ring.place(max, max).is_some(), "offset {offset}");
    }
}

#[test]
fn a_ring_whose_reader_keeps_up_never_leaves_its_first_window() {
    let mut ring = Ring::new(LARGE);
    for len in (0..2000).cycle().step_by(7).take(if cfg!(miri) { 5_000 } else { 100_000 }) {
        let offset = ring.push(len).unwrap();
        assert!(offset + HEADER + padded(len) <= FIRST_WINDOW, "{len} bytes at {offset}");
        ring.drain();
    }
}

#[test]
fn a_record_up_to_the_last_byte_of_the_window_stays_and_one_byte_more_jumps() {
    for (len, expected) in [(1023, 0), (1024, 0), (1025, 1)] {
        let start = FIRST_WINDOW - HEADER - 1024;
        let mut ring = Ring::at(LARGE, start);
        let place = ring.place(len, len).unwrap();
        let jumped = u64::from(place.spot == Spot::NextLap);
        assert_eq!(jumped, expected, "{len} bytes");
        assert_eq!(place.at, [start, LARGE][expected as usize] + HEADER);
    }
}

#[test]
fn a_jump_needs_room_for_the_whole_record_before_the_reader() {
    for (len, spot) in [(1024, Spot::NextLap), (1025, Spot::Here)] {
        let mut ring = Ring::at(LARGE, FIRST_WINDOW);
        ring.tail = HEADER + 1024;
        let place = ring.place(len, len).unwrap();
        assert_eq!((place.spot, place.widens), (spot, spot == Spot::Here), "{len} bytes");
        ring.push(len);
        let grown = if spot == Spot::Here { HEADER + padded(len) } else { 0 };
        assert_eq!(ring.writer.window, FIRST_WINDOW + grown, "the window is what was used of it");
    }
}

#[test]
fn a_lap_is_filled_to_its_last_byte() {
    let mut ring = Ring::new(SMALL);
    assert_eq!(ring.push(SMALL - HEADER), Some(0));
    assert_eq!(ring.place(0, 0), None, "full to the last byte");
    ring.tail = HEADER;
    assert_eq!(ring.place(1, 1), None, "a header's worth of room holds no byte");
    assert_eq!(ring.push(0), Some(0), "but an empty record");
}

#[test]
fn a_ring_that_is_kept_full_comes_to_use_all_of_it() {
    let mut ring = Ring::new(LARGE);
    let mut lens = std::collections::VecDeque::new();
    let mut furthest = 0;
    for _ in 0..4_000 {
        match ring.push(1000) {
            Some(offset) => {
                furthest = furthest.max(offset + HEADER + padded(1000));
                lens.push_back(ring.writer.head);
            }
            None => ring.tail = lens.pop_front().unwrap(),
        }
    }
    assert!(furthest > LARGE - 2 * 1024, "it came to {furthest}");
}

#[test]
fn asking_a_full_ring_again_and_again_widens_it_once_per_lap() {
    let mut ring = Ring::new(LARGE);
    while ring.writer.head < FIRST_WINDOW {
        ring.push(4080);
    }
    ring.tail = 4096;
    ring.push(4080).unwrap();
    assert_eq!(ring.writer.head, LARGE + 4096, "it jumped and stands before its reader");
    for _ in 0..100 {
        assert_eq!(ring.place(4080, 4080), None);
    }
    assert_eq!(ring.writer.window, 2 * FIRST_WINDOW);
}

#[test]
fn a_grant_takes_less_than_it_wants_only_if_no_place_has_it_all() {
    let mut ring = Ring::at(SMALL, SMALL - 256);
    let place = ring.place(10, 500).unwrap();
    assert_eq!((place.spot, place.room), (Spot::NextLap, 500));

    // With the start of the ring taken, what is left of this lap must do.
    ring.tail = 256;
    let place = ring.place(10, 500).unwrap();
    assert_eq!((place.spot, place.room), (Spot::Here, 256 - HEADER));
    assert_eq!(ring.place(241, 500), None, "a jump before the reader has 240 bytes too");
    ring.tail = 512;
    let place = ring.place(241, 2000).unwrap();
    assert_eq!((place.spot, place.room), (Spot::NextLap, 512 - HEADER));
}

#[test]
fn an_open_record_grows_byte_by_byte_to_the_end_of_its_lap() {
    let mut ring = Ring::new(SMALL);
    let mut record = OpenRecord { start: 0, len: 0 };
    while record.end() < SMALL {
        let place = ring.writer.place(Some(record), 0, 1, 1).unwrap();
        assert_eq!((place.spot, place.at), (Spot::Behind, record.end()));
        record.len += 1;
    }
    assert_eq!(ring.writer.place(Some(record), 0, 1, 1), None);
    let nothing = ring.writer.place(Some(record), 0, 0, 0).unwrap();
    assert_eq!((nothing.spot, nothing.room), (Spot::Behind, 0));
}

#[test]
fn an_open_record_at_the_end_of_its_lap_goes_on_in_the_next() {
    let mut ring = Ring::at(SMALL, SMALL - 64);
    let record = OpenRecord { start: SMALL - 64, len: 48 };
    let place = ring.writer.place(Some(record), ring.tail, 1, 100).unwrap();
    assert_eq!((place.spot, place.at, place.room), (Spot::NextLap, SMALL + HEADER, 100));
}

#[test]
fn the_short_way_finds_only_what_the_long_way_finds() {
    for head in (SMALL..2 * SMALL).step_by(if cfg!(miri) { 496 } else { 16 }) {
        for tail in (head - SMALL..=head).step_by(272) {
            for want in [0, 1, 15, 16, 17, 500, 1024] {
                for len in [None, Some(0), Some(7), Some(300)] {
                    let mut writer = Ring::at(SMALL, head).writer;
                    writer.window = 2048;
                    let open = len.map(|len| OpenRecord { start: head, len });
                    if open.is_some_and(|record| padded(record.end()) > (2 * SMALL).min(tail + SMALL)) {
                        continue;
                    }
                    let short = writer.place_inside(open, tail, want);
                    let long = writer.place(open, tail, want, want);
                    assert!(short.is_none() || short == long, "{short:?} {long:?}");
                }
            }
        }
    }
}

/// With a part for long records.
const DEEP: u64 = 8 * REACH;
const SHORT: u64 = SHORT_RECORD as u64;
const LONG: u64 = 2 * SHORT;

#[test]
fn a_ring_that_is_kept_full_of_short_records_uses_no_more_than_their_part() {
    let mut ring = Ring::new(DEEP);
    let mut lens = std::collections::VecDeque::new();
    let (mut furthest, mut full) = (0, 0);
    while full < 2_000 {
        let len = [1000, SHORT, 70_000][full % 3];
        match ring.push(len) {
            Some(offset) => {
                furthest = furthest.max(offset + HEADER + padded(len));
                lens.push_back(ring.writer.head);
            }
            None => {
                ring.tail = lens.pop_front().unwrap();
                full += 1;
            }
        }
    }
    assert!((REACH - 2 * SHORT..=REACH).contains(&furthest), "it came to {furthest}");
}

#[test]
fn a_long_record_goes_on_behind_that_part_and_a_short_one_waits_for_the_next_lap() {
    let mut ring = Ring::new(DEEP);
    let most = ring.writer.capacity.max_record() as u64;
    assert_eq!(ring.push(REACH - 2 * HEADER), Some(0));
    assert_eq!(ring.push(SHORT), None, "its part is full");
    assert_eq!(ring.push(SHORT + 1), None, "four of these would end here");
    assert_eq!(ring.push(LONG), Some(REACH - HEADER), "and of longer ones later");
    assert_eq!(ring.place(WORD + 1, WORD + 1), None, "not even one that is no word");
    for word in [0, WORD] {
        assert_eq!(ring.place(word, word).unwrap().spot, Spot::Here, "but a word, which may be the last");
    }
    ring.tail = REACH - HEADER;
    let next = ring.place(SHORT, SHORT).unwrap();
    assert_eq!((next.spot, next.at), (Spot::NextLap, DEEP + HEADER), "its reader has passed the first");
    assert_eq!(ring.writer.window, FIRST_WINDOW, "the next ones keep to where the caches have them");
    for offset in (0..DEEP).step_by(1 << 18) {
        for len in [0, 1, SHORT, SHORT + 1, most] {
            assert!(Ring::at(DEEP, offset).place(len, len).is_some(), "{len} bytes into an empty ring at {offset}");
        }
    }
}

#[test]
fn a_group_that_comes_to_the_end_of_the_short_part_goes_on_in_the_next_lap() {
    let mut ring = Ring::at(DEEP, REACH - 64);
    let record = OpenRecord { start: REACH - 64, len: 48 };
    let place = ring.writer.place(Some(record), ring.tail, 1, 100).unwrap();
    assert_eq!((place.spot, place.at, place.room), (Spot::NextLap, DEEP + HEADER, 100));
    let place = ring.writer.place(Some(record), ring.tail, 1, LONG).unwrap();
    assert_eq!((place.spot, place.room), (Spot::NextLap, LONG), "the window comes first");
    ring.tail -= 32;
    let full = Ring { writer: ring.writer, tail: 0 }.writer.place(Some(record), 0, 1, LONG).unwrap();
    assert_eq!((full.spot, full.room, full.widens), (Spot::Behind, LONG, false));
}
