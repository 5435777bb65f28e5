//! Very large arguments and results: they arrive, and how often they were copied shows in how much memory they take.

use crate::common::census::anonymous_memory;
use crate::common::pool;
use crate::{LINKS, alone};

const MIB: u64 = 1 << 20;

/// An argument that is borrowed is copied once, into the memory that the worker reads it in; a result twice: into memory of its
/// own, and out of it.
#[test]
fn a_gibibyte_there_and_back_arrives_intact_and_is_copied_no_more_than_it_must() {
    let _alone = alone();
    let size = 1 << 30;
    for link in LINKS {
        let pool = pool(link, 1);
        let mut sent = vec![7u8; size];
        sent[size - 1] = 9;
        let before = anonymous_memory();
        let read_in_place = |bytes: &[u8]| (bytes.len(), bytes[0], bytes[bytes.len() - 1], anonymous_memory());
        let (length, first, last, worker) = pool.apply(read_in_place, (&sent,)).unwrap();
        assert_eq!((length, first, last), (size, 7, 9));
        assert!(worker < 64 * MIB, "the worker has {worker} bytes of its own beside a gibibyte that it reads in place");
        assert!(anonymous_memory() < before + 64 * MIB, "here it is copied into shared memory at once");
        drop(sent);
        let before = anonymous_memory();
        let back = pool.apply(|size: usize| vec![5u8; size], (size,)).unwrap();
        assert!(back == vec![5u8; size]);
        let now = anonymous_memory();
        assert!(now < before + (1024 + 64) * MIB, "what came is here once: {before} bytes before, {now} now");
    }
}
