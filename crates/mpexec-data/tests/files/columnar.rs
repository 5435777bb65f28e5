//! Parquet and Arrow files that pyarrow wrote, in every compression, are counted as pyarrow compares; broken ones are told.

use crate::common;
use mpexec_data::{ColumnarFile, Columns, DataError, DataFile};

const FILES: [&str; 9] = [
    "none.parquet",
    "snappy.parquet",
    "gzip.parquet",
    "zstd.parquet",
    "lz4.parquet",
    "uncompressed.arrow",
    "lz4.arrow",
    "zstd.arrow",
    "stream.arrows",
];

const NUMBERS: [&str; 7] = ["i8", "u16", "i64", "u64", "f32", "f64", "truth"];

fn open(name: &str) -> Result<ColumnarFile, DataError> {
    DataFile::open(common::data(&format!("columnar/{name}"))).and_then(ColumnarFile::open)
}

fn places(file: &ColumnarFile, names: &[&str]) -> Vec<usize> {
    Columns::named(names.iter().copied()).places(file.names(), file.names().len()).unwrap()
}

fn counts(file: &ColumnarFile, names: &[&str], minimum: &str, maximum: &str) -> Vec<u8> {
    let places = places(file, names);
    (0..file.parts()).flat_map(|part| file.count(part, &places, minimum, maximum, true).unwrap().counts).collect()
}

#[test]
fn the_counts_are_pyarrows_whatever_the_format_and_compression() {
    let text = std::fs::read_to_string(common::data("columnar/counts-1-to-8.txt")).unwrap();
    let expected: Vec<u8> = text.split_whitespace().map(|count| count.parse().unwrap()).collect();
    for name in FILES {
        let file = open(name).unwrap();
        assert_eq!(counts(&file, &NUMBERS, "1", "8"), expected, "{name}");
        let turned: Vec<_> = NUMBERS.iter().rev().copied().collect();
        assert_eq!(counts(&file, &turned, "1", "8"), expected, "{name}");
        let parts = if name.ends_with("parquet") {
            3
        } else if name == "stream.arrows" {
            1
        } else {
            4
        };
        assert_eq!((file.parts(), file.rows().unwrap_or(500)), (parts, 500), "{name}");
    }
}

#[test]
fn whole_numbers_are_exact_and_nulls_are_in_no_range() {
    let exact =
        |bound| counts(&open("snappy.parquet").unwrap(), &["i64"], bound, bound).iter().filter(|&&n| n == 1).count();
    assert_eq!(exact("9007199254740992"), 0);
    assert!(exact("9007199254740993") > 50);
    let all = counts(&open("zstd.arrow").unwrap(), &["f64"], "-inf", "inf");
    assert!(all.contains(&0) && all.contains(&1));
}

#[test]
fn columns_have_their_types_and_a_text_is_no_number() {
    let file = open("none.parquet").unwrap();
    let name = |names: &[&str]| file.type_name(&places(&file, names)).map_err(|error| error.to_string());
    assert_eq!((name(&["i8"]), name(&["truth"]), name(&["i8", "f32"])), (Ok("int8"), Ok("bool"), Ok("mixed")));
    let told = name(&["text"]).unwrap_err();
    assert!(told.contains("the column \"text\" holds Utf8 and no numbers; choose columns of numbers"), "{told}");
}

#[test]
fn files_that_are_cut_or_overwritten_are_told_and_nothing_panics() {
    let folder = tempfile::tempdir().unwrap();
    for name in FILES {
        let whole = std::fs::read(common::data(&format!("columnar/{name}"))).unwrap();
        let path = folder.path().join(name);
        let told = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let file = DataFile::open(&path).and_then(ColumnarFile::open)?;
            let places: Vec<_> = places(&file, &NUMBERS);
            (0..file.parts()).try_for_each(|part| file.count(part, &places, "1", "8", false).map(drop))
        };
        for length in [whole.len() / 2, whole.len() / 3, 12] {
            let error = told(&whole[..length]).unwrap_err().to_string();
            assert!(!error.contains('\n') && error.contains(": is broken "), "{name} {length}: {error}");
        }
    }
}
