//! What a file that cannot be read looks like, so that the error can say what to do with it.

const KNOWN: [(&[u8], &str); 10] = [
    (b"PK\x03\x04", "it is a zip archive, perhaps .npz; save its array with numpy.save"),
    (b"\x1f\x8b", "it is compressed with gzip, within another compression; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd, within another compression; unpack it first"),
    (b"\xfd7zXZ\x00", "it is compressed with xz; unpack it first"),
    (b"BZh", "it is compressed with bzip2; unpack it first"),
    (b"\x89HDF", "it is an HDF5 file"),
    (b"\x80\x04\x95", "it is a Python pickle; save the array with numpy.save"),
    (b"\x7fELF", "it is a program"),
    (b"\xff\xfe", "it is text in UTF-16; convert it to UTF-8 first"),
    (b"\xfe\xff", "it is text in UTF-16; convert it to UTF-8 first"),
];

/// Whether the file is of a kind that can be named.
pub(crate) fn is_known(start: &[u8]) -> bool {
    KNOWN.iter().any(|(magic, _)| start.starts_with(magic))
}

/// Describes the beginning of a file in a few words, on one line.
pub(crate) fn describe(start: &[u8]) -> String {
    for (magic, what) in KNOWN {
        if start.starts_with(magic) {
            return what.into();
        }
    }
    let shown = &start[..start.len().min(16)];
    let text = shown.iter().all(|&byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'));
    let kind = if text { "text" } else { "bytes" };
    format!("it begins with the {kind} \"{}\"", shown.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_said_on_one_line() {
        assert_eq!(describe(b"row,count\n0,4\n1,2\n"), r#"it begins with the text "row,count\n0,4\n1,""#);
        assert_eq!(describe(b"\x00\xff"), r#"it begins with the bytes "\x00\xff""#);
        assert!(describe(b"PK\x03\x04rest").contains("zip"));
    }
}
