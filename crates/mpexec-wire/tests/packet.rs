//! Packets of channels: pinned bytes, and nothing that is wrong with one goes unseen.

use mpexec_wire::{PACKET_HEADER, PACKET_MAGIC, PacketError, PacketHeader, PacketKind};
use proptest::prelude::*;

fn inline(value: &[u8]) -> Vec<u8> {
    let header = PacketHeader { kind: PacketKind::Inline, attached: 3, len: value.len() as u64 };
    [&header.write()[..], value].concat()
}

#[test]
fn a_packet_keeps_its_bytes() {
    assert_eq!(inline(&[7, 8]), [0x43, 0x4d, 1, 0, 3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7, 8]);
    let parcel = PacketHeader { kind: PacketKind::Parcel, attached: 1, len: 1 << 40 };
    assert_eq!(parcel.write(), [0x43, 0x4d, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(PacketHeader::read(&parcel.write()), Ok((parcel, &[][..])));
    assert_eq!(PacketHeader::read(&[&parcel.write()[..], &[0; 99]].concat()), Ok((parcel, &[][..])));
}

#[test]
fn each_wrong_field_of_a_packet_has_an_error_of_its_own() {
    let with = |at: usize, byte: u8| {
        let mut packet = inline(&[7, 8]);
        packet[at] = byte;
        PacketHeader::read(&packet).map(drop).unwrap_err()
    };
    assert_eq!(with(0, 0), PacketError::Magic { found: PACKET_MAGIC & 0xff00 });
    assert_eq!(with(2, 9), PacketError::Unknown { what: "kind", value: 9 });
    assert_eq!(with(6, 1), PacketError::Unknown { what: "reserved field", value: 1 });
    assert_eq!(with(8, 3), PacketError::Length { len: 3, found: 2 });
    assert_eq!(PacketHeader::read(&[]), Err(PacketError::Cut { len: 0 }));
    let bare = PacketHeader { kind: PacketKind::Parcel, attached: 0, len: 1 };
    assert_eq!(PacketHeader::read(&bare.write()), Err(PacketError::Unknown { what: "parcel", value: 0 }));
}

proptest! {
    #[test]
    fn a_packet_comes_back_as_it_went_and_cut_anywhere_is_an_error(
        value in prop::collection::vec(any::<u8>(), 0..60), cut in any::<prop::sample::Index>(),
    ) {
        let packet = inline(&value);
        prop_assert_eq!(PacketHeader::read(&packet).unwrap().1, &value[..]);
        prop_assert!(PacketHeader::read(&packet[..cut.index(packet.len())]).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_a_packet_or_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..60), magic: bool) {
        if magic && bytes.len() > 2 {
            bytes[..2].copy_from_slice(&PACKET_MAGIC.to_le_bytes());
        }
        if let Ok((header, value)) = PacketHeader::read(&bytes) {
            prop_assert!(header.kind == PacketKind::Parcel || value.len() == bytes.len() - PACKET_HEADER);
        }
    }
}
