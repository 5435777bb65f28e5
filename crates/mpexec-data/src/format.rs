//! What a file holds, known by how it begins and never by its name.

use serde::{Deserialize, Serialize};

use crate::header::MAGIC;
use crate::sniff;

/// A format that numbers are read from.
///
/// ```
/// use mpexec_data::Format;
/// assert_eq!(Format::of(b"\x93NUMPY\x01\x00"), Some(Format::Npy));
/// assert_eq!(Format::of(b"a,b\n1,2\n"), Some(Format::Csv));
/// assert_eq!(Format::of(b"\x00\x01"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// A NumPy array.
    Npy,
    /// Fields with something between them, a row a line.
    Csv,
    /// JSON, a row a line.
    JsonLines,
    /// Parquet.
    Parquet,
    /// Arrow IPC: a file or a stream of record batches.
    Arrow,
}

impl Format {
    /// What begins so; `None` if that is nothing that can be read.
    pub fn of(start: &[u8]) -> Option<Format> {
        let seen = start.len().min(MAGIC.len());
        if seen > 0 && start[..seen] == MAGIC[..seen] {
            return Some(Format::Npy);
        }
        if start.starts_with(b"PAR1") {
            return Some(Format::Parquet);
        }
        // A message of a stream begins with this mark and its length.
        if start.starts_with(b"ARROW1") || start.starts_with(&[0xff; 4]) && start.len() > 8 {
            return Some(Format::Arrow);
        }
        if sniff::is_known(start) || !is_text(start) {
            return None;
        }
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
        Some(if matches!(text.first(), Some(b'{' | b'[')) { Format::JsonLines } else { Format::Csv })
    }

    /// Whether it is text, which can be read as it comes.
    pub const fn is_text(self) -> bool {
        matches!(self, Format::Csv | Format::JsonLines)
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Npy => "npy",
            Format::Csv => "csv",
            Format::JsonLines => "jsonl",
            Format::Parquet => "Parquet",
            Format::Arrow => "Arrow",
        }
    }
}

/// Text has letters of any alphabet, spaces and line ends, and nothing that moves a cursor or ends a string.
fn is_text(start: &[u8]) -> bool {
    start.iter().all(|&byte| byte >= b' ' && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_holds_is_seen_by_its_first_bytes() {
        for (start, format) in [
            (&b"\x93NUMPY"[..], Some(Format::Npy)),
            (b"\x93", Some(Format::Npy)),
            (b"1,2\n", Some(Format::Csv)),
            (b"\xef\xbb\xbfa;b\r\n", Some(Format::Csv)),
            ("größe\n1\n".as_bytes(), Some(Format::Csv)),
            (b"gr\xf6\xdfe\n1\n", Some(Format::Csv)),
            (b" \n{\"a\": 1}\n", Some(Format::JsonLines)),
            (b"[1, 2]\n", Some(Format::JsonLines)),
            (b"PK\x03\x04", None),
            (b"\xff\xfe1\x00,\x00", None),
            (b"1,2\n\x00", None),
        ] {
            assert_eq!(Format::of(start), format, "{}", start.escape_ascii());
        }
    }
}
