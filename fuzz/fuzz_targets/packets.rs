//! A packet of a channel from a hostile peer: its header says what is there, or it is refused with a reason.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mpexec_wire::{PACKET_HEADER, PacketHeader, PacketKind};

fuzz_target!(|packet: &[u8]| {
    match PacketHeader::read(packet) {
        Ok((header, value)) => {
            assert_eq!(header.write(), packet[..PACKET_HEADER], "what is read is what was written");
            match header.kind {
                PacketKind::Inline => assert_eq!(value, &packet[PACKET_HEADER..]),
                PacketKind::Parcel => assert!(value.is_empty() && header.attached > 0),
            }
            // What a receiver does next: the value itself.
            let _ = mpexec_wire::decode::<(u64, String, Vec<Option<u32>>)>(value);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
