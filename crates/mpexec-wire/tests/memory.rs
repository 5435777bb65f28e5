//! What hostile bytes can make us allocate, counted by an allocator that keeps the peak of each thread.

#![expect(unsafe_code, reason = "an allocator can be counted only by being one")]

mod common;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use common::{Tree, Weightless, Zoo};
use mpexec_wire::*;
use serde::de::DeserializeOwned;

struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    LIVE.set(LIVE.get() + change);
    PEAK.set(PEAK.get().max(LIVE.get()));
}

// SAFETY: every call goes to the system's allocator with the caller's own arguments; counting touches two cells of the
// thread that need neither allocation nor destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller promised to us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as the caller promised to us; the block came from `System`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that were live at once during `run`, beyond those before it.
fn peak<T>(run: impl FnOnce() -> T) -> usize {
    let before = LIVE.get();
    PEAK.set(before);
    drop(run());
    (PEAK.get() - before) as usize
}

/// Memory for decoding `bytes` is bounded by their length times the largest element of the type, wherever they lie.
#[track_caller]
fn bounded<T: DeserializeOwned + 'static>(bytes: &[u8], element: usize) {
    // Collections double, two generations live while they grow, and an error carries a text.
    let bound = 4 * bytes.len() * element + 1024;
    for (way, used) in [("slow", peak(|| decode::<T>(bytes))), ("fast", peak(|| decode_owned::<T>(bytes)))] {
        let name = std::any::type_name::<T>();
        assert!(used <= bound, "{used} bytes for {} of {name}, the {way} way", bytes.len());
    }
}

#[test]
fn the_count_counts() {
    assert_eq!(peak(|| Vec::<u8>::with_capacity(1000)), 1000);
    assert_eq!(peak(|| (0..3).map(|_| drop(vec![0_u8; 50])).count()), 50);
}

#[test]
fn changed_messages_take_no_memory_out_of_proportion() {
    fn all<T: DeserializeOwned + 'static>(sample: &[u8], element: usize) {
        for at in 0..sample.len() {
            bounded::<T>(&sample[..at], element);
            let mut bytes = sample.to_vec();
            for changed in [0, 1, 2, 0x7f, 0x80, 0xff] {
                bytes[at] = changed;
                bounded::<T>(&bytes, element);
            }
        }
    }
    all::<Zoo>(&encode_to_vec(&common::zoo()).unwrap(), size_of::<Zoo>());
    for message in common::from_worker() {
        all::<FromWorker>(&encode_to_vec(&message).unwrap(), size_of::<FunctionInfo>());
    }
    for message in common::to_worker() {
        all::<ToWorker>(&encode_to_vec(&message).unwrap(), 1);
    }
}

#[test]
fn a_claimed_length_takes_no_memory_before_the_bytes_are_there() {
    for len in [100_u64, 1 << 20, 1 << 34, 1 << 40, 1 << 60, u64::MAX] {
        let bytes = [&len.to_le_bytes(), [b'x'; 50].as_slice()].concat();
        bounded::<String>(&bytes, 1);
        bounded::<serde_bytes::ByteBuf>(&bytes, 1);
        bounded::<Vec<u8>>(&bytes, 1);
        bounded::<Vec<f64>>(&bytes, 1);
        bounded::<Vec<[[u64; 32]; 32]>>(&bytes, size_of::<[[u64; 32]; 32]>());
        bounded::<Vec<Option<[[u64; 32]; 32]>>>(&bytes, size_of::<Option<[[u64; 32]; 32]>>());
        bounded::<std::collections::HashMap<u64, [u64; 32]>>(&bytes, size_of::<(u64, [u64; 32])>());
        bounded::<Tree>(&bytes, size_of::<Tree>());
    }
    // Nested claims: each level may reserve for itself, no level more than the message could fill.
    let claims = u64::MAX.to_le_bytes().repeat(20);
    bounded::<Vec<Vec<Vec<Vec<u64>>>>>(&claims, size_of::<Vec<u64>>());
}

#[test]
fn elements_without_bytes_take_no_more_than_their_budget() {
    let bytes = u64::MAX.to_le_bytes();
    assert!(peak(|| decode::<Vec<()>>(&bytes)) < 1024);
    // Those that do take memory are charged for it; a vector doubles, and two generations live while it grows.
    assert!(peak(|| decode::<Vec<Weightless>>(&bytes)) < MAX_EMPTY * 4);
    // The dearest container per element: a node for each. The budget keeps even that within tens of megabytes.
    assert!(peak(|| decode::<std::collections::LinkedList<()>>(&bytes)) < MAX_EMPTY * 32);
}

#[test]
fn plain_vectors_are_made_by_one_allocation_of_their_size() {
    let bytes = encode_to_vec(&vec![7_u32; 10_000]).unwrap();
    assert_eq!(peak(|| decode_owned::<Vec<u32>>(&bytes)), 40_000);
    let mut sink = Vec::with_capacity(bytes.len());
    let vector = vec![7_u32; 10_000];
    assert_eq!(peak(|| encode_owned(&vector, &mut sink)), 0);
}

#[test]
fn walking_records_allocates_nothing() {
    let (batch, group) = (common::batch(), common::group(0));
    let walk = || {
        let entries = Entries::new(&batch[BATCH_HEADER..], 3).filter_map(Result::ok).count();
        let results = Results::new(&group[GROUP_HEADER..], 5, 0).filter_map(Result::ok).count();
        assert_eq!((entries, results), (3, 3));
    };
    assert_eq!(peak(walk), 0);
}

#[test]
fn a_large_frame_announced_takes_memory_only_as_it_arrives() {
    let header = FrameHeader::new(FrameKind::Batch, 0, MAX_DATA).unwrap().write();
    let mut decoder = FrameDecoder::new();
    let used = peak(|| {
        decoder.space(16)[..16].copy_from_slice(&header);
        decoder.filled(16);
        for arrived in 1..100 {
            assert_eq!(decoder.next(), Ok(None));
            assert!(decoder.space(1).len() <= 16 + 100 * arrived + 16);
            let n = decoder.space(1).len().min(100);
            decoder.filled(n);
        }
    });
    // Twice what arrived, and the old buffer while it grows.
    assert!(used <= 4 * 10_000, "{used} bytes");
}

#[test]
fn a_large_frame_leaves_no_memory_behind() {
    let small = common::frame(FrameKind::Control, 0, b"x");
    let large = common::frame(FrameKind::Batch, 0, &vec![7; 5 << 20]);
    let before = LIVE.get();
    let mut decoder = FrameDecoder::new();
    for bytes in [&small, &large, &small] {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let space = decoder.space(4096);
            let n = space.len().min(rest.len());
            space[..n].copy_from_slice(&rest[..n]);
            decoder.filled(n);
            rest = &rest[n..];
        }
        assert!(decoder.next().unwrap().is_some());
    }
    let kept = LIVE.get() - before;
    assert!(kept <= 2 << 20, "{kept} bytes are kept");
}
