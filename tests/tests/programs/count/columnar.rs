//! `mpexec count-range` on Parquet and Arrow files: the counts of pyarrow, and of what is broken one line.

use std::path::{Path, PathBuf};

use crate::common::files::{counts_in, file, folder};
use crate::common::program::mpexec;
use serde_json::json;

const NUMBERS: &str = "i8,u16,i64,u64,f32,f64,truth";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/mpexec-data/tests/data/columnar").join(name)
}

#[test]
fn the_counts_are_pyarrows_with_any_number_of_workers() {
    let folder = folder();
    let text = std::fs::read_to_string(data("counts-1-to-8.txt")).expect("what pyarrow counted");
    let expected: Vec<u64> = text.split_whitespace().map(|count| count.parse().expect("a number")).collect();
    for name in ["snappy.parquet", "lz4.arrow", "stream.arrows"] {
        for workers in ["1", "3"] {
            let call =
                mpexec(["count-range", "--min", "1", "--columns", NUMBERS, "-o", "counts.npy", "--workers", workers]);
            let done = call.arg(data(name)).in_folder(folder.path()).run();
            assert_eq!((done.code(), done.stderr.as_str()), (0, ""), "{name}");
            assert_eq!(counts_in(&folder.path().join("counts.npy")), expected, "{name}");
        }
    }
    let both = mpexec(["count-range", "--json", "--min", "1", "--columns", NUMBERS]);
    let json = both.arg(data("none.parquet")).arg(data("zstd.arrow")).run().json();
    assert_eq!((&json["rows"], &json["total"]), (&json!(1000), &json!(2 * expected.iter().sum::<u64>())));
}

#[test]
fn what_cannot_be_counted_is_told_with_the_remedy() {
    let folder = folder();
    let all = mpexec(["count-range"]).arg(data("snappy.parquet")).run();
    assert!(
        all.fault(3)
            .contains("the column \"text\" holds Utf8 and no numbers; choose columns of numbers with --columns")
    );
    let unknown = mpexec(["count-range", "--columns", "price"]).arg(data("snappy.parquet")).run();
    assert!(unknown.fault(2).ends_with("has no column \"price\"; it has i8, u16, i64, u64, f32, f64, truth, text"));
    let whole = std::fs::read(data("snappy.parquet")).expect("a file of the tests");
    file(&folder, "cut.parquet", &whole[..whole.len() - 9]);
    let cut = mpexec(["count-range", "cut.parquet", "-o", "out.npy"]).in_folder(folder.path()).run();
    assert!(cut.fault(3).starts_with("cut.parquet: is broken Parquet: "), "{}", cut.stderr);
    let piped =
        std::process::Command::new("cat").arg(data("snappy.parquet")).stdout(std::process::Stdio::piped()).spawn();
    let mut piped = piped.expect("cat can be started");
    let stdout = piped.stdout.take().expect("a pipe");
    let done = mpexec(["count-range", "-", "--columns", "i8", "--json"]).stdin(stdout).run();
    let named = mpexec(["count-range", "--columns", "i8", "--json"]).arg(data("snappy.parquet")).run();
    assert_eq!(done.json()["total"], named.json()["total"]);
    piped.wait().expect("cat ends");
}

#[test]
fn decimals_dictionaries_and_nested_columns_are_worked_on_or_told_with_the_column() {
    // Written by pyarrow: beside n (1 and 5), d is decimal128(10, 2), c a dictionary of texts, l a list and s a struct of int64.
    let run = |command: &str, name: &str, more: &[&str]| mpexec([command]).arg(data(name)).args(more).run();
    let faults = [
        ("dictionary.parquet", "the column \"c\" holds Dictionary(Int32, Utf8) and no numbers"),
        ("nested.parquet", "the column \"l\" holds List(Int64"),
    ];
    for (name, fault) in faults {
        for command in ["count-range", "normalize"] {
            let done = run(command, name, &[]);
            let told = done.fault(3);
            assert!(told.contains(&format!("{name}: {fault}")), "{told}");
        }
        // The column of numbers beside it is worked on.
        assert_eq!(run("count-range", name, &["--columns", "n", "--output", "-"]).good(), "0\n1\n");
    }
    assert_eq!(run("count-range", "decimal.parquet", &["--output", "-"]).good(), "1\n1\n");
    assert_eq!(run("normalize", "decimal.parquet", &[]).good(), "d,n\n1.0,0.0\n1.0,0.0\n");
    // A dictionary of texts is texts.
    let twice = mpexec(["common-items"]).args([data("dictionary.parquet"), data("dictionary.parquet")]).run();
    assert_eq!(twice.good(), "[1,\"x\"]\n[5,\"y\"]\n");
    let described = run("frame", "decimal.parquet", &["--task", "describe"]);
    assert!(described.good().starts_with("statistic,d,n\ncount,2.0,2.0\nmean,6.75,3.0\n"), "{}", described.text());
    let scaled = run("frame", "decimal.parquet", &["--task", "normalize", "--by", "columns"]);
    assert_eq!(scaled.good(), "d,n\n0.0,0.0\n1.0,1.0\n");
    for (name, column) in [("dictionary.parquet", "c"), ("nested.parquet", "l")] {
        let described = run("frame", name, &["--task", "describe"]);
        assert!(described.good().starts_with("statistic,n\ncount,2.0\n"), "{}", described.text());
        for by in ["rows", "columns"] {
            let done = run("frame", name, &["--task", "normalize", "--by", by]);
            let told = done.fault(1);
            assert!(told.contains(&format!("{column}: ")) || told.contains(&format!("{column} holds")), "{told}");
        }
    }
}

#[test]
fn halves_dictionaries_of_numbers_and_columns_of_nulls_are_numbers() {
    // Written by pyarrow: half is float16 (5, 1.5, 9), none is null, word a dictionary of int64 (7, 2, 7), n is int32 (4, 4, null).
    let run = |command: &str, more: &[&str]| mpexec([command]).arg(data("odd.arrow")).args(more).run();
    assert_eq!(run("count-range", &["--output", "-"]).good(), "3\n1\n1\n");
    assert_eq!(run("count-range", &["--columns", "word", "--json"]).json()["dtype"], "int64");
    let scaled = run("normalize", &["--columns", "half,none,word"]);
    assert_eq!(scaled.good(), "half,none,word\n0.0,,1.0\n0.0,,1.0\n1.0,,0.0\n");
    let common = mpexec(["common-items"]).args([data("odd.arrow"), data("odd.arrow")]).run();
    assert_eq!(common.good(), "[4,5,7]\n[1.5,2,4]\n[7,9]\n");
}

#[test]
fn a_way_of_packing_that_is_not_known_is_named() {
    for command in [&["count-range"][..], &["frame", "--task", "describe"], &["normalize"]] {
        let done = mpexec(command).arg(data("brotli.parquet")).run();
        let told = done.fault(3);
        assert!(told.ends_with("is Parquet packed with Brotli; Snappy, gzip, zstd and LZ4 are read"), "{told}");
    }
}
