//! Packets: what one message of a channel looks like on the local socket that carries it.
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 2 | magic, `0x4d43` |
//! | 2 | 2 | `kind`, see [`PacketKind`] |
//! | 4 | 2 | `attached`: how many descriptors came along, a parcel counted |
//! | 6 | 2 | reserved, 0 |
//! | 8 | 8 | `len`: the length of the encoded value in bytes |
//! | 16 | | the value, or bytes of no meaning |
//!
//! All integers are little endian. The socket keeps packets apart, so a packet is there as a whole or not at all, and nothing
//! that is wrong with one says anything of the next. An empty packet would look like the end, and there is none.

use thiserror::Error;

use crate::le::{get, put};

/// The length of the header of a packet, in bytes.
pub const PACKET_HEADER: usize = 16;

/// The first two bytes of every packet: `CM` in memory.
pub const PACKET_MAGIC: u16 = 0x4d43;

/// Where the value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum PacketKind {
    /// Behind the header.
    Inline = 1,
    /// In a parcel, whose descriptor is the first that came along. What is behind the header only takes up room, so
    /// that few large values wait at a time.
    Parcel = 2,
}

/// What is wrong with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PacketError {
    /// It ends within its header.
    #[error("a packet of {len} bytes is shorter than its header")]
    Cut {
        /// How many bytes there are.
        len: usize,
    },
    /// It was not sent by a channel.
    #[error("a packet begins with {found:#06x} instead of {PACKET_MAGIC:#06x}: it was not sent by a channel")]
    Magic {
        /// The two bytes that are there.
        found: u16,
    },
    /// A field holds a value that has no meaning.
    #[error("a packet's {what} is {value}, which has no meaning")]
    Unknown {
        /// Which field.
        what: &'static str,
        /// What it holds.
        value: u64,
    },
    /// It is not as long as it says.
    #[error("a packet says that {len} bytes follow its header, and there are {found}")]
    Length {
        /// What it says.
        len: u64,
        /// How many there are.
        found: usize,
    },
}

/// The header of a packet; the file's header gives the layout.
///
/// ```
/// use mpexec_wire::{PacketHeader, PacketKind};
///
/// let header = PacketHeader { kind: PacketKind::Inline, attached: 0, len: 2 };
/// let packet = [&header.write()[..], &[7, 8]].concat();
/// assert_eq!(PacketHeader::read(&packet)?, (header, &[7, 8][..]));
/// assert!(PacketHeader::read(&packet[..17]).is_err());
/// # Ok::<(), mpexec_wire::PacketError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketHeader {
    /// Where the value is.
    pub kind: PacketKind,
    /// How many descriptors came along, a parcel counted.
    pub attached: u16,
    /// The length of the encoded value in bytes.
    pub len: u64,
}

impl PacketHeader {
    /// The 16 bytes.
    #[inline]
    #[must_use]
    pub fn write(&self) -> [u8; PACKET_HEADER] {
        let mut bytes = [0; PACKET_HEADER];
        put(&mut bytes, 0, PACKET_MAGIC);
        put(&mut bytes, 2, self.kind as u16);
        put(&mut bytes, 4, self.attached);
        put(&mut bytes, 8, self.len);
        bytes
    }

    /// Reads a whole packet: its header, and the encoded value if that is in it.
    ///
    /// # Errors
    /// The [`PacketError`] for the first thing that is wrong. How long a parcel really is remains to be looked at.
    #[inline]
    pub fn read(packet: &[u8]) -> Result<(Self, &[u8]), PacketError> {
        let (bytes, rest) = packet.split_first_chunk().ok_or(PacketError::Cut { len: packet.len() })?;
        let bytes: &[u8; PACKET_HEADER] = bytes;
        let magic = get(bytes, 0);
        if magic != PACKET_MAGIC {
            return Err(PacketError::Magic { found: magic });
        }
        let kind = match get::<u16>(bytes, 2) {
            1 => PacketKind::Inline,
            2 => PacketKind::Parcel,
            other => return Err(PacketError::Unknown { what: "kind", value: other.into() }),
        };
        let reserved: u16 = get(bytes, 6);
        if reserved != 0 {
            return Err(PacketError::Unknown { what: "reserved field", value: reserved.into() });
        }
        let header = Self { kind, attached: get(bytes, 4), len: get(bytes, 8) };
        match kind {
            PacketKind::Parcel if header.attached == 0 => Err(PacketError::Unknown { what: "parcel", value: 0 }),
            PacketKind::Parcel => Ok((header, &[])),
            PacketKind::Inline if header.len != rest.len() as u64 => {
                Err(PacketError::Length { len: header.len, found: rest.len() })
            }
            PacketKind::Inline => Ok((header, rest)),
        }
    }
}
