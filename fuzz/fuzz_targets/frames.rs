//! A stream of frames from a stranger, in pieces of any size: each step is a frame, a wish for more, or a typed error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mpexec_wire::{FrameDecoder, ParcelPiece, Progress};

fuzz_target!(|input: (u8, &[u8])| {
    let (step, mut bytes) = input;
    let mut decoder = FrameDecoder::new();
    while !bytes.is_empty() {
        let piece = bytes.len().min(usize::from(step) + 1);
        decoder.space(piece)[..piece].copy_from_slice(&bytes[..piece]);
        decoder.filled(piece);
        bytes = &bytes[piece..];
        loop {
            match decoder.next() {
                Ok(Some(frame)) => {
                    let _ = ParcelPiece::read(frame.payload);
                    let _ = Progress::read(frame.payload);
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
});
