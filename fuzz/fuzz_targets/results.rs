//! A worker gone mad: it writes whatever it likes wherever it likes into its result segment. The coordinator gets bytes or an
//! error, never more bytes than the ring holds, and never reads for ever.
#![no_main]

use std::fs::File;
use std::os::unix::fs::FileExt;

use libfuzzer_sys::fuzz_target;
use mpexec_ring::{Upto, create};

const CAPACITY: usize = 4096;
/// The segment: a page of positions, then the ring.
const SEGMENT: u64 = 4096 + CAPACITY as u64;
/// Every piece has a byte or is the first of a record, and the shortest record is its header.
const MOST_PIECES: usize = CAPACITY + CAPACITY / 16;

fuzz_target!(|writes: Vec<(u16, u64, bool)>| {
    let (mut tasks, mut results, segments) = create(CAPACITY).expect("a ring of one page");
    let memory = File::from(segments.results);
    for (at, value, look) in writes {
        let at = (u64::from(at) * 8) % SEGMENT;
        memory.write_all_at(&value.to_ne_bytes(), at).expect("the segment is a file");
        if !look {
            continue;
        }
        for upto in [Upto::Published, Upto::Complete] {
            let mut out = Vec::new();
            for pieces in 0.. {
                assert!(pieces <= MOST_PIECES, "the reader does not come to an end");
                match results.take(upto, &mut out) {
                    Ok(Some(_)) => assert!(out.len() <= CAPACITY, "more came out than the ring holds"),
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
            results.release(&tasks);
        }
        let _ = results.progress();
        if tasks.publish() {
            tasks.wake();
        }
    }
});
