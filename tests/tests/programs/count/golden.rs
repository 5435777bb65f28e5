//! `mpexec normalize` and `mpexec common-items` beside what NumPy and Python's sets have answered, kept in files: also where no Python is.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::files::folder;
use crate::common::program::mpexec;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/mpexec-data/tests/data/columnar").join(name)
}

fn kept(name: &str) -> String {
    fs::read_to_string(data(name)).expect("an answer that is kept")
}

const TABLES: [&str; 5] = ["snappy.parquet", "zstd.parquet", "lz4.arrow", "uncompressed.arrow", "stream.arrows"];

#[test]
fn rows_are_scaled_as_numpy_scales_them() {
    let numbers = |line: &str, between: char| -> Vec<Option<u64>> {
        let number = |cell: &str| cell.parse::<f64>().ok().filter(|number| !number.is_nan()).map(f64::to_bits);
        line.split(between).map(number).collect()
    };
    let wanted: Vec<_> = kept("scaled.txt").lines().map(|line| numbers(line, ' ')).collect();
    let columns = ["--columns", "i8,u16,f32,f64"];
    for name in TABLES {
        for command in [&["normalize"][..], &["frame", "--task", "normalize"]] {
            let done = mpexec(command).arg(data(name)).args(columns).run();
            let found: Vec<_> = done.good().lines().skip(1).map(|line| numbers(line, ',')).collect();
            assert!(found == wanted, "{command:?} {name}");
        }
    }
    // The same by way of each text.
    let folder = folder();
    for ending in ["csv", "tsv", "jsonl", "csv.gz", "npy"] {
        let path = folder.path().join(format!("t.{ending}"));
        mpexec(["normalize"]).arg(data("snappy.parquet")).args(columns).arg("-o").arg(&path).run().good();
        let again = mpexec(["normalize"]).arg(&path).run();
        let found: Vec<_> = again.good().lines().map(|line| numbers(line, ',')).collect();
        assert!(found[found.len() - wanted.len()..] == wanted[..], "what is scaled stays so: {ending}");
    }
}

#[test]
fn common_items_are_those_of_sets() {
    for name in TABLES {
        let done = mpexec(["common-items", "--columns", "i8,u16,u64"]).arg(data(name)).arg(data("other.csv")).run();
        assert!(done.good() == kept("common.txt"), "{name}");
        let turned = mpexec(["common-items", "--columns", "u64,i8,u16"]).arg(data("other.csv")).arg(data(name)).run();
        assert!(turned.good() == kept("common.txt"), "{name}");
    }
}
