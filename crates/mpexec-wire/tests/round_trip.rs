//! What goes in comes out, for values, records and streams that nobody thought of.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod common;

use std::{collections::BTreeMap, fmt::Debug};

use common::{Animal, Tree, Unit, Wrapper, Zoo};
use mpexec_wire::*;
use proptest::{collection::vec, option, prelude::*};
use serde::{Serialize, de::DeserializeOwned};

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

fn animal() -> impl Strategy<Value = Animal> {
    prop_oneof![
        Just(Animal::Ant),
        any::<u32>().prop_map(Animal::Bee),
        (text(), any::<Option<u8>>()).prop_map(|(name, lives)| Animal::Cat(name, lives)),
        (text(), any::<u8>()).prop_map(|(name, legs)| Animal::Dog { name, legs }),
    ]
}

prop_compose! {
    fn zoo()(
        small in any::<(u8, i8, u16, i16, bool)>(),
        large in any::<(u32, i32, u64, i64, u128, i128)>(),
        floats in any::<(f32, f64)>(),
        letter in any::<char>(),
        text in text(),
        bytes in vec(any::<u8>(), 0..20),
        animals in vec(animal(), 0..6),
        table in vec((text(), vec(any::<u16>(), 0..5)), 0..4),
        wrapped in any::<u8>(),
        fixed in any::<[u8; 3]>(),
    ) -> Zoo {
        let table = BTreeMap::from_iter(table);
        Zoo {
            small, large, floats, letter, text, bytes, animals, table, fixed,
            nothing: (), maybe: None, wrapped: Wrapper(Unit, wrapped),
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    any::<i64>().prop_map(Tree::Leaf).prop_recursive(8, 64, 4, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Tree::Pair(a.into(), b.into())),
            vec(inner.clone(), 0..4).prop_map(Tree::Many),
            vec((text(), inner.clone()), 0..4).prop_map(|it| Tree::Named(BTreeMap::from_iter(it))),
            option::of(inner).prop_map(|it| Tree::Maybe(it.map(Box::new))),
        ]
    })
}

fn file() -> impl Strategy<Value = FileId> {
    any::<(u64, u64)>().prop_map(|(device, inode)| FileId { device, inode })
}

fn function() -> impl Strategy<Value = FunctionInfo> {
    let signature = (vec(text(), 0..3), text()).prop_map(|(parameters, result)| Signature { parameters, result });
    (text(), option::of(signature), option::of(vec(text(), 0..3)), text(), any::<bool>())
        .prop_map(|(name, signature, parameters, doc, json)| FunctionInfo { name, signature, parameters, doc, json })
}

fn from_worker() -> impl Strategy<Value = FromWorker> {
    let hello = (any::<(u32, u32)>(), text(), file(), vec(function(), 0..5));
    let hello = hello.prop_map(|((protocol, pid), version, executable, functions)| Hello {
        protocol,
        version,
        pid,
        executable,
        functions,
    });
    prop_oneof![
        hello.prop_map(FromWorker::Hello),
        Just(FromWorker::Ready),
        any::<(u64, u64)>().prop_map(|(lo, hi)| FromWorker::GaveBack { lo, hi }),
        text().prop_map(|reason| FromWorker::Refused { reason }),
        Just(FromWorker::Bye),
        any::<u64>().prop_map(|ordinal| FromWorker::Begun { ordinal }),
    ]
}

fn to_worker() -> impl Strategy<Value = ToWorker> {
    let transport =
        prop_oneof![any::<u64>().prop_map(|capacity| Transport::Shm { capacity }), Just(Transport::Socket),];
    let context = option::of(vec(any::<u8>(), 0..40));
    let settings = (text(), text(), any::<i32>(), vec(any::<u32>(), 0..5), any::<bool>(), option::of(any::<u64>()));
    let settings = settings.prop_map(|(name, parent, nice, processors, outlives, capture)| Settings {
        name,
        parent,
        nice,
        processors,
        outlives,
        capture,
    });
    let welcome = (any::<(u32, u32, u32)>(), text(), transport, option::of(file()), context, settings);
    let welcome = welcome.prop_map(|(numbers, version, transport, same_executable, context, settings)| {
        let (protocol, worker, coordinator) = numbers;
        Welcome { protocol, version, worker, transport, same_executable, context, coordinator, settings }
    });
    prop_oneof![
        welcome.prop_map(ToWorker::Welcome),
        any::<(u64, u64)>().prop_map(|(lo, hi)| ToWorker::Withdraw { lo, hi }),
        Just(ToWorker::Shutdown),
    ]
}

/// Encoded, decoded and encoded again: the bytes are compared, since a NaN does not equal itself.
#[track_caller]
fn survives<T: Serialize + DeserializeOwned + Debug>(value: &T) {
    let bytes = encode_to_vec(value).unwrap();
    let back: T = decode(&bytes).unwrap();
    assert_eq!(encode_to_vec(&back).unwrap(), bytes, "{value:?} came back as {back:?}");

    let mut slot = vec![0; bytes.len()];
    assert_eq!(encode(value, &mut SliceSink::new(&mut slot)), Ok(bytes.len()));
    assert_eq!(slot, bytes);
    if let Some(less) = bytes.len().checked_sub(1) {
        let short = encode(value, &mut SliceSink::new(&mut slot[..less]));
        assert_eq!(short, Err(EncodeError::Full));
    }

    let mut anywhere = Vec::new();
    let sink: &mut dyn Sink = &mut anywhere;
    assert_eq!(encode(value, sink), Ok(bytes.len()));
    assert_eq!(anywhere, bytes);

    let followed = [bytes.as_slice(), &[0xee; 3]].concat();
    assert_eq!(decode_prefix::<T>(&followed).unwrap().1, bytes.len());
    assert!(matches!(decode::<T>(&followed), Err(DecodeError::Trailing { left: 3, .. })));
}

/// The fast way and serde's way write the same bytes and read each other's.
#[track_caller]
fn goes_both_ways<P>(elements: &[P])
where
    P: Serialize + DeserializeOwned + Clone + Debug + 'static,
{
    let vector = elements.to_vec();
    let mut fast = Vec::new();
    assert_eq!(encode_owned(&vector, &mut fast).unwrap(), fast.len());
    assert_eq!(fast, encode_to_vec(&vector).unwrap());

    // At an odd place, as a second argument may lie.
    for shift in 0..9 {
        let mut message = vec![0xee; shift];
        message.extend(&fast);
        message.push(0xee);
        let (back, used) = decode_owned::<Vec<P>>(&message[shift..]).unwrap();
        assert_eq!(used, fast.len());
        assert_eq!(encode_to_vec(&back).unwrap(), fast);
    }
}

proptest! {
    #[test]
    fn every_value_comes_back_as_it_went(zoo in zoo(), tree in tree()) {
        survives(&zoo);
        survives(&Some((zoo.clone(), Box::new(zoo))));
        survives(&tree);
    }

    #[test]
    fn every_message_comes_back_as_it_went(up in from_worker(), down in to_worker()) {
        prop_assert_eq!(&decode::<FromWorker>(&encode_to_vec(&up).unwrap()).unwrap(), &up);
        prop_assert_eq!(&decode::<ToWorker>(&encode_to_vec(&down).unwrap()).unwrap(), &down);
        if let FromWorker::Hello(hello) = &up {
            let greeting = peek_hello(&encode_to_vec(&up).unwrap()).unwrap();
            prop_assert_eq!((greeting.protocol, &greeting.version), (hello.protocol, &hello.version));
        }
    }

    #[test]
    fn the_fast_way_and_the_slow_way_are_one_form(
        words in vec(any::<u64>(), 0..40),
        wide in vec(any::<u128>(), 0..10),
        floats in vec(any::<(f32, f64)>(), 0..20),
        text in text(),
    ) {
        macro_rules! all {
            ($($int:ty)*) => {$(
                goes_both_ways(&words.iter().map(|&word| word as $int).collect::<Vec<_>>());
            )*};
        }
        all!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);
        goes_both_ways(&wide);
        goes_both_ways(&wide.iter().map(|&it| it as i128).collect::<Vec<_>>());
        goes_both_ways(&floats.iter().map(|it| it.0).collect::<Vec<_>>());
        goes_both_ways(&floats.iter().map(|it| it.1).collect::<Vec<_>>());
        // And what has no fast way.
        goes_both_ways(&vec![text.clone(); 2]);

        let mut borrowed = Vec::new();
        encode_str(&text, &mut borrowed).unwrap();
        prop_assert_eq!(&borrowed, &encode_to_vec(&text).unwrap());
    }

    #[test]
    fn borrowed_arguments_follow_each_other(
        first in text(),
        second in vec(any::<i64>(), 0..9),
        third in vec(any::<u8>(), 0..9),
        fourth in vec(any::<u32>(), 0..9),
    ) {
        let mut message = Vec::new();
        let lengths = [
            encode_str(&first, &mut message).unwrap(),
            encode_slice(&second, &mut message).unwrap(),
            encode_slice(&third, &mut message).unwrap(),
            encode_owned(&7_u8, &mut message).unwrap(),
            encode_slice(&fourth, &mut message).unwrap(),
        ];
        prop_assert_eq!(lengths.iter().sum::<usize>(), message.len());

        let mut memory = vec![0_u64; message.len().div_ceil(8)];
        let aligned = &mut bytemuck::cast_slice_mut(&mut memory)[..message.len()];
        aligned.copy_from_slice(&message);
        let mut pos = 0;
        prop_assert_eq!(decode_str(aligned, &mut pos).unwrap(), &first);
        prop_assert_eq!(decode_slice::<i64>(aligned, &mut pos).unwrap(), &second);
        prop_assert_eq!(decode_slice::<u8>(aligned, &mut pos).unwrap(), &third);
        let (seven, used) = decode_owned::<u8>(&aligned[pos..]).unwrap();
        pos += used;
        prop_assert_eq!(seven, 7);
        prop_assert_eq!(decode_slice::<u32>(aligned, &mut pos).unwrap(), &fourth);
        prop_assert_eq!(pos, aligned.len());
    }

    #[test]
    fn a_batch_comes_back_as_it_went(
        numbers in any::<(u64, u32, u32, u64, u32, u64)>(),
        kind in prop::sample::select(vec![FunctionKind::Offset, FunctionKind::Named, FunctionKind::NamedJson]),
        calls: bool,
        payloads in vec((0_u8..3, vec(any::<u8>(), 0..40)), 0..12),
    ) {
        let header = BatchHeader {
            batch: numbers.0,
            base_ordinal: numbers.1.into(),
            first_index: u64::MAX - u64::from(numbers.2) - payloads.len() as u64,
            function: numbers.3,
            function_kind: kind,
            count: payloads.len() as u32,
            flags: if calls { BATCH_CALLS } else { BATCH_TIMED },
            attempt: numbers.4,
            parcels: numbers.5,
        };
        let mut bytes = vec![0; BATCH_HEADER];
        header.write_to(bytes.first_chunk_mut().unwrap());
        for (kind, payload) in &payloads {
            match kind {
                0 => common::push_entry(&mut bytes, 0, payload),
                1 => common::push_entry(&mut bytes, ENTRY_PARCEL, &common::parcel()),
                _ => common::push_entry(&mut bytes, ENTRY_LENT, &common::lent()),
            }
        }
        let (back, entries) = common::read_batch(&bytes).unwrap();
        prop_assert_eq!(back, header);
        prop_assert_eq!(entries.len(), payloads.len());
        for (entry, (kind, payload)) in entries.iter().zip(&payloads) {
            prop_assert_eq!((entry.parcel().is_some(), entry.lent().is_some()), (*kind > 0, *kind == 2));
            prop_assert!(*kind > 0 || entry.payload == payload);
            let place = entry.payload.as_ptr().addr() - bytes.as_ptr().addr();
            prop_assert_eq!(place % 8, 0, "payloads are aligned");
        }
    }

    #[test]
    fn numbers_to_forget_come_back_as_they_went_and_a_cut_one_is_an_error(
        numbers in vec(any::<u64>(), 0..20), cut in 1_usize..8,
    ) {
        let payload = Forgotten::write(&numbers);
        prop_assert!(Forgotten::read(&payload).unwrap().eq(numbers.iter().copied()));
        if let Some(rest) = payload.len().checked_sub(cut) {
            prop_assert!(Forgotten::read(&payload[..rest]).is_err());
        }
    }

    #[test]
    fn a_group_comes_back_as_it_went_open_or_closed_whole_or_in_two(
        first in 0_u32..1000,
        nanos: u64,
        results in vec((0_u16..7, vec(any::<u8>(), 0..40)), 1..12),
        split: prop::sample::Index,
    ) {
        let mut bytes = vec![0; GROUP_HEADER];
        let mut ends = vec![bytes.len()];
        for (status, payload) in &results {
            let status = Status::try_from(*status).unwrap();
            common::push_result(&mut bytes, status, 0, payload);
            ends.push(bytes.len());
        }
        let same = |found: &[ResultEntry<'_>], from: usize| {
            found.iter().zip(&results[from..]).enumerate().all(|(n, (found, sent))| {
                found.offset == first + (from + n) as u32
                    && found.status as u16 == sent.0
                    && found.payload == sent.1
            })
        };
        for count in [0, results.len() as u32] {
            let header = GroupHeader { batch: 9, first, count, nanos, ended: nanos / 3 };
            header.write_to(bytes.first_chunk_mut().unwrap());
            let (back, found) = common::read_group(&bytes).unwrap();
            prop_assert_eq!(back, header);
            prop_assert!(found.len() == results.len() && same(&found, 0));
        }
        // Taken in two: the second part has no header of its own.
        let split = split.index(ends.len());
        let tail = Results::new(&bytes[ends[split]..], first + split as u32, 0);
        let tail: Vec<_> = tail.collect::<Result<_, _>>().unwrap();
        prop_assert!(tail.len() == results.len() - split && same(&tail, split));
    }

    #[test]
    fn a_stream_yields_its_frames_wherever_it_is_cut(
        frames in vec((prop_oneof![Just(FrameKind::Control), Just(FrameKind::Batch), Just(FrameKind::Group)],
            0..=MAX_ATTACHED, vec(any::<u8>(), 0..70)), 0..12),
        step in 1_usize..200,
    ) {
        let stream: Vec<u8> = frames.iter().flat_map(|it| common::frame(it.0, it.1, &it.2)).collect();
        prop_assert_eq!(common::read_stream(&stream, step).unwrap(), frames);
    }
}
