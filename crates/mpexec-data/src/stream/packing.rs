//! How a text may be compressed, known by its first bytes.

use std::io::{self, BufRead, Read};

/// A way to compress.
///
/// ```
/// assert_eq!(mpexec_data::Packing::of(b"\x1f\x8b\x08"), Some(mpexec_data::Packing::Gzip));
/// assert_eq!(mpexec_data::Packing::of(b"1,2\n"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// gzip, of one member or several.
    Gzip,
    /// Zstandard, of one frame or several.
    Zstd,
}

impl Packing {
    /// What begins so; `None` if it is not compressed in a way that can be read.
    pub fn of(start: &[u8]) -> Option<Packing> {
        match start {
            [0x1f, 0x8b, ..] => Some(Packing::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packing::Zstd),
            _ => None,
        }
    }

    /// Unpacks what `packed` gives.
    pub(super) fn unpack(self, packed: Box<dyn BufRead + Send>) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed)?),
        })
    }

    /// The name, for people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        }
    }
}
