//! The worker's side: what a coordinator puts into the task ring comes out as it went in, and is read as a worker reads it, whatever it is. A worker
//! trusts its coordinator with its memory; with what the bytes say it trusts nobody.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mpexec_ring::{PoolPage, in_process};
use mpexec_wire::{
    BATCH_HEADER, BatchHeader, DecodeError, Entries, ToWorker, decode, decode_owned, decode_slice, decode_str,
    encode_to_vec,
};

const CAPACITY: usize = 4096;

/// Some arguments as a worker decodes them: by value, and borrowed where they lie.
fn arguments(payload: &[u8]) {
    let _ = decode_owned::<Vec<i64>>(payload);
    let _ = decode_owned::<String>(payload);
    let _ = decode_owned::<Vec<Vec<f64>>>(payload);
    let at = &mut 0;
    let _: Result<(), DecodeError> =
        decode_str(payload, at).map(|_| ()).and_then(|()| decode_slice::<u16>(payload, at).map(|_| ()));
    if let Ok(value) = decode::<(Vec<i64>, i64, Option<String>, [(); 3])>(payload) {
        assert_eq!(encode_to_vec(&value).expect("it was decoded"), payload);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let page = PoolPage::create().expect("a page");
    let (mut tasks, _results, mut worker, _sender) = in_process(CAPACITY, &page).expect("a ring of one page");
    let mut left = bytes;
    // Two bytes say how long the next batch is.
    while let [low, high, rest @ ..] = left {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len()).min(tasks.max_record());
        let (batch, rest) = rest.split_at(length);
        left = rest;
        let Some(space) = tasks.grant(length, length) else { return };
        space[..length].copy_from_slice(batch);
        let span = tasks.commit(length, 1, 7);
        tasks.publish();
        let record = worker.next().expect("the ring is sound").expect("a batch was published");
        assert_eq!((record.payload, record.tag), (batch, 7));
        if let Ok(message) = decode::<ToWorker>(record.payload) {
            assert_eq!(encode_to_vec(&message).expect("it was decoded"), batch);
        }
        if let Ok(header) = BatchHeader::read(record.payload) {
            let mut read = 0;
            for entry in Entries::new(&record.payload[BATCH_HEADER..], header.count) {
                let Ok(entry) = entry else { break };
                read += entry.payload.len();
                assert!(read < batch.len(), "entries are longer than their batch");
                let _ = entry.parcel();
                arguments(entry.payload);
            }
        }
        tasks.free_to(span);
    }
});
