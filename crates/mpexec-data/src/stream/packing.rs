//! How a text may be compressed, known by its first bytes.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

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

/// How what is compressed begins.
const MARKS: [(&[u8], Packing); 2] = [(b"\x1f\x8b", Packing::Gzip), (b"\x28\xb5\x2f\xfd", Packing::Zstd)];

impl Packing {
    /// What begins so; `None` if it is not compressed in a way that can be read.
    pub fn of(start: &[u8]) -> Option<Packing> {
        MARKS.iter().find(|(mark, _)| start.starts_with(mark)).map(|(_, packing)| *packing)
    }

    /// Whether only more bytes can tell.
    pub(super) fn may_begin(start: &[u8]) -> bool {
        MARKS.iter().any(|(mark, _)| start.len() < mark.len() && mark.starts_with(start))
    }

    /// Unpacks what `packed` gives.
    pub(super) fn unpack(self, packed: Box<dyn BufRead + Send>) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Packing::Gzip => Box::new(Members { member: GzDecoder::new(packed) }),
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

/// The members of a file of gzip one after the other. Behind each may be zeros: a tape, or whatever else is written in blocks, is filled up with
/// them.
struct Members {
    member: GzDecoder<Box<dyn BufRead + Send>>,
}

impl Read for Members {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let packed = self.member.get_mut();
            loop {
                let there = packed.fill_buf()?;
                if there.is_empty() {
                    return Ok(0);
                }
                let zeros = there.iter().take_while(|&&byte| byte == 0).count();
                let ends = zeros < there.len();
                packed.consume(zeros);
                if ends {
                    break;
                }
            }
            let nothing: Box<dyn BufRead + Send> = Box::new(io::empty());
            let packed = std::mem::replace(packed, nothing);
            self.member = GzDecoder::new(packed);
        }
    }
}
