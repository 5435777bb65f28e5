//! What a message claims and does not have: lengths, numbers of elements, depth.
//!
//! Each of these aborted, hung or overflowed the stack of a decoder that believed it; see `guard.rs` for what is done instead.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod common;

use std::{
    any::type_name,
    collections::{BTreeMap, BTreeSet, HashMap, LinkedList, VecDeque},
    fmt::Debug,
    marker::PhantomData,
};

use common::{Tree, Weightless, within_a_minute};
use mpexec_wire::*;
use serde::{Serialize, de::DeserializeOwned};

/// Eight bytes that claim `len` elements or bytes, and nothing behind them.
fn refuses<T: DeserializeOwned + Debug + Send + 'static>(len: u64) {
    let error = within_a_minute(move || decode::<T>(&len.to_le_bytes()).unwrap_err());
    assert!(
        matches!(error, DecodeError::Cut { .. } | DecodeError::Limit { .. }),
        "{len} x {}: {error}",
        type_name::<T>()
    );
}

const ABSURD: [u64; 6] = [1 << 34, 1 << 40, 1 << 48, 1 << 60, u64::MAX / 8 + 1, u64::MAX];

#[test]
fn an_absurd_length_of_text_or_bytes_is_refused_at_once() {
    for len in ABSURD {
        refuses::<String>(len);
        refuses::<Box<str>>(len);
        refuses::<serde_bytes::ByteBuf>(len);
        refuses::<std::path::PathBuf>(len);
        refuses::<std::ffi::CString>(len);
        assert!(matches!(decode_str(&len.to_le_bytes(), &mut 0), Err(DecodeError::Cut { .. })));
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
        assert!(matches!(decode_owned::<Vec<u64>>(&len.to_le_bytes()), Err(DecodeError::Cut { .. })));
        let words = [len];
        let aligned = bytemuck::cast_slice(&words);
        assert!(matches!(decode_slice::<u64>(aligned, &mut 0), Err(DecodeError::Cut { .. })));
    }
}

#[test]
fn an_absurd_number_of_elements_without_bytes_is_refused_soon() {
    for len in [MAX_EMPTY as u64 + 1, u64::MAX] {
        refuses::<Vec<()>>(len);
        refuses::<LinkedList<()>>(len);
        refuses::<BTreeSet<[u8; 0]>>(len);
        refuses::<HashMap<(), ()>>(len);
        refuses::<Vec<((), PhantomData<u8>)>>(len);
        refuses::<Vec<Weightless>>(len);
    }
    // Nor does it help to stand behind something that has bytes.
    for len in [MAX_EMPTY as u64 + 1, u64::MAX] {
        let bytes = [7, len].map(u64::to_le_bytes).concat();
        let (list, map) = within_a_minute(move || {
            let list = decode::<(u64, Vec<()>)>(&bytes);
            (list.err(), decode::<(u64, HashMap<(), ()>)>(&bytes).err())
        });
        assert!(matches!(list, Some(DecodeError::Limit { .. })));
        assert!(matches!(map, Some(DecodeError::Limit { .. })));
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

#[track_caller]
fn is_a_value<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    let back = decode::<T>(&encode_to_vec(&value).unwrap());
    assert!(back == Ok(value), "{}: {:?}", type_name::<T>(), back.err());
}

#[test]
fn an_honest_number_of_elements_without_bytes_is_a_value() {
    is_a_value(vec![(); MAX_EMPTY]);
    is_a_value(vec![Weightless::default(); 1000]);
    // What has bytes somewhere costs nothing, whatever else is in it: more of these than the budget has room for.
    let more = MAX_EMPTY / size_of::<Weightless>() + 1;
    is_a_value(vec![(Weightless::default(), 7_u8); more]);
    is_a_value(vec![(7_u8, Weightless::default()); more]);
    is_a_value(vec![vec![vec![7_u8]; 2]; MAX_EMPTY / size_of::<Vec<u8>>() + 1]);
    let maps = vec![BTreeMap::from([(7_u8, ())]); MAX_EMPTY / size_of::<BTreeMap<u8, ()>>() + 1];
    is_a_value(maps);
    is_a_value(BTreeMap::from_iter((0..more).map(|key| (key, Weightless::default()))));
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
    assert_eq!(decode::<Tree>(&encode_to_vec(&deepest).unwrap()).unwrap(), deepest);
    let deeper = encode_to_vec(&tower(MAX_DEPTH + 1)).unwrap();
    assert!(matches!(decode::<Tree>(&deeper), Err(DecodeError::TooDeep { .. })));
    // What stands beside each other is not nested, however much it is.
    let wide = Tree::Many(vec![Tree::Many(vec![Tree::Maybe(None); 10]); 1000]);
    assert_eq!(decode::<Tree>(&encode_to_vec(&wide).unwrap()).unwrap(), wide);
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
        assert!(matches!(decode::<Tree>(&bytes), Err(DecodeError::TooDeep { .. })));
    }
}
