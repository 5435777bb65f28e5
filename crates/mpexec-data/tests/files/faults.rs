//! Whatever is wrong with a file is said in one line that names it, and nothing is touched that should not be.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::common;
use mpexec_data::{Bounds, DType, DataError, NpyFile, NpyWriter, Shape, count_range_into};
use tempfile::TempDir;

/// The error of opening a file with these bytes, without the path before it.
fn says(bytes: &[u8]) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.bin");
    fs::write(&path, bytes).unwrap();
    fault(&path)
}

fn fault(path: &Path) -> String {
    let error = NpyFile::open(path).unwrap_err();
    assert_eq!(error.path(), path);
    let line = error.to_string();
    assert!(!line.contains('\n'), "{line}");
    let prefix = format!("{}: ", path.display());
    line.strip_prefix(&prefix).unwrap_or_else(|| panic!("{line} does not begin with {prefix}")).to_owned()
}

fn table(rows: u64, cols: u64) -> Vec<u8> {
    let mut writer = NpyWriter::new(Vec::new(), DType::I64, Shape::Matrix(rows, cols)).unwrap();
    for number in 0..rows * cols {
        writer.write(&number.to_le_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn what_is_no_file_is_said_so_at_once() {
    let folder = TempDir::new().unwrap();
    assert_eq!(fault(&folder.path().join("nowhere")), "no such file");
    assert_eq!(fault(folder.path()), "is a directory, not a file of numbers");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(fault(&file), "is empty");
    assert_eq!(fault(&file.join("below")), "no such file");
    let remedy = "only a regular file can be mapped, copy it into one first";
    assert_eq!(fault(Path::new("/dev/null")), format!("is a device; {remedy}"));
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(fault(&pipe), format!("is a pipe; {remedy}"), "and nobody waits for its writer");
    let socket = folder.path().join("socket");
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert_eq!(fault(&socket), format!("is a socket; {remedy}"));
}

#[test]
fn what_is_no_npy_file_says_what_it_looks_like() {
    assert_eq!(says(b"1,2,3\n4,5,6\n"), r#"is not a .npy file: it begins with the text "1,2,3\n4,5,6\n""#);
    assert_eq!(says(b"\0\x1b[31m"), r#"is not a .npy file: it begins with the bytes "\x00\x1b[31m""#);
    assert!(says(b"PK\x03\x04 and so on").contains("zip archive, perhaps .npz"));
    assert!(says(b"\x1f\x8b and so on").contains("gzip"));
    assert_eq!(says(b"\x93NUMPY\x09\x01\0\0\0\0"), "is a .npy file of version 9.1; versions 1.0, 2.0 and 3.0 are read");
    assert_eq!(
        says(b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{'descr'"),
        "its header claims 2147483647 bytes; at most 65535 are accepted"
    );
    let odd = says(b"\x93NUMPY\x01\x00\x10\x00{'a\x1b\x85b\xff': 12345}");
    assert_eq!(odd, r#"its header is broken: it has an unknown key "a\u{1b}\u{85}bÿ""#);
}

#[test]
fn a_file_cut_at_any_byte_says_how_much_is_missing() {
    let whole = table(3, 5);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.bin");
    fs::write(&path, &whole).unwrap();
    assert!(NpyFile::open(&path).is_ok());
    let cut = File::options().write(true).open(&path).unwrap();
    for length in (1..whole.len()).rev() {
        cut.set_len(length as u64).unwrap();
        match NpyFile::open(&path).unwrap_err() {
            DataError::CutShort { expected, found, .. } => {
                assert_eq!(found, length as u64);
                let known = if length < 10 {
                    10
                } else if length < 128 {
                    128
                } else {
                    whole.len()
                };
                assert_eq!(expected, known as u64);
            }
            other => panic!("cut to {length} bytes: {other}"),
        }
    }
    assert_eq!(says(&whole[..whole.len() - 1]), "is cut short: expected 248 bytes, has 247");
}

#[test]
fn every_file_with_any_byte_of_its_header_changed_is_refused_or_counted() {
    let whole = table(3, 5);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.bin");
    fs::write(&path, &whole).unwrap();
    let changed = File::options().write(true).open(&path).unwrap();
    for at in 0..128 {
        for byte in [0, 1, b' ', b'(', b',', b'0', b'9', b'>', b'f', 0x7f, 0xff, whole[at] ^ 1] {
            changed.write_all_at(&[byte], at as u64).unwrap();
            let Ok(file) = NpyFile::open(&path) else {
                continue;
            };
            let layout = file.layout();
            assert!(layout.data_offset + layout.data_bytes() <= whole.len() as u64);
            let bounds = Bounds::parse("4", "8", layout.dtype).unwrap();
            let mut counts = vec![0; layout.rows as usize * layout.count_width().bytes()];
            count_range_into(&file, 0..layout.rows, &bounds, &mut counts).unwrap();
        }
        changed.write_all_at(&whole[at..=at], at as u64).unwrap();
    }
}

#[test]
fn a_header_that_claims_a_terabyte_costs_nothing() {
    let mut lying = mpexec_data::npy_header(DType::F64, Shape::Matrix(1 << 37, 1));
    lying.extend([0; 64]);
    assert_eq!(says(&lying), "is cut short: expected 1099511627904 bytes, has 192");
    let beyond = mpexec_data::npy_header(DType::F64, Shape::Matrix(u64::MAX, u64::MAX));
    assert_eq!(
        says(&beyond),
        "its header lies: no file can hold the shape (18446744073709551615, 18446744073709551615)"
    );
}

#[test]
fn a_file_that_is_cut_after_it_was_opened_is_not_touched_beyond_its_end() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.bin");
    fs::write(&path, table(1000, 5)).unwrap();
    let file = NpyFile::open(&path).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(128 + 500 * 40).unwrap();
    let bounds = Bounds::parse("4", "8", DType::I64).unwrap();
    let error = count_range_into(&file, 0..1000, &bounds, &mut [0; 1000]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}: was cut while it was read: needs 40128 bytes, has 20128 now", path.display())
    );
    assert!(matches!(file.rows_window(499, 2), Err(DataError::Shrunk { .. })));
    assert!(matches!(file.read_rows::<i64>(999..1000), Err(DataError::Shrunk { .. })));
    count_range_into(&file, 0..500, &bounds, &mut [0; 500]).unwrap();
}

#[test]
fn asking_for_what_is_not_there_is_an_error_and_not_a_crash() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.bin");
    fs::write(&path, table(10, 5)).unwrap();
    let file = NpyFile::open(&path).unwrap();
    let says = |error: DataError| error.to_string().split_once(": ").unwrap().1.to_owned();
    let bounds = Bounds::parse("4", "8", DType::I64).unwrap();
    let count = |rows, counts: &mut [u8]| count_range_into(&file, rows, &bounds, counts);
    assert_eq!(says(count(5..11, &mut [0; 6]).unwrap_err()), "has 10 rows; rows 5..11 were asked for");
    #[expect(clippy::reversed_empty_ranges, reason = "it is the point")]
    let reversed = count(7..5, &mut []);
    assert_eq!(says(reversed.unwrap_err()), "has 10 rows; rows 7..5 were asked for");
    assert_eq!(says(count(0..4, &mut [0; 3]).unwrap_err()), "the counts need 4 bytes, the buffer has 3");
    assert_eq!(count(10..10, &mut []).unwrap().rows, 0);
    let others = Bounds::parse("4", "8", DType::F32).unwrap();
    let error = count_range_into(&file, 0..1, &others, &mut [0]).unwrap_err();
    assert_eq!(says(error), "holds int64, but float32 was asked for");
    assert_eq!(says(file.read_rows::<u64>(0..1).unwrap_err()), "holds int64, but uint64 was asked for");
    assert!(matches!(file.rows_window(u64::MAX, u64::MAX), Err(DataError::Rows { .. })));
    let columns = NpyFile::open(common::data("int64-little-columns.npy")).unwrap();
    assert_eq!(
        says(columns.rows_window(0, 1).unwrap_err()),
        "is stored column by column, so its rows do not lie together"
    );
}

#[test]
fn a_window_holds_exactly_the_bytes_of_its_rows() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.bin");
    let whole = table(40_000, 5);
    fs::write(&path, &whole).unwrap();
    let file = NpyFile::open(&path).unwrap();
    for (first, count) in [(0, 1), (0, 40_000), (1, 1), (39_999, 1), (1637, 20_000), (40_000, 0)] {
        let window = file.rows_window(first, count).unwrap();
        let begin = 128 + first as usize * 40;
        assert!(*window == whole[begin..begin + count as usize * 40], "rows {first} and {count} more");
    }
}

#[test]
fn no_name_forges_a_second_line() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a\nerror: b\x1b[2J\u{202e}");
    let line = NpyFile::open(&path).unwrap_err().to_string();
    assert!(line.ends_with(r"a\nerror: b\u{1b}[2J\u{202e}: no such file"), "{line}");
}
