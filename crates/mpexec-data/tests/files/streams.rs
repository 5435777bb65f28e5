//! Texts read as they come: the batches are the text, each begins with a row, and what is broken is told.

use std::fs::File;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use mpexec_data::{DataError, Format, TextStream};

fn stream(bytes: &[u8]) -> Result<TextStream, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    std::fs::write(&path, bytes).unwrap();
    TextStream::new(File::open(&path).unwrap(), "text")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

/// Some megabytes with line ends inside of fields.
fn text() -> Vec<u8> {
    let row = |row: usize| format!("{row},\"{}\n\"\"\n{row}\",4\n", "x\n".repeat(row % 50));
    (0..30_000).map(row).collect::<String>().into_bytes()
}

fn batches(mut stream: TextStream) -> Result<Vec<Vec<u8>>, DataError> {
    std::iter::from_fn(|| stream.next_csv(b',').transpose()).collect()
}

#[test]
fn the_batches_are_the_text_and_each_begins_with_a_row() {
    let text = text();
    for packed in [text.clone(), gzip(&text), zstd(&text)] {
        let batches = batches(stream(&packed).unwrap()).unwrap();
        assert!(batches.len() > 1 && batches.iter().all(|batch| batch.len() <= 1 << 20));
        let mut rows = 0;
        for batch in &batches {
            assert!(batch.starts_with(format!("{rows},\"").as_bytes()), "{rows}");
            rows += batch.windows(4).filter(|bytes| bytes == b"\",4\n").count();
        }
        assert_eq!((rows, batches.concat() == text), (30_000, true));
    }
}

#[test]
fn zeros_behind_members_of_gzip_are_nothing_and_anything_else_is_broken() {
    for zeros in [1, 511, 200_000] {
        let zeros = vec![0; zeros];
        let packed = [gzip(b"1,2\n3,"), zeros.clone(), gzip(b"4\n"), zeros].concat();
        assert_eq!(batches(stream(&packed).unwrap()).unwrap().concat(), b"1,2\n3,4\n");
    }
    let more = [gzip(b"1,2\n"), b"\0\0more".to_vec()].concat();
    assert!(stream(&more).is_err_and(|error| error.to_string().contains("gzip")));
}

#[test]
fn several_members_and_frames_are_one_text() {
    for pack in [gzip, zstd] {
        let packed = [pack(b"1,2\n3,"), pack(b""), pack(b"4\n")].concat();
        assert_eq!(batches(stream(&packed).unwrap()).unwrap().concat(), b"1,2\n3,4\n");
    }
}

#[test]
fn what_is_compressed_and_cut_or_broken_is_told() {
    let text = text();
    for (packed, name) in [(gzip(&text), "gzip"), (zstd(&text), "zstd")] {
        for cut in [packed.len() - 1, packed.len() / 2] {
            let error = stream(&packed[..cut]).and_then(batches).unwrap_err();
            assert_eq!(error.to_string(), format!("text: cannot be unpacked from {name}: it is cut short"));
        }
        let mut broken = packed.clone();
        let middle = packed.len() / 2;
        broken[middle..middle + 40].fill(0xa5);
        let error = stream(&broken).and_then(batches).unwrap_err();
        assert!(matches!(error, DataError::Packed { .. }), "{error}");
    }
    let garbage = [&gzip(b"1\n")[..], b"garbage"].concat();
    assert!(matches!(stream(&garbage).and_then(batches).unwrap_err(), DataError::Packed { .. }));
}

#[test]
fn what_is_no_text_is_told_and_so_is_nothing() {
    assert!(matches!(stream(b""), Err(DataError::Empty { .. })));
    assert!(matches!(stream(&gzip(b"")), Err(DataError::Empty { .. })));
    assert!(matches!(stream(b"\x00\x01").unwrap().format(), Err(DataError::Unknown { .. })));
    assert_eq!(stream(&gzip(b"\x93NUMPY\x01\x00")).unwrap().format().unwrap(), Format::Npy);
    assert_eq!(stream(&zstd(b"{\"a\":1}\n")).unwrap().format().unwrap(), Format::JsonLines);
}

#[test]
fn a_row_longer_than_a_batch_is_one_batch() {
    let long = [b"1,\"".to_vec(), vec![b'\n'; 5 << 20], b"\"\n2,3\n".to_vec()].concat();
    let batches = batches(stream(&long).unwrap()).unwrap();
    assert!(batches.len() <= 2 && batches.concat() == long);
}
