//! Bytes from a stranger: cut, changed or made up, they give a typed error or a valid value, soon, and never a panic.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod common;

use common::{Tree, Zoo};
use mpexec_wire::*;
use proptest::{collection::vec, prelude::*};
use serde::{Serialize, de::DeserializeOwned};

/// A decoder of anything, told by whether it accepts the bytes.
type Accepts = fn(&[u8]) -> bool;

fn value<T: DeserializeOwned + Serialize + 'static>(bytes: &[u8]) -> bool {
    let slow = decode_prefix::<T>(bytes);
    let fast = decode_owned::<T>(bytes);
    assert_eq!(slow.is_ok(), fast.is_ok(), "the fast way and the slow way agree");
    if let Ok((value, used)) = slow {
        // What was accepted is the value's only form, except that maps and sets may have come out of order or double.
        assert!(used <= bytes.len());
        assert!(encode_to_vec(&value).unwrap().len() <= used);
    }
    decode::<T>(bytes).is_ok()
}

/// Each decoder with a sample that it accepts.
fn decoders() -> Vec<(&'static str, Accepts, Vec<u8>)> {
    let mut all: Vec<(&'static str, Accepts, Vec<u8>)> = vec![
        ("zoo", value::<Zoo>, encode_to_vec(&common::zoo()).unwrap()),
        ("floats", value::<Vec<f64>>, encode_to_vec(&vec![1.5_f64; 4]).unwrap()),
        ("bytes", value::<Vec<u8>>, encode_to_vec(&vec![7_u8; 9]).unwrap()),
        ("text", value::<String>, encode_to_vec("größer").unwrap()),
        ("captured", value::<Captured>, encode_to_vec(&common::captured()).unwrap()),
        ("report", value::<PanicReport>, encode_to_vec(&common::panic_report()).unwrap()),
        ("batch", |bytes| common::read_batch(bytes).is_ok(), common::batch()),
        ("group", |bytes| common::read_group(bytes).is_ok(), common::group(3)),
        ("parcel", |bytes| ParcelRef::read(bytes).is_ok(), common::parcel().to_vec()),
        ("lent", |bytes| LentRef::read(bytes).is_ok(), common::lent().to_vec()),
    ];
    for message in common::from_worker() {
        all.push(("worker", value::<FromWorker>, encode_to_vec(&message).unwrap()));
    }
    for message in common::to_worker() {
        all.push(("coordinator", value::<ToWorker>, encode_to_vec(&message).unwrap()));
    }
    all
}

/// Decoders that accept a prefix, or bytes of any length.
fn lenient(bytes: &[u8]) {
    let _ = peek_hello(bytes);
    let _ = common::read_group(bytes);
    let _ = Results::new(bytes, u32::MAX - 1, 0).collect::<Result<Vec<_>, _>>();
    let _ = ParcelPiece::read(bytes);
    let _ = Progress::read(bytes);
    let _ = decode_str(bytes, &mut 0);
    for mut pos in 0..9 {
        let _ = decode_slice::<u64>(bytes, &mut pos);
        let _ = decode_slice::<[u8; 3]>(bytes, &mut pos);
    }
    for step in [1, 7, usize::MAX] {
        let _ = common::read_stream(bytes, step);
    }
    let _ = value::<Tree>(bytes);
}

#[test]
fn every_sample_is_accepted_as_it_is() {
    for (name, accepts, sample) in decoders() {
        assert!(accepts(&sample), "{name}");
    }
}

#[test]
fn a_message_cut_at_any_byte_is_a_typed_error() {
    for (name, accepts, sample) in decoders() {
        for end in 0..sample.len() {
            assert!(!accepts(&sample[..end]), "{name} is accepted with {end} bytes of {}", sample.len());
            lenient(&sample[..end]);
        }
    }
}

#[test]
fn a_message_with_bytes_behind_it_is_a_typed_error() {
    for (name, accepts, mut sample) in decoders() {
        sample.push(0);
        assert!(!accepts(&sample), "{name}");
    }
}

#[test]
fn a_message_with_any_byte_changed_is_an_error_or_another_message() {
    for (_, accepts, sample) in decoders() {
        for at in 0..sample.len() {
            let mut bytes = sample.clone();
            let changes = (0..8).map(|bit| sample[at] ^ 1 << bit).chain([0, 0x7f, 0x80, 0xff]);
            for changed in changes {
                bytes[at] = changed;
                accepts(&bytes);
                lenient(&bytes);
            }
        }
    }
}

#[test]
fn a_stream_with_any_byte_changed_yields_frames_or_a_typed_error() {
    let stream: Vec<u8> = common::frames().iter().flat_map(|it| common::frame(it.0, it.1, &it.2)).collect();
    for at in 0..stream.len() {
        for bit in 0..8 {
            let mut bytes = stream.clone();
            bytes[at] ^= 1 << bit;
            let _ = common::read_stream(&bytes, 50);
        }
    }
}

#[test]
fn padding_that_is_not_zero_is_a_typed_error() {
    let sample = common::batch();
    for at in (0..5).map(|n| BATCH_HEADER + ENTRY_HEADER + 3 + n) {
        for changed in [1, 0x80] {
            let mut bytes = sample.clone();
            bytes[at] = changed;
            assert!(matches!(common::read_batch(&bytes), Err(RecordError::Unknown { what: "padding", .. })));
        }
    }
    for at in 1..8 {
        let mut words = [1_u64, 0, 0];
        words[0] = 1 << (8 * at);
        let bytes: &[u8] = bytemuck::cast_slice(&words);
        let mut pos = 1;
        let error = decode_slice::<u8>(bytes, &mut pos);
        assert!(matches!(error, Err(DecodeError::Invalid { .. })));
        assert_eq!(pos, 1, "an error moves nothing");
    }
}

#[test]
fn a_place_beyond_the_end_is_a_typed_error() {
    let words = [0_u64; 3];
    let bytes: &[u8] = bytemuck::cast_slice(&words);
    for beyond in [17, 24, 25, usize::MAX] {
        assert!(matches!(decode_slice::<u8>(bytes, &mut { beyond }), Err(DecodeError::Cut { .. })));
        assert!(matches!(decode_str(bytes, &mut { beyond }), Err(DecodeError::Cut { .. })));
    }
}

#[test]
fn borrowing_from_a_message_at_an_odd_place_in_memory_is_a_typed_error() {
    let words = [0, 1 << 32, 7 << 32, 0_u64];
    let odd: &[u8] = &bytemuck::cast_slice(&words)[4..];
    let error = decode_slice::<u64>(&odd[8..], &mut 0).unwrap_err();
    assert!(matches!(error, DecodeError::Invalid { .. }), "{error}");
    assert!(error.to_string().contains("multiple of 8"), "{error}");
}

#[test]
fn each_wrong_field_of_a_record_has_an_error_of_its_own() {
    let batch = |at: usize, field: &[u8]| {
        let mut bytes = common::batch();
        bytes[at..at + field.len()].copy_from_slice(field);
        common::read_batch(&bytes).unwrap_err()
    };
    let unknown = |what, value| RecordError::Unknown { what, value };
    assert_eq!(batch(32, &[3]), unknown("kind of function", 3));
    assert_eq!(batch(40, &[8]), unknown("batch's flags", 8));
    assert_eq!(batch(60, &[2]), RecordError::Cut { what: "a reference to lent memory" });
    // Beside its batch in one way, and in no other.
    for flags in [3, 4] {
        assert_eq!(batch(60, &[flags as u8]), unknown("entry's flags", flags));
    }
    for (at, what) in [(8, "ordinal"), (16, "index")] {
        assert_eq!(batch(at, &[0xff; 8]), RecordError::Overflow { what });
    }
    assert_eq!(batch(36, &[2]), RecordError::Trailing { left: 40 });
    assert_eq!(batch(36, &[5]), RecordError::Cut { what: "an entry's header" });
    assert_eq!(batch(56, &[200]), RecordError::Cut { what: "an entry's payload" });
    // The first entry as a parcel: three bytes are no reference to one. Nor are twenty-four.
    assert_eq!(batch(60, &[1]), RecordError::Cut { what: "a reference to a parcel" });
    assert_eq!(batch(72, &[24]), RecordError::Trailing { left: 8 });

    let group = |at: usize, field: &[u8]| {
        let mut bytes = common::group(3);
        bytes[at..at + field.len()].copy_from_slice(field);
        common::read_group(&bytes).unwrap_err()
    };
    assert_eq!(group(36, &[7]), unknown("status", 7));
    assert_eq!(group(38, &[2]), unknown("result's flags", 2));
    assert_eq!(group(38, &[1]), RecordError::Cut { what: "a reference to a parcel" });
    let mut bytes = common::group(3);
    bytes[8..12].fill(0xff);
    let overflow = RecordError::Overflow { what: "offset" };
    assert_eq!(GroupHeader::read(&bytes), Err(overflow));
    assert_eq!(group(12, &[2]), RecordError::Trailing { left: 16 });

    // An open group cannot be checked beforehand, so its offsets are as they come.
    let open = common::group(0);
    let mut results = Results::new(&open[GROUP_HEADER..], u32::MAX - 1, 0);
    assert!(results.next().unwrap().is_ok());
    assert_eq!(results.next(), Some(Err(RecordError::Overflow { what: "offset" })));
    assert_eq!(results.next(), None, "nothing comes after an error");
}

#[test]
fn a_first_message_that_is_no_hello_is_a_typed_error() {
    for message in &common::from_worker()[1..] {
        let mut bytes = encode_to_vec(message).unwrap();
        bytes.resize(bytes.len() + 20, 0);
        assert!(matches!(peek_hello(&bytes), Err(DecodeError::Invalid { .. })));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_a_typed_error_or_a_value(
        bytes in vec(prop_oneof![3 => 0_u8..4, 1 => any::<u8>()], 0..200),
    ) {
        for (_, accepts, _) in decoders() {
            accepts(&bytes);
        }
        lenient(&bytes);
    }

    #[test]
    fn arbitrary_bytes_behind_a_good_beginning_are_a_typed_error_or_a_value(
        which: prop::sample::Index,
        keep: prop::sample::Index,
        tail in vec(prop_oneof![3 => 0_u8..4, 1 => any::<u8>()], 0..100),
    ) {
        let (_, accepts, sample) = decoders().swap_remove(which.index(decoders().len()));
        let bytes = [&sample[..keep.index(sample.len() + 1)], &tail].concat();
        accepts(&bytes);
        lenient(&bytes);
    }
}

#[test]
fn an_error_names_the_type_and_what_is_wrong_with_the_bytes() {
    let says = |error: DecodeError| error.to_string();
    let cut = says(decode::<(u8, u32)>(&[1, 2]).unwrap_err());
    assert_eq!(cut, "the bytes end in the middle of a value of type (u8, u32)");
    let left = says(decode::<u8>(&[1, 2, 3]).unwrap_err());
    assert_eq!(left, "2 bytes are left over after a value of type u8");
    for (error, part) in [
        (says(decode::<bool>(&[9]).unwrap_err()), "a bool in it is 9"),
        (says(decode::<Option<u8>>(&[9]).unwrap_err()), "an option in it is 9"),
        (says(decode::<char>(&[0xff]).unwrap_err()), "not UTF-8"),
        (says(decode::<String>(&[1, 0, 0, 0, 0, 0, 0, 0, 0xff]).unwrap_err()), "not UTF-8"),
        (says(decode::<FromWorker>(&[9, 0, 0, 0]).unwrap_err()), "variant index"),
        (says(decode::<std::num::NonZeroU8>(&[0]).unwrap_err()), "nonzero"),
    ] {
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    }
}

#[test]
fn a_value_that_cannot_be_encoded_says_which_and_why() {
    struct Stream;
    impl Serialize for Stream {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..3).filter(|n| n % 2 == 0))
        }
    }
    struct Refusing;
    impl Serialize for Refusing {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("I will not go"))
        }
    }
    let stream = encode_to_vec(&Stream).unwrap_err().to_string();
    assert!(stream.contains("Stream") && stream.contains("length"), "{stream}");
    let refusing = encode_to_vec(&(1, Refusing)).unwrap_err().to_string();
    assert!(refusing.contains("Refusing") && refusing.contains("I will not go"), "{refusing}");
}
