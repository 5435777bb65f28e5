//! `mpexec normalize` and `mpexec common-items`: the answers of the tutorial, in every format that is read or written.

use std::fs;

use crate::common::files::{array, file, folder, names_in, small, table};
use crate::common::program::{Done, mpexec};
use crate::common::python::Python;
use mpexec_data::{DType, NpyFile, Shape};
use tempfile::TempDir;

fn run(folder: &TempDir, words: &[&str]) -> Done {
    mpexec(words).in_folder(folder.path()).run()
}

/// The tutorial's two lists.
fn lists(folder: &TempDir) {
    table(folder, "a.npy", 3, 4, &[2, 3, 4, 5, 6, 9, 10, 12, 11, 12, 13, 14]);
    file(folder, "b.csv", b"w,x,y,z\n2,3,4,5\n6,9,10,12\n11,12,13,14\n");
    file(folder, "c.jsonl", b"[2,3,4,5]\n[6,9,10,12]\n[11,12,13,14]\n");
}

const THIRDS: [f64; 12] = [
    0.0,
    0.333_333_333_333_333_3,
    0.666_666_666_666_666_6,
    1.0,
    0.0,
    0.5,
    0.666_666_666_666_666_6,
    1.0,
    0.0,
    0.333_333_333_333_333_3,
    0.666_666_666_666_666_6,
    1.0,
];

#[test]
fn rows_are_scaled_whatever_the_format_of_input_and_output() {
    let folder = folder();
    lists(&folder);
    let lines = |titles: &str, by: &str| {
        let rows = THIRDS.chunks(4).map(|row| row.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>().join(by) + "\n");
        format!("{titles}{}", rows.collect::<String>())
    };
    assert_eq!(run(&folder, &["normalize", "a.npy"]).good(), lines("", ","));
    assert_eq!(run(&folder, &["normalize", "b.csv"]).good(), lines("w,x,y,z\n", ","));
    run(&folder, &["normalize", "b.csv", "-o", "n.tsv.gz"]).good();
    let again = run(&folder, &["normalize", "n.tsv.gz", "--output-format", "tsv"]);
    assert_eq!(again.good(), lines("w\tx\ty\tz\n", "\t"), "scaled rows stay what they are");
    assert!(run(&folder, &["normalize", "c.jsonl", "--output-format", "jsonl"]).good().starts_with("[0.0,0.3333"));
    let objects = run(&folder, &["normalize", "b.csv", "--columns", "z,w", "--output-format", "jsonl"]);
    assert_eq!(objects.good(), "{\"z\":1.0,\"w\":0.0}\n".repeat(3));
    for (from, to) in [("a.npy", "n.npy"), ("b.csv", "n.parquet"), ("n.parquet", "n.arrow"), ("n.arrow", "o.npy")] {
        run(&folder, &["normalize", from, "-o", to]).good();
    }
    for name in ["n.npy", "o.npy"] {
        let scaled = NpyFile::open(folder.path().join(name)).expect("an array");
        assert_eq!((scaled.layout().rows, scaled.layout().cols), (3, 4));
        assert_eq!(scaled.read_rows::<f64>(0..3).expect("its rows"), THIRDS);
    }
    let printed = run(&folder, &["normalize", "a.npy", "--output-format", "npy"]);
    assert_eq!(printed.stdout, fs::read(folder.path().join("n.npy")).expect("the same array"));
    assert!(run(&folder, &["normalize", "b.csv", "--output-format", "npy"]).fault(2).starts_with("an array begins"));
    let files = run(&folder, &["normalize", "a.npy", "b.csv", "c.jsonl", "--workers", "3"]);
    assert_eq!(files.good(), lines("", ",").repeat(3));
}

#[test]
fn constant_rows_become_zeros_and_missing_values_stay_missing() {
    let folder = folder();
    file(&folder, "m.csv", b"7,7,7\nNA,2,4\nNA,5,\n,,\n1,x,3\n1,2\n");
    let null = run(&folder, &["normalize", "m.csv", "--on-bad-row", "null"]);
    assert_eq!(null.stdout, b"0.0,0.0,0.0\n,0.0,1.0\n,0.0,\n,,\n0.0,,1.0\n0.0,1.0,\n");
    assert_eq!(
        null.stderr,
        "2 bad rows were taken with missing values; the first: m.csv: line 5, column 2: found \"x\", which is no number\n"
    );
    let skip = run(&folder, &["normalize", "m.csv", "--on-bad-row", "skip", "-q", "--output-format", "jsonl"]);
    assert_eq!(skip.good(), "[0.0,0.0,0.0]\n[null,0.0,1.0]\n[null,0.0,null]\n[null,null,null]\n");
    let fail = run(&folder, &["normalize", "m.csv", "-o", "out.csv"]);
    assert!(fail.fault(3).starts_with("m.csv: line 5, column 2: found \"x\", which is no number; choose the columns"));
    assert_eq!(names_in(&folder), ["m.csv"]);
    let own = run(&folder, &["normalize", "m.csv", "-o", "m.csv"]);
    assert!(own.fault(2).starts_with("m.csv: is the file that is read"));
}

#[test]
fn common_items_are_found_row_by_row_in_order_and_each_once() {
    let folder = folder();
    file(&folder, "a.csv", b"3,1,2,3\n10,9,9.5,NA\npear,4,apple,\n1,2,3,4\n");
    table(&folder, "b.npy", 2, 2, &[3, 2, 9, 11]);
    file(&folder, "c.jsonl", b"[2.0, 3, null]\n[9.5, 10, 9]\n[\"apple\", \"4\", 4]\n[7, 8, 9]\n");
    let done = run(&folder, &["common-items", "a.csv", "c.jsonl"]);
    assert_eq!(done.good(), "[2,3]\n[9,9.5,10]\n[4,\"apple\"]\n[]\n");
    run(&folder, &["common-items", "c.jsonl", "a.csv", "-o", "both.csv"]).good();
    let expected = "row,item\n0,2\n0,3\n1,9\n1,9.5\n1,10\n2,4\n2,apple\n";
    assert_eq!(fs::read_to_string(folder.path().join("both.csv")).expect("the output"), expected);
    let tsv = run(&folder, &["common-items", "c.jsonl", "a.csv", "--output-format", "tsv"]);
    assert_eq!(tsv.good(), expected.replace(',', "\t"));
    // A folder is one table.
    fs::create_dir(folder.path().join("parts")).expect("a folder");
    file(&folder, "parts/0.csv", b"3,1,2,3\n10,9,9.5,NA\n");
    file(&folder, "parts/1.jsonl", b"[\"pear\",4,\"apple\"]\n");
    file(&folder, "parts/2.csv", b"1,2,3,4\n");
    let parts = run(&folder, &["common-items", "parts", "c.jsonl", "--run-dir", "run"]);
    assert_eq!(parts.good(), done.good());
    assert_eq!(run(&folder, &["common-items", "c.jsonl", "parts", "--workers", "1"]).good(), done.good());
    let fewer = run(&folder, &["common-items", "parts", "b.npy"]);
    assert!(fewer.fault(3).starts_with("b.npy: has 2 rows, and parts/0.csv has more"), "{}", fewer.stderr);
    for left in ["parts", "run"] {
        fs::remove_dir_all(folder.path().join(left)).expect("the folder");
    }
    let few = run(&folder, &["common-items", "a.csv", "b.npy", "-o", "few.jsonl"]);
    assert!(few.fault(3).starts_with("b.npy: has 2 rows, and a.csv has more"), "{}", few.stderr);
    assert!(run(&folder, &["common-items", "b.npy", "a.csv"]).fault(3).starts_with("b.npy: has 2 rows"));
    for (words, told) in [
        (&["common-items", "a.csv", "b.npy", "-o", "x.parquet"][..], "rows of common items differ in length"),
        (&["common-items", "-", "-"], "standard input can be one of the two"),
        (&["common-items", "a.csv", "b.npy", "--output-format", "text"], "text is one count a line"),
    ] {
        assert!(run(&folder, words).fault(2).starts_with(told));
    }
    assert_eq!(names_in(&folder), ["a.csv", "b.npy", "both.csv", "c.jsonl"]);
}

#[test]
fn a_row_that_is_bad_in_either_table_is_left_out_of_both_and_the_others_keep_their_numbers() {
    let folder = folder();
    file(&folder, "a.csv", b"a,b\n1,2\nBAD\n3,4\n5,6\n7,8\n");
    file(&folder, "b.csv", b"a,b\n1,2\n9,9\n3,4\n5,6,7\n7,8\n");
    file(&folder, "good.jsonl", b"[1,2]\n[3,4]\n[3,4]\n[5,6]\n[7,7]\n");
    let skip =
        |a, b, more: &[&str]| run(&folder, &[&["common-items", a, b, "--on-bad-row", "skip"][..], more].concat());
    let both = skip("a.csv", "b.csv", &[]);
    assert_eq!(both.stdout, b"[1,2]\n[3,4]\n[7,8]\n");
    assert!(both.stderr.starts_with("2 bad rows were left out; the first: a.csv: line 3"), "{}", both.stderr);
    assert_eq!(skip("a.csv", "good.jsonl", &["-q"]).good(), "[1,2]\n[3,4]\n[5,6]\n[7]\n");
    let numbered = skip("good.jsonl", "b.csv", &["-q", "--output-format", "csv"]);
    assert_eq!(numbered.good(), "row,item\n0,1\n0,2\n2,3\n2,4\n4,7\n");
    file(&folder, "fewer.csv", b"a,b\n1,2\n9,9\nBAD\n");
    let fewer = skip("a.csv", "fewer.csv", &["-q"]);
    assert!(fewer.fault(3).starts_with("fewer.csv: has 3 rows, and a.csv has more"), "{}", fewer.stderr);
}

#[test]
fn tables_that_are_cut_at_different_rows_are_paired_row_by_row() {
    let folder = folder();
    let numbers = NpyFile::open(small()).and_then(|file| file.read_rows::<i64>(0..20_000)).expect("the small table");
    let text: String = numbers.chunks(5).map(|row| format!("{},{},{}\n", row[4], row[2], row[0])).collect();
    file(&folder, "t.csv", text.as_bytes());
    let expected: String = numbers
        .chunks(5)
        .map(|row| {
            let mut items = vec![row[0], row[2], row[4]];
            items.sort_unstable();
            items.dedup();
            format!("[{}]\n", items.iter().map(i64::to_string).collect::<Vec<_>>().join(","))
        })
        .collect();
    for workers in ["1", "4"] {
        let done = mpexec(["common-items", "t.csv"]).arg(small()).args(["--workers", workers]).in_folder(folder.path());
        assert!(done.run().good() == expected, "{workers} workers");
    }
    let columns =
        mpexec(["common-items", "t.csv"]).arg(small()).args(["--columns", "1"]).in_folder(folder.path()).run();
    let firsts = numbers.chunks(5).filter(|row| row[4] == row[0]).count();
    assert_eq!(columns.good().lines().filter(|line| *line != "[]").count(), firsts);
}

/// Makes a table in every format with pandas, and what NumPy and pandas say of it; then looks at what mpexec said.
const MAKE: &str = r#"
import numpy as np, pandas as pd
rng = np.random.default_rng(7)
frame = pd.DataFrame(rng.normal(size=(5000, 4)) * 10.0 ** rng.integers(-3, 9, size=(5000, 4)), columns=list("abcd"))
frame.iloc[7] = 2.5
frame.iloc[11, 2] = np.nan
frame.to_csv("f.csv", index=False)
frame.to_csv("f.tsv.gz", index=False, sep="\t")
frame.to_json("f.jsonl", orient="records", lines=True, double_precision=15)
frame.to_parquet("f.parquet", row_group_size=1000)
frame.to_feather("f.arrow")
np.save("f.npy", frame.to_numpy())
np.save("whole.npy", rng.integers(-50, 50, size=(3000, 6)))
np.save("other.npy", rng.integers(-50, 50, size=(3000, 9)))
"#;

const LOOK: &str = r#"
import json, numpy as np, pandas as pd, pyarrow
unpacked = lambda name: pyarrow.input_stream(name, compression="zstd")
frame = pd.read_parquet("f.parquet")
least = frame.min(axis=1)
scaled = frame.sub(least, axis=0).div(frame.max(axis=1) - least, axis=0)
scaled.iloc[7] = 0.0
for name in ["f.csv", "f.tsv.gz", "f.parquet", "f.arrow", "f.npy"]:
    np.testing.assert_array_equal(np.load(name + ".out.npy"), scaled.to_numpy(), err_msg=name)
np.testing.assert_allclose(np.load("f.jsonl.out.npy"), scaled.to_numpy(), rtol=1e-9, atol=1e-12)
for written in [pd.read_csv("w.csv.gz"), pd.read_parquet("w.parquet"), pd.read_feather("w.arrow"), pd.read_csv(unpacked("w.tsv.zst"), sep="\t"), pd.read_json("w.jsonl", lines=True, precise_float=True)]:
    pd.testing.assert_frame_equal(written, scaled, rtol=0, atol=1e-15)
counts = ((frame >= -5) & (frame <= 1000)).sum(axis=1).to_numpy()
for name in ["f.csv", "f.tsv.gz", "f.parquet", "f.arrow", "f.npy"]:
    np.testing.assert_array_equal(np.load(name + ".counts.npy"), counts, err_msg=name)
for table in [pd.read_parquet("c.parquet"), pd.read_feather("c.arrow"), pd.read_csv(unpacked("c.csv.zst")), pd.read_csv("c.tsv", sep="\t"), pd.read_json("c.jsonl", lines=True)]:
    np.testing.assert_array_equal(table["count"], counts)
    np.testing.assert_array_equal(table["row"], np.arange(5000))
common = [sorted(set(a) & set(b)) for a, b in zip(np.load("whole.npy").tolist(), np.load("other.npy").tolist())]
assert [json.loads(line) for line in open("common.jsonl")] == common
"#;

#[test]
fn the_numbers_are_those_of_numpy_and_pandas_for_every_format() {
    let folder = folder();
    let Some(python) = Python::with_tables(folder.path()) else { return };
    python.good(MAKE);
    for name in ["f.csv", "f.tsv.gz", "f.jsonl", "f.parquet", "f.arrow", "f.npy"] {
        run(&folder, &["normalize", name, "-o", &format!("{name}.out.npy")]).good();
        let counts = format!("{name}.counts.npy");
        run(&folder, &["count-range", name, "--min", "-5", "--max", "1000", "-o", &counts, "-q"]).good();
    }
    for name in ["w.csv.gz", "w.parquet", "w.arrow", "w.tsv.zst", "w.jsonl"] {
        run(&folder, &["normalize", "f.parquet", "-o", name]).good();
    }
    for name in ["c.parquet", "c.arrow", "c.csv.zst", "c.tsv", "c.jsonl"] {
        run(&folder, &["count-range", "f.parquet", "--min", "-5", "--max", "1000", "-o", name]).good();
    }
    run(&folder, &["common-items", "whole.npy", "other.npy", "-o", "common.jsonl"]).good();
    python.good(LOOK);
}

#[test]
fn standard_input_is_a_table_too() {
    let folder = folder();
    array(&folder, "a.npy", DType::U8, Shape::Vector(3), &[1, 2, 3]);
    let b = file(&folder, "b.csv", b"1\n3\n3\n");
    let stdin = fs::File::open(b).expect("it was just made");
    let done = mpexec(["common-items", "a.npy", "-"]).in_folder(folder.path()).stdin(stdin).run();
    assert_eq!(done.good(), "[1]\n[]\n[3]\n");
}
