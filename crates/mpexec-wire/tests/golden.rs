//! The wire form, byte by byte, written down by hand from the layouts.
//!
//! Whoever makes one of these fail has changed what goes over a link: raise `PROTOCOL` and write down the new bytes.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod common;

use std::fmt::Debug;

use mpexec_wire::*;
use serde::{Serialize, de::DeserializeOwned};

/// Bytes from hexadecimal digits; white space separates the fields for the reader.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[track_caller]
fn pinned<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, golden: &str) {
    let golden = hex(golden);
    assert_eq!(encode_to_vec(value).unwrap(), golden, "{value:?} is encoded differently");
    assert_eq!(&decode::<T>(&golden).unwrap(), value, "{value:?} is decoded differently");
}

#[test]
fn every_shape_of_value_keeps_its_bytes() {
    pinned(&true, "01");
    pinned(&-2_i16, "feff");
    pinned(&0x0102_u32, "02010000");
    pinned(&5_usize, "0500000000000000");
    pinned(&1_u128, "01000000000000000000000000000000");
    pinned(&1.5_f64, "000000000000f83f");
    pinned(&'ß', "c39f");
    pinned(&String::from("ab"), "0200000000000000 6162");
    pinned(&(), "");
    pinned(&Some(7_u8), "01 07");
    pinned(&None::<u8>, "00");
    pinned(&vec![1_u16, 2], "0200000000000000 0100 0200");
    pinned(&[1_u16, 2], "0100 0200");
    pinned(&common::Animal::Ant, "00000000");
    pinned(&common::Animal::Bee(9), "01000000 09000000");
    pinned(&common::Animal::Cat("M".into(), None), "02000000 0100000000000000 4d 00");
    pinned(&std::collections::BTreeMap::from([(1_u8, 2_u8)]), "0100000000000000 01 02");
}

#[test]
fn every_message_of_a_worker_keeps_its_bytes() {
    let golden = [
        "00000000 0a000000 0500000000000000 302e312e30 67120000 0201000000000000 0d0c0b0a00000000
         0100000000000000 0200000000000000 7371 01 0100000000000000 0300000000000000 753634 0300000000000000 753634
         01 0100000000000000 0100000000000000 6e 0300000000000000 6e2a6e 01",
        "01000000",
        "02000000 0500000000000000 0900000000000000",
        "03000000 0200000000000000 6e6f",
        "04000000",
        "05000000 0300000000000000",
    ];
    for (message, golden) in common::from_worker().iter().zip(golden) {
        pinned(message, golden);
    }
}

#[test]
fn every_message_of_a_coordinator_keeps_its_bytes() {
    let golden = [
        "00000000 0a000000 0500000000000000 302e312e30 02000000 00000000 0000400000000000
         01 0201000000000000 0d0c0b0a00000000 01 0300000000000000 c0ffee 66120000
         0100000000000000 77 0100000000000000 70 05000000 0200000000000000 01000000 03000000 01 01 0900000000000000",
        "00000000 0a000000 0500000000000000 302e312e30 02000000 01000000 00 00 66120000
         0000000000000000 0000000000000000 00000000 0000000000000000 00 00",
        "01000000 0500000000000000 0900000000000000",
        "02000000",
    ];
    for (message, golden) in common::to_worker().iter().zip(golden) {
        pinned(message, golden);
    }
}

#[test]
fn a_captured_result_keeps_its_bytes() {
    let golden = "0100 0200000000000000 0102 0100000000000000 6f 0100000000000000 65 0300000000000000 0400000000000000";
    pinned(&common::captured(), golden);
}

#[test]
fn a_panic_report_keeps_its_bytes() {
    pinned(&common::panic_report(), "0400000000000000 626f6f6d 01 0800000000000000 612e72733a313a32 00");
}

#[test]
fn a_batch_keeps_its_bytes() {
    let golden = hex("0100000000000000 0200000000000000 0300000000000000 3412000000000000
         01000000 04000000 01000000 04000000 0600000000000000
         03000000 00000000 aabbcc 0000000000
         10000000 01000000 0700000000000000 0000004000000000
         00000000 00000000
         18000000 02000000 0800000000000000 0000100000000000 0500000000000000");
    assert_eq!(common::batch(), golden);
    let (header, entries) = common::read_batch(&golden).unwrap();
    assert_eq!((header.batch, header.base_ordinal, header.first_index), (1, 2, 3));
    assert_eq!((header.function, header.function_kind), (0x1234, FunctionKind::Named));
    assert_eq!((header.count, header.flags, header.attempt, header.parcels), (4, BATCH_CALLS, 4, 6));
    assert_eq!(entries[0], Entry { flags: 0, payload: &[0xaa, 0xbb, 0xcc] });
    assert_eq!(entries[1].parcel(), Some(ParcelRef { parcel: 7, len: 1 << 30 }));
    assert_eq!(entries[2], Entry { flags: 0, payload: &[] });
    let lent = LentRef { parcel: ParcelRef { parcel: 8, len: 1 << 20 }, memory: 5 };
    assert_eq!((entries[3].lent(), entries[3].parcel()), (Some(lent), Some(lent.parcel)));
    assert!(entries[..3].iter().all(|entry| entry.lent().is_none()));
}

#[test]
fn every_kind_of_function_keeps_its_number() {
    let known = [FunctionKind::Offset, FunctionKind::Named, FunctionKind::NamedJson];
    for (number, kind) in known.into_iter().enumerate() {
        let mut bytes = common::batch();
        bytes[32] = number as u8;
        assert_eq!((kind as usize, common::read_batch(&bytes).unwrap().0.function_kind), (number, kind));
    }
    let mut unknown = common::batch();
    unknown[32] = 3;
    assert_eq!(BatchHeader::read(&unknown), Err(RecordError::Unknown { what: "kind of function", value: 3 }));
}

#[test]
fn a_group_keeps_its_bytes() {
    let golden = hex("0100000000000000 05000000 03000000 0000010000000000 0000000000000000
         08000000 0000 0000 aaaaaaaaaaaaaaaa
         10000000 0100 0100 0700000000000000 0000004000000000
         02000000 0400 0000 6e6f 000000000000");
    assert_eq!(common::group(3), golden);
    let (header, results) = common::read_group(&golden).unwrap();
    assert_eq!(header, GroupHeader { batch: 1, first: 5, count: 3, nanos: 0x10_000, ended: 0 });
    assert_eq!(results.iter().map(|it| it.offset).collect::<Vec<_>>(), [5, 6, 7]);
    assert_eq!((results[0].status, results[0].payload), (Status::Ok, [0xaa; 8].as_slice()));
    assert_eq!(results[1].parcel(), Some(ParcelRef { parcel: 7, len: 1 << 30 }));
    assert_eq!((results[2].status, results[2].payload), (Status::TaskErr, b"no".as_slice()));
}

#[test]
fn every_status_keeps_its_number() {
    let known = [
        Status::Ok,
        Status::Panicked,
        Status::ArgumentUndecodable,
        Status::ResultUnencodable,
        Status::TaskErr,
        Status::Skipped,
        Status::UnknownFunction,
    ];
    for (number, status) in known.into_iter().enumerate() {
        assert_eq!(status as usize, number);
        assert_eq!(Status::try_from(number as u16), Ok(status));
    }
    assert_eq!(Status::try_from(7), Err(RecordError::Unknown { what: "status", value: 7 }));
}

#[test]
fn every_kind_of_frame_keeps_its_bytes() {
    let headers = [
        "584d 0100 0200 0000 78000000 00000000",
        "584d 0200 0000 0000 88000000 00000000",
        "584d 0300 0000 0000 58000000 00000000",
        "584d 0400 0100 0000 10000000 00000000",
        "584d 0500 0000 0000 1a000000 00000000",
        "584d 0600 0000 0000 10000000 00000000",
        "584d 0700 0000 0000 10000000 00000000",
        "584d 0100 0000 0000 00000000 00000000",
    ];
    for ((kind, attached, payload), golden) in common::frames().into_iter().zip(headers) {
        let frame = common::frame(kind, attached, &payload);
        assert_eq!(frame[..FRAME_HEADER], hex(golden), "{kind:?}");
        assert_eq!(frame[FRAME_HEADER..], payload);
    }
}

#[test]
fn the_payloads_with_a_fixed_layout_keep_their_bytes() {
    let frames = common::frames();
    assert_eq!(frames[3].2, hex("0700000000000000 0000004000000000"));
    assert_eq!(frames[4].2, hex("0700000000000000 0a00000000000000 0800000000000000 0102"));
    assert_eq!(frames[5].2, hex("0500000000000000 0600000000000000"));
    assert_eq!(frames[6].2, hex("0700000000000000 0900000000000000"));
}

#[test]
fn a_borrowed_slice_keeps_its_bytes() {
    let mut bytes = Vec::new();
    encode_str("abc", &mut bytes).unwrap();
    encode_slice(&[1_u32, 2], &mut bytes).unwrap();
    let golden = hex("0300000000000000 616263 0000000000 0200000000000000 01000000 02000000");
    assert_eq!(bytes, golden);
}
