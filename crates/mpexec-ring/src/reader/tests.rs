//! The reader's judgement by itself: headers come from a table, positions from the test.

use proptest::prelude::*;

use super::*;

const CAPACITY: u64 = 4096;

fn reader() -> Reader {
    Reader::new(Capacity::new(CAPACITY).unwrap())
}

/// A ring in which the header at each offset is what `list` says, and zero elsewhere.
fn headers(list: &[(u64, Header)]) -> impl Fn(u64) -> [u64; 2] + use<> {
    let list = list.to_vec();
    move |offset| {
        let found = list.iter().find(|(at, _)| *at == offset);
        found.map_or([0, 0], |(_, header)| header.words())
    }
}

fn record(len: u32) -> Header {
    Header { len, kind: 5, tag: 9 }
}

fn complete(position: u64) -> Limit {
    Limit { published: 0, complete: position }
}

/// What a reader at 0 says to one record whose header is `header`, with the ring published up to
/// `head`.
fn judged(header: Header, head: u64) -> Result<Option<Piece>, Corrupt> {
    reader().next(Limit::published(head), headers(&[(0, header)]))
}

#[test]
fn a_published_record_is_taken_whole_and_once() {
    let mut reader = reader();
    let ring = headers(&[(0, record(20)), (48, record(0))]);
    let piece = reader.next(Limit::published(64), &ring).unwrap().unwrap();
    assert_eq!((piece.at, piece.len, piece.kind, piece.tag), (16, 20, 5, 9));
    assert!(!piece.continued);
    let empty = reader.next(Limit::published(64), &ring).unwrap().unwrap();
    assert_eq!((empty.at, empty.len), (64, 0));
    assert_eq!(reader.next(Limit::published(64), &ring), Ok(None));
    assert_eq!(reader.position(), 64);
}

#[test]
fn a_pad_leads_to_the_next_lap() {
    let mut reader = reader();
    let ring = headers(&[(0, record(16)), (32, Header::PAD)]);
    reader.next(Limit::published(32), &ring).unwrap().unwrap();
    reader.free();
    let ring = headers(&[(0, record(3)), (32, Header::PAD)]);
    let piece = reader.next(Limit::published(CAPACITY + 32), &ring).unwrap().unwrap();
    assert_eq!((piece.at, piece.len), (CAPACITY + 16, 3));
}

#[test]
fn a_growing_record_is_taken_piece_by_piece_up_to_what_is_complete() {
    let mut reader = reader();
    let first = reader.next(complete(16 + 5), headers(&[(0, record(5))])).unwrap().unwrap();
    assert_eq!((first.at, first.len, first.continued), (16, 5, false));
    // The writer is already further than it said: only what it said counts.
    let second = reader.next(complete(16 + 9), headers(&[(0, record(30))])).unwrap().unwrap();
    assert_eq!((second.at, second.len, second.continued), (21, 4, true));
    assert_eq!(reader.next(complete(16 + 9), headers(&[(0, record(30))])), Ok(None));
    // Then it is published as a whole: the rest comes, and the space can go back.
    let rest = reader.next(Limit::published(48), headers(&[(0, record(30))])).unwrap().unwrap();
    assert_eq!((rest.at, rest.len, rest.continued), (25, 21, true));
    assert_eq!(reader.position(), 48);
}

#[test]
fn a_record_taken_before_it_was_published_is_not_given_again() {
    let mut reader = reader();
    let ring = headers(&[(0, record(16)), (32, record(1))]);
    assert!(reader.next(complete(32), &ring).unwrap().is_some());
    assert_eq!(reader.next(Limit::published(32), &ring), Ok(None));
    assert_eq!(reader.position(), 32);
    // Nor if a later record shows that it is over.
    let mut reader = Reader { position: 0, ..self::reader() };
    assert!(reader.next(complete(32), &ring).unwrap().is_some());
    let next = reader.next(complete(49), &ring).unwrap().unwrap();
    assert_eq!((next.at, next.len, next.continued), (48, 1, false));
}

#[test]
fn an_empty_record_is_given_once_whichever_way_it_is_seen_first() {
    let mut reader = reader();
    let ring = headers(&[(0, record(0))]);
    assert_eq!(reader.next(complete(16), &ring).unwrap().unwrap().len, 0);
    assert_eq!(reader.next(complete(16), &ring), Ok(None));
    assert_eq!(reader.next(Limit::published(16), &ring), Ok(None));
    assert_eq!(reader.position(), 16);
}

#[test]
fn a_complete_position_within_the_padding_of_what_was_taken_is_no_news() {
    let mut reader = reader();
    let ring = headers(&[(0, record(3))]);
    let limit = Limit { published: 32, complete: 19 };
    assert_eq!(reader.next(limit, &ring).unwrap().unwrap().len, 3);
    assert_eq!(reader.next(limit, &ring), Ok(None));
}

#[test]
fn the_mark_of_a_continued_group_is_no_part_of_its_kind() {
    let marked = Header { kind: 5 | CONTINUED, ..record(1) };
    let piece = judged(marked, 32).unwrap().unwrap();
    assert_eq!((piece.kind, piece.continued), (5, true));
}

#[test]
fn positions_that_no_writer_stores_are_refused() {
    assert!(judged(record(0), 24).is_err(), "not aligned");
    assert!(judged(record(0), CAPACITY + 16).is_err(), "past the ring");
    assert!(judged(record(0), u64::MAX - 15).is_err(), "far past the ring");
    for (published, complete) in [(CAPACITY + 16, 0), (0, CAPACITY + 1)] {
        let past = Limit { published, complete };
        assert!(reader().next(past, headers(&[(0, record(0))])).is_err(), "{past:?}");
    }
    let mut reader = reader();
    reader.next(Limit::published(32), headers(&[(0, record(16))])).unwrap();
    assert!(reader.next(Limit::published(16), headers(&[])).is_err(), "backwards");
}

#[test]
fn lengths_that_leave_what_is_published_or_the_lap_are_refused() {
    assert!(judged(record(16), 32).is_ok());
    assert!(judged(record(17), 32).is_err(), "one byte past what is published");
    assert!(judged(record(u32::MAX), CAPACITY).is_err());
    assert!(judged(record(CAPACITY as u32 - 16), CAPACITY).is_ok());
    assert!(judged(record(CAPACITY as u32 - 15), CAPACITY).is_err(), "past the ring");
    let mut reader = Reader { position: 2048, freed: 2048, ..reader() };
    let across = headers(&[(2048, record(2048))]);
    assert!(reader.next(Limit::published(2048 + CAPACITY), across).is_err(), "past the lap");
    let too_long = headers(&[(0, record(CAPACITY as u32))]);
    assert!(self::reader().next(complete(17), too_long).is_err());
    let half = self::reader().next(complete(15), headers(&[(0, record(0))]));
    assert!(half.is_err(), "half a header");
}

#[test]
fn a_pad_past_what_is_published_or_with_a_length_is_refused() {
    assert!(judged(Header::PAD, 32).is_err());
    assert!(judged(Header { len: 1, ..Header::PAD }, CAPACITY).is_err());
    assert!(judged(Header { kind: CONTINUED, ..Header::PAD }, CAPACITY).is_err(), "a marked pad");
    assert!(judged(Header { kind: CONTINUED, ..record(4) }, CAPACITY).is_err(), "no kind but the mark");
    assert_eq!(judged(Header::PAD, CAPACITY), Ok(None));
}

#[test]
fn a_record_that_changes_while_it_grows_is_refused() {
    let taken = |then: Header| {
        let mut reader = reader();
        reader.next(complete(20), headers(&[(0, record(4))])).unwrap().unwrap();
        reader.next(complete(40), headers(&[(0, then)]))
    };
    assert!(taken(record(20)).is_ok());
    assert!(taken(record(3)).is_err(), "shorter");
    assert!(taken(Header { kind: 6, ..record(20) }).is_err(), "another kind");
    assert!(taken(Header { tag: 0, ..record(20) }).is_err(), "another tag");
    assert!(taken(Header::PAD).is_err(), "nothing at all");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: if cfg!(miri) { 2 } else { 256 }, ..ProptestConfig::default() })]

    /// Whatever is in the ring: a piece lies in one lap and before the wall, and a reader comes to an end.
    #[test]
    fn nothing_that_is_read_leads_outside(
        words in proptest::collection::vec((word(), any::<u64>()), 256),
        limits in proptest::collection::vec((position(), position(), any::<bool>()), 1..8),
    ) {
        let mut reader = reader();
        for (published, complete, free) in limits {
            let limit = Limit { published, complete };
            for _ in 0..300 {
                let before = reader;
                match reader.next(limit, |offset| {
                    let (first, tag) = words[(offset / 16) as usize];
                    [first, tag]
                }) {
                    Ok(Some(piece)) => {
                        let end = piece.at + u64::from(piece.len);
                        let capacity = reader.capacity;
                        prop_assert!(piece.kind != 0 && piece.kind < CONTINUED);
                        prop_assert!(end <= reader.freed + CAPACITY);
                        prop_assert!(capacity.offset(piece.at - 1) + 1 + u64::from(piece.len) <= CAPACITY);
                        prop_assert!(end <= published.max(complete));
                    }
                    Ok(None) => break,
                    Err(_) => {
                        prop_assert_eq!(reader.position, before.position);
                        break;
                    }
                }
                prop_assert!(reader.position > before.position || reader.partly.is_some());
            }
            if free {
                reader.free();
            }
        }
    }
}

/// First words of headers: plausible ones, pads, and nonsense.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => (0u64..200, 1u64..3).prop_map(|(len, kind)| len | kind << 32),
        2 => Just(0u64),
        1 => (any::<u32>(), 0u64..2).prop_map(|(len, kind)| u64::from(len) | kind << 32),
        1 => any::<u64>(),
    ]
}

/// Positions: within the first laps, or anything.
fn position() -> impl Strategy<Value = u64> {
    prop_oneof![6 => (0u64..600).prop_map(|n| n * 16), 2 => 0u64..3 * CAPACITY, 1 => any::<u64>()]
}
