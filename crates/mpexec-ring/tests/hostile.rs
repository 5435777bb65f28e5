//! A worker gone mad: whatever it writes into the result segment, the coordinator gets an answer or
//! an error, soon and within its memory.
//!
//! The segments are never opened here, so their results are written like a file: past every rule of
//! the protocol.

#![cfg(all(target_os = "linux", not(loom)))]
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mpexec_ring::{ResultReceiver, TaskSender, Upto, create};
use proptest::prelude::*;

const CAPACITY: usize = 4096;
const HEADER_PAGE: u64 = 4096;
/// Where the worker stores its published head and its complete position.
const HEAD: u64 = 0;
const COMPLETE: u64 = 128 + 16;
/// Every piece has a byte or is the first of a record, and the shortest record is its header.
const MOST_PIECES: usize = CAPACITY + CAPACITY / 16;

struct Victim {
    tasks: TaskSender,
    results: ResultReceiver,
    memory: File,
}

impl Victim {
    fn new() -> Victim {
        let (tasks, results, segments) = create(CAPACITY).unwrap();
        Victim { tasks, results, memory: File::from(segments.results) }
    }

    fn store(&self, at: u64, value: u64) {
        self.memory.write_all_at(&value.to_ne_bytes(), at).unwrap();
    }

    fn header(&self, offset: u64, len: u32, kind: u32, tag: u64) {
        self.store(HEADER_PAGE + offset, u64::from(len) | u64::from(kind) << 32);
        self.store(HEADER_PAGE + offset + 8, tag);
    }

    /// Takes whatever it gets. Tells how many bytes came, and whether it ended in an error.
    fn drain(&mut self, upto: Upto) -> (usize, bool) {
        let mut out = Vec::new();
        for _ in 0..=MOST_PIECES {
            let before = out.len();
            match self.results.take(upto, &mut out) {
                Ok(Some(taken)) => {
                    assert_eq!(out.len(), before + taken.len);
                    assert!(taken.kind != 0);
                    assert!(out.len() <= CAPACITY, "more came out than the ring holds");
                }
                Ok(None) => return (out.len(), false),
                Err(corrupt) => {
                    assert_eq!(out.len(), before, "an error leaves the buffer alone");
                    assert!(corrupt.to_string().contains(corrupt.what()));
                    return (out.len(), true);
                }
            }
        }
        panic!("a ring of {CAPACITY} bytes gave more than {MOST_PIECES} pieces");
    }
}

#[test]
fn the_offsets_of_this_test_are_those_of_the_segment() {
    let mut victim = Victim::new();
    victim.header(0, 5, 1, 7);
    victim.store(COMPLETE, 16 + 3);
    assert_eq!(victim.drain(Upto::Published), (0, false));
    assert_eq!(victim.drain(Upto::Complete), (3, false));
    victim.store(HEAD, 32);
    assert!(victim.results.has_news());
    assert_eq!(victim.drain(Upto::Published), (2, false));
}

#[test]
fn a_head_that_goes_backwards_is_an_error() {
    let mut victim = Victim::new();
    victim.header(0, 16, 1, 7);
    victim.store(HEAD, 32);
    assert_eq!(victim.drain(Upto::Published), (16, false));
    victim.store(HEAD, 16);
    assert!(!victim.results.has_news());
    assert_eq!(victim.drain(Upto::Published), (0, true));
}

#[test]
fn every_single_bit_flipped_in_an_honest_ring_is_survived() {
    for (at, bits) in [(HEAD, 64), (COMPLETE, 64), (HEADER_PAGE, 128), (HEADER_PAGE + 48, 128)] {
        for bit in 0..bits {
            let mut victim = Victim::new();
            victim.header(0, 20, 1, 7);
            victim.header(48, 100, 2, 8);
            victim.store(HEAD, 48 + 16 + 112);
            victim.store(COMPLETE, 48 + 16 + 112);
            let byte = at + bit / 8;
            let mut old = [0];
            victim.memory.read_exact_at(&mut old, byte).unwrap();
            victim.memory.write_all_at(&[old[0] ^ 1 << (bit % 8)], byte).unwrap();
            victim.drain(Upto::Published);
            victim.drain(Upto::Complete);
            victim.results.release(&victim.tasks);
            victim.drain(Upto::Complete);
        }
    }
}

#[test]
fn no_progress_a_worker_can_claim_does_more_than_be_read() {
    let mut victim = Victim::new();
    assert!(victim.results.progress().senseless, "nobody has said anything");
    for fill in [0, 1, 0x7f, 0xa5, 0xff] {
        victim.memory.write_all_at(&[fill; HEADER_PAGE as usize], 0).unwrap();
        assert!(victim.results.progress().senseless, "{fill:#x}");
    }
    assert!(victim.results.peer_sleeping());
    assert!(victim.results.has_news());
    assert_eq!(victim.drain(Upto::Published), (0, true));
}

#[test]
fn memory_that_changes_while_it_is_read_is_survived() {
    let mut taken = 0;
    let started = Instant::now();
    for seed in 0.. {
        // On a busy machine the scribbler may seldom be on a processor: then there are more tries, within a limit.
        if seed >= 300 && (taken > 0 || started.elapsed() > Duration::from_secs(300)) {
            break;
        }
        let mut victim = Victim::new();
        let scribbler = victim.memory.try_clone().unwrap();
        let (begun, stop) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| scribble(&scribbler, seed, &begun, &stop));
            while !begun.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            // A ring that is corrupt stays so; then it is the next one's turn.
            for round in 0..1000 {
                let (bytes, failed) = victim.drain([Upto::Published, Upto::Complete][round % 2]);
                taken += bytes;
                victim.results.release(&victim.tasks);
                if failed {
                    break;
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
    assert!(taken > 0, "something was read while it changed");
}

/// Stores lengths and positions that could nearly be true, until it is told to stop.
fn scribble(memory: &File, seed: u64, begun: &AtomicBool, stop: &AtomicBool) {
    let mut state = seed;
    while !stop.load(Ordering::Relaxed) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let word = state >> 59 << 4 | 1 << 32;
        let slot = (state >> 50 & 0x1f) * 16;
        memory.write_all_at(&word.to_ne_bytes(), HEADER_PAGE + slot).unwrap();
        let position = (state >> 40 & 0x3f) * 16;
        let cell = [HEAD, COMPLETE, COMPLETE, COMPLETE][(state >> 48 & 3) as usize];
        memory.write_all_at(&position.to_ne_bytes(), cell).unwrap();
        begun.store(true, Ordering::Relaxed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_segment_full_of_noise_is_an_answer_or_an_error(
        noise in proptest::collection::vec(any::<u8>(), HEADER_PAGE as usize + CAPACITY),
        rounds in 1usize..4,
    ) {
        let mut victim = Victim::new();
        victim.memory.write_all_at(&noise, 0).unwrap();
        for _ in 0..rounds {
            victim.drain(Upto::Published);
            victim.drain(Upto::Complete);
            victim.results.release(&victim.tasks);
        }
    }

    #[test]
    fn plausible_positions_over_plausible_headers_are_an_answer_or_an_error(
        headers in proptest::collection::vec((0u64..256, 0u32..300, 0u32..3, 0u64..2), 1..40),
        positions in proptest::collection::vec((0u64..600, 0u64..10_000, any::<bool>()), 1..10),
    ) {
        let mut victim = Victim::new();
        for (slot, len, kind, tag) in headers {
            victim.header(slot * 16, len, kind, tag);
        }
        for (head, complete, release) in positions {
            victim.store(HEAD, head * 16);
            victim.store(COMPLETE, complete);
            victim.drain(Upto::Complete);
            victim.drain(Upto::Published);
            if release {
                victim.results.release(&victim.tasks);
            }
        }
    }
}
