//! A stream of frames, read as a socket delivers it: in pieces of any size, from a peer that may be broken.

mod common;

use mpexec_wire::*;

/// A header that no sender of ours would make.
fn raw(magic: u16, kind: u16, attached: u16, len: u32) -> [u8; FRAME_HEADER] {
    let mut bytes = [0; FRAME_HEADER];
    bytes[..2].copy_from_slice(&magic.to_le_bytes());
    bytes[2..4].copy_from_slice(&kind.to_le_bytes());
    bytes[4..6].copy_from_slice(&attached.to_le_bytes());
    bytes[8..12].copy_from_slice(&len.to_le_bytes());
    bytes
}

fn feed(decoder: &mut FrameDecoder, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let space = decoder.space(1);
        let n = space.len().min(rest.len());
        space[..n].copy_from_slice(&rest[..n]);
        decoder.filled(n);
        rest = &rest[n..];
    }
}

fn fails(header: [u8; FRAME_HEADER]) -> FrameError {
    let mut decoder = FrameDecoder::new();
    feed(&mut decoder, &header);
    decoder.next().expect_err("the header is refused")
}

#[test]
fn frames_of_every_kind_come_out_in_order_at_any_step() {
    let frames = common::frames();
    let stream: Vec<u8> = frames.iter().flat_map(|it| common::frame(it.0, it.1, &it.2)).collect();
    for step in (1..40).chain([stream.len() - 1, stream.len()]) {
        assert_eq!(common::read_stream(&stream, step).unwrap(), frames, "{step} bytes at a time");
    }
}

#[test]
fn each_wrong_field_of_a_header_has_an_error_of_its_own() {
    assert_eq!(fails(raw(0x4d59, 1, 0, 0)), FrameError::Magic { found: 0x4d59 });
    assert_eq!(fails(raw(FRAME_MAGIC, 0, 0, 0)), FrameError::Kind { found: 0 });
    assert_eq!(fails(raw(FRAME_MAGIC, 8, 0, 0)), FrameError::Kind { found: 8 });
    assert_eq!(fails(raw(FRAME_MAGIC, 1, 254, 0)), FrameError::Attached { found: 254 });
    for at in [6, 12] {
        let mut header = raw(FRAME_MAGIC, 1, 0, 0);
        header[at] = 5;
        assert_eq!(fails(header), FrameError::Reserved { found: 5 });
    }
}

#[test]
fn a_length_above_the_cap_of_its_kind_is_refused_by_sender_and_receiver_and_the_cap_is_not() {
    let kinds = [
        (FrameKind::Control, MAX_CONTROL),
        (FrameKind::Batch, MAX_DATA),
        (FrameKind::Group, MAX_DATA),
        (FrameKind::Parcel, PARCEL_REF),
        (FrameKind::ParcelBytes, PIECE_HEADER + MAX_PIECE),
        (FrameKind::Progress, PROGRESS),
        (FrameKind::Forget, MAX_FORGOTTEN * 8),
    ];
    for (kind, cap) in kinds {
        let len = cap + 1;
        let too_long = FrameError::TooLong { kind, len, cap };
        assert_eq!(FrameHeader::new(kind, 0, len), Err(too_long));
        assert_eq!(fails(raw(FRAME_MAGIC, kind as u16, 0, len as u32)), too_long);
        let header = FrameHeader::new(kind, 0, cap).unwrap().write();
        let mut decoder = FrameDecoder::new();
        feed(&mut decoder, &header);
        assert_eq!(decoder.next(), Ok(None), "{kind:?} waits for its payload");
    }
    assert!(matches!(fails(raw(FRAME_MAGIC, 2, 0, u32::MAX)), FrameError::TooLong { .. }));
}

#[test]
fn a_broken_stream_stays_broken() {
    let mut decoder = FrameDecoder::new();
    feed(&mut decoder, &common::frame(FrameKind::Control, 0, b"good"));
    assert_eq!(decoder.next().unwrap().unwrap().payload, b"good");
    feed(&mut decoder, &raw(1, 1, 1, 1));
    let error = decoder.next().unwrap_err();
    feed(&mut decoder, &common::frame(FrameKind::Control, 0, b"good"));
    assert_eq!(decoder.next(), Err(error));
    assert!(!decoder.is_between_frames());
}

#[test]
fn a_stream_may_end_between_frames_only() {
    let mut decoder = FrameDecoder::new();
    assert!(decoder.is_between_frames());
    for byte in common::frame(FrameKind::Control, 0, b"hi") {
        feed(&mut decoder, &[byte]);
        assert!(!decoder.is_between_frames());
    }
    assert!(decoder.next().unwrap().is_some());
    assert!(decoder.is_between_frames());
}

#[test]
fn room_is_never_less_than_was_asked_for() {
    let mut decoder = FrameDecoder::new();
    for min in [0, 1, 15, 16, 17, 1000, 64 << 10] {
        assert!(decoder.space(min).len() >= min.max(1));
        feed(&mut decoder, &common::frame(FrameKind::Control, 0, &[7; 33])[..20]);
        assert!(decoder.next().unwrap().is_none());
        assert!(decoder.space(min).len() >= min.max(1));
        feed(&mut decoder, &[7; 29]);
        assert!(decoder.next().unwrap().is_some());
    }
}

#[test]
fn a_large_frame_is_given_exactly_the_room_it_lacks_so_that_the_next_one_lies_aligned() {
    let first = common::frame(FrameKind::Control, 0, &[1; 5]);
    let large: Vec<u8> = (0..3_000_001_u32).map(|n| n as u8).collect();
    let large = common::frame(FrameKind::Group, 0, &large);
    let stream = [first.as_slice(), &large, &first].concat();

    let (mut decoder, mut rest, mut reads) = (FrameDecoder::new(), stream.as_slice(), 0);
    let mut found = Vec::new();
    loop {
        while let Some(frame) = decoder.next().unwrap() {
            assert_eq!(frame.payload.as_ptr().addr() % 16, 0);
            if frame.kind == FrameKind::Group {
                assert_eq!(frame.payload, &large[FRAME_HEADER..]);
            }
            found.push((frame.kind, decoder.is_between_frames()));
        }
        if rest.is_empty() {
            break;
        }
        let space = decoder.space(4096);
        let n = space.len().min(rest.len());
        space[..n].copy_from_slice(&rest[..n]);
        decoder.filled(n);
        rest = &rest[n..];
        reads += 1;
    }
    let expected = [(FrameKind::Control, false), (FrameKind::Group, true), (FrameKind::Control, true)];
    assert_eq!(found, expected);
    // The room doubles: 3 MB from 4 KiB take about ten reads, not seven hundred.
    assert!(reads < 16, "{reads} reads");
}

#[test]
#[should_panic(expected = "cannot lie in a room")]
fn filling_more_than_was_offered_is_a_mistake_that_shows() {
    let mut decoder = FrameDecoder::new();
    let offered = decoder.space(10).len();
    decoder.filled(offered + 1);
}

#[test]
fn a_piece_lies_within_its_parcel() {
    let piece = |total: u64, offset: u64, len: usize| {
        let mut payload = vec![0; PIECE_HEADER + len];
        ParcelPiece { parcel: 1, total, offset }.write_to(payload.first_chunk_mut().unwrap());
        ParcelPiece::read(&payload).map(|(_, bytes)| bytes.len())
    };
    assert_eq!(piece(10, 0, 10), Ok(10));
    assert_eq!(piece(10, 10, 0), Ok(0));
    for wrong in [piece(10, 1, 10), piece(10, 11, 0), piece(u64::MAX, u64::MAX, 1)] {
        assert!(matches!(wrong, Err(FrameError::Payload { .. })));
    }
}
