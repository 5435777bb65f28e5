//! Control messages and values from a stranger: what is accepted has one form only, and costs no more than it is long.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mpexec_wire::{
    FromWorker, PanicReport, ToWorker, decode, decode_prefix, decode_slice, decode_str, encode_to_vec, peek_hello,
};

type Tree = std::collections::BTreeMap<String, Vec<Option<(u8, Vec<()>, char)>>>;

fuzz_target!(|bytes: &[u8]| {
    let _ = peek_hello(bytes);
    let _ = decode::<PanicReport>(bytes);
    let _ = decode_prefix::<Tree>(bytes);
    let _ = decode_str(bytes, &mut 0);
    let _ = decode_slice::<u64>(bytes, &mut 0);
    if let Ok(message) = decode::<FromWorker>(bytes) {
        assert_eq!(encode_to_vec(&message).expect("it was decoded"), bytes);
    }
    if let Ok(message) = decode::<ToWorker>(bytes) {
        assert_eq!(encode_to_vec(&message).expect("it was decoded"), bytes);
    }
});
