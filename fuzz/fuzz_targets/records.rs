//! Batches and groups of results from a stranger: no entry reaches beyond the bytes, and the walk ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mpexec_wire::{BATCH_HEADER, BatchHeader, Entries, GROUP_HEADER, GroupHeader, ParcelRef, Results};

fuzz_target!(|bytes: &[u8]| {
    let _ = ParcelRef::read(bytes);
    if let Ok(header) = BatchHeader::read(bytes) {
        let mut left = bytes.len();
        for entry in Entries::new(&bytes[BATCH_HEADER..], header.count) {
            let Ok(entry) = entry else { break };
            assert!(entry.payload.len() < left);
            left -= entry.payload.len();
            let _ = entry.parcel();
        }
    }
    if let Ok(header) = GroupHeader::read(bytes) {
        for result in Results::new(&bytes[GROUP_HEADER..], header.first, header.count) {
            let Ok(result) = result else { break };
            assert!(result.payload.len() < bytes.len());
            let _ = result.parcel();
        }
    }
});
