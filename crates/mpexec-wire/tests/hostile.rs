//! Bytes from a stranger: cut, changed or made up, they give a typed error or a valid value, soon, and never a panic.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, LinkedList, VecDeque},
    fmt::Debug,
    marker::PhantomData,
};

use common::{Tree, Zoo, within_a_minute};
use mpexec_wire::*;
use proptest::{collection::vec, prelude::*};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A decoder of anything, told by whether it accepts the bytes.
type Accepts = fn(&[u8]) -> bool;

fn value<T: DeserializeOwned + Serialize + 'static>(bytes: &[u8]) -> bool {
    let slow = decode_prefix::<T>(bytes);
    let fast = decode_owned::<T>(bytes);
    assert_eq!(
        slow.is_ok(),
        fast.is_ok(),
        "the fast way and the slow way agree"
    );
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
        (
            "floats",
            value::<Vec<f64>>,
            encode_to_vec(&vec![1.5_f64; 4]).unwrap(),
        ),
        (
            "bytes",
            value::<Vec<u8>>,
            encode_to_vec(&vec![7_u8; 9]).unwrap(),
        ),
        ("text", value::<String>, encode_to_vec("größer").unwrap()),
        (
            "report",
            value::<PanicReport>,
            encode_to_vec(&common::panic_report()).unwrap(),
        ),
        (
            "batch",
            |bytes| common::read_batch(bytes).is_ok(),
            common::batch(),
        ),
        (
            "group",
            |bytes| common::read_group(bytes).is_ok(),
            common::group(3),
        ),
        (
            "parcel",
            |bytes| ParcelRef::read(bytes).is_ok(),
            common::parcel().to_vec(),
        ),
    ];
    for message in common::from_worker() {
        all.push((
            "worker",
            value::<FromWorker>,
            encode_to_vec(&message).unwrap(),
        ));
    }
    for message in common::to_worker() {
        all.push((
            "coordinator",
            value::<ToWorker>,
            encode_to_vec(&message).unwrap(),
        ));
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
            assert!(
                !accepts(&sample[..end]),
                "{name} is accepted with {end} bytes of {}",
                sample.len()
            );
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
            let changes = (0..8)
                .map(|bit| sample[at] ^ 1 << bit)
                .chain([0, 0x7f, 0x80, 0xff]);
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
    let stream: Vec<u8> = common::frames()
        .iter()
        .flat_map(|it| common::frame(it.0, it.1, &it.2))
        .collect();
    for at in 0..stream.len() {
        for bit in 0..8 {
            let mut bytes = stream.clone();
            bytes[at] ^= 1 << bit;
            let _ = common::read_stream(&bytes, 50);
        }
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

/// Eight bytes that claim `len` elements or bytes, and nothing behind them.
fn refuses<T: DeserializeOwned + Debug + Send + 'static>(len: u64) {
    let error = within_a_minute(move || decode::<T>(&len.to_le_bytes()).unwrap_err());
    assert!(
        matches!(error, DecodeError::Cut { .. } | DecodeError::Limit { .. }),
        "{len} x {}: {error}",
        std::any::type_name::<T>()
    );
}

const ABSURD: [u64; 6] = [
    1 << 34,
    1 << 40,
    1 << 48,
    1 << 60,
    u64::MAX / 8 + 1,
    u64::MAX,
];

#[test]
fn an_absurd_length_of_text_or_bytes_is_refused_at_once() {
    for len in ABSURD {
        refuses::<String>(len);
        refuses::<Box<str>>(len);
        refuses::<serde_bytes::ByteBuf>(len);
        refuses::<std::path::PathBuf>(len);
        refuses::<std::ffi::CString>(len);
        assert!(matches!(
            decode_str(&len.to_le_bytes(), &mut 0),
            Err(DecodeError::Cut { .. })
        ));
    }
}

#[test]
fn an_absurd_length_of_a_sequence_or_map_is_refused_at_once() {
    for len in ABSURD {
        refuses::<Vec<u64>>(len);
        refuses::<Vec<[u64; 32]>>(len);
        refuses::<VecDeque<u8>>(len);
        refuses::<Vec<String>>(len);
        refuses::<HashMap<u64, u64>>(len);
        refuses::<BTreeMap<u8, Vec<u8>>>(len);
        assert!(matches!(
            decode_owned::<Vec<u64>>(&len.to_le_bytes()),
            Err(DecodeError::Cut { .. })
        ));
        let words = [len];
        let aligned = bytemuck::cast_slice(&words);
        assert!(matches!(
            decode_slice::<u64>(aligned, &mut 0),
            Err(DecodeError::Cut { .. })
        ));
    }
}

/// Takes no bytes on the wire, but memory.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Weightless {
    #[serde(skip)]
    memory: [u64; 32],
}

#[test]
fn an_absurd_number_of_elements_without_bytes_is_refused_soon() {
    for len in [MAX_EMPTY as u64 + 1, 1 << 34, u64::MAX] {
        refuses::<Vec<()>>(len);
        refuses::<LinkedList<()>>(len);
        refuses::<BTreeSet<[u8; 0]>>(len);
        refuses::<HashMap<(), ()>>(len);
        refuses::<Vec<((), PhantomData<u8>)>>(len);
        refuses::<Vec<Weightless>>(len);
    }
    // Each of many small ones is charged to the same account.
    let nested = within_a_minute(|| {
        let mut bytes = 1000_u64.to_le_bytes().to_vec();
        for _ in 0..1000 {
            bytes.extend((MAX_EMPTY as u64 / 100).to_le_bytes());
        }
        decode::<Vec<Vec<()>>>(&bytes)
    });
    assert!(matches!(nested, Err(DecodeError::Limit { .. })));
}

#[test]
fn an_honest_number_of_elements_without_bytes_is_a_value() {
    let many = encode_to_vec(&vec![(); MAX_EMPTY]).unwrap();
    assert_eq!(decode::<Vec<()>>(&many).unwrap().len(), MAX_EMPTY);
    let few: Vec<Weightless> = (0..1000).map(|_| Weightless::default()).collect();
    assert_eq!(
        decode::<Vec<Weightless>>(&encode_to_vec(&few).unwrap()).unwrap(),
        few
    );
    // A part without bytes costs nothing where another part has some.
    let mixed = vec![((), 7_u8); MAX_EMPTY + 1];
    assert_eq!(
        decode::<Vec<((), u8)>>(&encode_to_vec(&mixed).unwrap()).unwrap(),
        mixed
    );
    let map = BTreeMap::from_iter((0..MAX_EMPTY as u32 / 8).map(|key| (key, ())));
    assert_eq!(
        decode::<BTreeMap<u32, ()>>(&encode_to_vec(&map).unwrap()).unwrap(),
        map
    );
}

fn tower(levels: u32) -> Tree {
    (1..levels).fold(Tree::Leaf(1), |inner, level| match level % 2 {
        0 => Tree::Pair(Box::new(Tree::Leaf(0)), Box::new(inner)),
        _ => Tree::Pair(Box::new(inner), Box::new(Tree::Leaf(0))),
    })
}

#[test]
fn nesting_is_a_value_up_to_the_limit_and_an_error_beyond() {
    let deepest = tower(MAX_DEPTH);
    assert_eq!(
        decode::<Tree>(&encode_to_vec(&deepest).unwrap()).unwrap(),
        deepest
    );
    let deeper = encode_to_vec(&tower(MAX_DEPTH + 1)).unwrap();
    assert!(matches!(
        decode::<Tree>(&deeper),
        Err(DecodeError::TooDeep { .. })
    ));
    // What stands beside each other is not nested, however much it is.
    let wide = Tree::Many(vec![Tree::Many(vec![Tree::Maybe(None); 10]); 1000]);
    assert_eq!(
        decode::<Tree>(&encode_to_vec(&wide).unwrap()).unwrap(),
        wide
    );
}

#[test]
fn megabytes_of_nesting_of_any_kind_are_refused_without_a_stack_overflow() {
    let opening: [&[u8]; 4] = [
        &[1, 0, 0, 0],
        &[2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
        &[3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[4, 0, 0, 0, 1],
    ];
    for opening in opening {
        let bytes = opening.repeat((2 << 20) / opening.len());
        assert!(matches!(
            decode::<Tree>(&bytes),
            Err(DecodeError::TooDeep { .. })
        ));
    }
}

#[test]
fn an_error_names_the_type_and_what_is_wrong_with_the_bytes() {
    let says = |error: DecodeError| error.to_string();
    let cut = says(decode::<(u8, u32)>(&[1, 2]).unwrap_err());
    assert_eq!(
        cut,
        "the bytes end in the middle of a value of type (u8, u32)"
    );
    let left = says(decode::<u8>(&[1, 2, 3]).unwrap_err());
    assert_eq!(left, "2 bytes are left over after a value of type u8");
    for (error, part) in [
        (says(decode::<bool>(&[9]).unwrap_err()), "a bool in it is 9"),
        (
            says(decode::<Option<u8>>(&[9]).unwrap_err()),
            "an option in it is 9",
        ),
        (says(decode::<char>(&[0xff]).unwrap_err()), "not UTF-8"),
        (
            says(decode::<String>(&[1, 0, 0, 0, 0, 0, 0, 0, 0xff]).unwrap_err()),
            "not UTF-8",
        ),
        (
            says(decode::<FromWorker>(&[9, 0, 0, 0]).unwrap_err()),
            "variant index",
        ),
        (
            says(decode::<std::num::NonZeroU8>(&[0]).unwrap_err()),
            "nonzero",
        ),
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
    assert!(
        stream.contains("Stream") && stream.contains("length"),
        "{stream}"
    );
    let refusing = encode_to_vec(&(1, Refusing)).unwrap_err().to_string();
    assert!(
        refusing.contains("Refusing") && refusing.contains("I will not go"),
        "{refusing}"
    );
}
