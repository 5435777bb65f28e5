//! `mpexec frame`: the functions over frames give the numbers of pandas, and what cannot be worked on is told.

use std::fs;

use crate::common::files::{file, folder, names_in};
use crate::common::program::{Done, mpexec};
use crate::common::python::Python;
use mpexec_data::NpyFile;
use tempfile::TempDir;

fn run(folder: &TempDir, words: &[&str]) -> Done {
    mpexec(["frame"]).args(words).in_folder(folder.path()).run()
}

#[test]
fn columns_are_described_as_pandas_describes_them() {
    let folder = folder();
    file(&folder, "t.csv", b"a,b,name\n1,0.5,x\n2,NA,y\n3,1.5,z\n4,2.5,\n");
    let expected = "statistic,a,b\ncount,4.0,3.0\nmean,2.5,1.5\nstd,1.2909944487358056,1.0\nmin,1.0,0.5\n25%,1.75,1.0\n50%,2.5,1.5\n\
                    75%,3.25,2.0\nmax,4.0,2.5\n";
    for workers in ["1", "3"] {
        assert_eq!(run(&folder, &["t.csv", "--task", "describe", "--workers", workers]).good(), expected);
    }
    run(&folder, &["t.csv", "--task", "describe", "-o", "d.parquet"]).good();
    run(&folder, &["t.csv", "--task", "describe", "--by", "chunks", "-o", "d.csv"]).good();
    assert_eq!(fs::read_to_string(folder.path().join("d.csv")).expect("the output"), expected);
    let again = run(&folder, &["d.parquet", "--task", "describe"]);
    assert!(again.good().starts_with("statistic,a,b\ncount,8.0,8.0\n"));
}

#[test]
fn dates_and_times_are_described_as_such() {
    let folder = folder();
    file(&folder, "t.csv", b"day,at,n\n2024-01-01,2024-01-01 10:00:00,1\n2024-01-02,2024-01-01 10:00:03,2\n,NA,3\n2024-01-04,2024-01-01 10:00:06.5,4\n");
    let expected = "statistic,day,at,n\ncount,3,3,4.0\nmean,2024-01-02 08:00:00,2024-01-01 10:00:03.166,2.5\n\
                    std,,,1.2909944487358056\nmin,2024-01-01 00:00:00,2024-01-01 10:00:00,1.0\n\
                    25%,2024-01-01 12:00:00,2024-01-01 10:00:01.500,1.75\n50%,2024-01-02 00:00:00,2024-01-01 10:00:03,2.5\n\
                    75%,2024-01-03 00:00:00,2024-01-01 10:00:04.750,3.25\nmax,2024-01-04 00:00:00,2024-01-01 10:00:06.500,4.0\n";
    let found = run(&folder, &["t.csv", "--task", "describe"]);
    assert_eq!(found.good().replace("03.166666666", "03.166"), expected);
    file(&folder, "one.csv", b"day,name\n2024-02-29,x\n");
    let one = run(&folder, &["one.csv", "--task", "describe"]);
    assert!(
        one.good().starts_with("statistic,day\ncount,1\nmean,2024-02-29 00:00:00\nstd,\nmin,2024"),
        "{}",
        one.text()
    );
}

#[test]
fn quartiles_of_whole_numbers_that_float64_has_not_are_exact() {
    let folder = folder();
    // Between them are numbers that float64 has, but rounded first they are others.
    file(&folder, "t.csv", b"n\n9007199254740993\n9007199254740995\n");
    let found = run(&folder, &["t.csv", "--task", "describe"]);
    assert!(found.good().contains("50%,9007199254740994.0\n"), "{}", found.text());
    let rows: String = (0..40_001u64).map(|row| format!("{}\n", (1u64 << 62) + 1 + row * 7919 % 40_001)).collect();
    file(&folder, "u.csv", format!("n\n{rows}").as_bytes());
    run(&folder, &["u.csv", "--task", "describe", "-o", "d.csv"]).good();
    let described = fs::read_to_string(folder.path().join("d.csv")).expect("the output");
    let quartile = |place: u64| ((1u64 << 62) + 1 + place) as f64;
    for (name, place) in [("25%", 10_000), ("50%", 20_000), ("75%", 30_000)] {
        let line = described.lines().find_map(|line| line.strip_prefix(&format!("{name},"))).expect("the line");
        assert_eq!(line.parse(), Ok(quartile(place)), "{name}: {line}");
    }
}

#[test]
fn a_mean_far_from_zero_costs_no_digit_and_how_a_table_is_cut_changes_none() {
    let folder = folder();
    // So many times √((n³-n)/12/(n-1)) is the deviation of n numbers in a row.
    let (rows, first) = (150_000u64, 1_700_000_000_000_000_000u64);
    let text: String = (0..rows).map(|row| format!("{},{}\n", first + row, 1e15 + row as f64 / 8.0)).collect();
    file(&folder, "t.csv", format!("n,x\n{text}").as_bytes());
    file(&folder, "u.jsonl", text.lines().map(|row| format!("[{row}]\n")).collect::<String>().as_bytes());
    fs::create_dir(folder.path().join("parts")).expect("a folder");
    for (part, rows) in text.lines().collect::<Vec<_>>().chunks(40_000).enumerate() {
        file(&folder, &format!("parts/{part}.csv"), format!("n,x\n{}\n", rows.join("\n")).as_bytes());
    }
    let spread = (rows as f64 * (rows as f64 + 1.0) / 12.0).sqrt();
    let expected = format!("std,{spread:?},{:?}", spread / 8.0);
    for name in ["t.csv", "u.jsonl", "parts"] {
        let found = run(&folder, &[name, "--task", "describe"]);
        let lines: Vec<_> = found.good().lines().map(str::to_owned).collect();
        assert_eq!(lines[3], expected, "{name}");
        let mean = (first + rows / 2) as f64;
        assert_eq!(lines[2], format!("mean,{mean:?},{:?}", 1e15 + (rows - 1) as f64 / 16.0), "{name}");
    }
}

#[test]
fn rows_or_columns_are_scaled() {
    let folder = folder();
    file(&folder, "t.csv", b"a,b\n1,3\n2,2\n5,NA\n");
    assert_eq!(run(&folder, &["t.csv", "--by", "rows", "--task", "normalize"]).good(), "a,b\n0.0,1.0\n0.0,0.0\n0.0,\n");
    let columns = run(&folder, &["t.csv", "--by", "columns", "--task", "normalize"]);
    assert_eq!(columns.good(), "a,b\n0.0,1.0\n0.25,0.0\n1.0,\n");
    run(&folder, &["t.csv", "--by", "chunks", "--task", "normalize", "-o", "n.feather"]).good();
    assert_eq!(
        run(&folder, &["n.feather", "--task", "normalize"]).good(),
        "a,b\n0.0,1.0\n0.0,0.0\n0.0,\n",
        "scaled rows stay what they are"
    );
}

#[test]
fn a_row_with_a_cell_that_is_no_number_is_told_left_out_or_mended_as_normalize_does() {
    let folder = folder();
    file(&folder, "t.csv", b"a,b,c\n1,3,2\n 2 ,n.a,4\n5\n7,7,7\n\"2024-01-01\",4,8\n");
    let json = [
        "{\"a\":1,\"b\":3,\"c\":2}",
        "{\"a\":2,\"b\":\"n.a\",\"c\":4}",
        "{\"a\":5",
        "{\"a\":7,\"b\":7,\"c\":7}",
        "{\"a\":[2],\"b\":4,\"c\":8}\n",
    ];
    file(&folder, "t.jsonl", json.join("\n").as_bytes());
    for (name, line, broken) in [("t.csv", 3, "0.0,,"), ("t.jsonl", 2, ",,")] {
        let normalize = |more: &[&str]| mpexec([&["normalize", name], more].concat()).in_folder(folder.path()).run();
        let frame = |by: &str, more: &[&str]| {
            run(&folder, &[&[name, "--by", by, "--task", "normalize", "--workers", "2"], more].concat())
        };
        let skip = ["--on-bad-row", "skip"];
        let null = ["--on-bad-row", "null"];
        let told = format!("{name}: line {line}, column 2 (b): found \"n.a\", which is no number; choose");
        let bad = format!("3 bad rows were WHAT; the first: {name}: line {line}, column 2 (b): found \"n.a\"");
        for by in ["rows", "columns", "chunks"] {
            let done = frame(by, &["-o", "o.csv"]);
            assert!(done.fault(3).starts_with(&told), "{by}: {}", done.stderr);
            let done = frame(by, &skip);
            assert!(done.stderr.contains(&bad.replace("WHAT", "left out")), "{by}: {}", done.stderr);
            let scaled = if by == "columns" { "0.0,0.0,0.0\n1.0,1.0,1.0\n" } else { "0.0,1.0,0.5\n0.0,0.0,0.0\n" };
            assert_eq!(done.text(), format!("a,b,c\n{scaled}"), "{by} {name}");
            let done = frame(by, &null);
            assert!(done.stderr.contains(&bad.replace("WHAT", "taken with missing values")), "{by}: {}", done.stderr);
            if by != "columns" {
                let scaled = format!("0.0,1.0,0.5\n0.0,,1.0\n{broken}\n0.0,0.0,0.0\n,0.0,1.0\n");
                assert_eq!(done.text(), format!("a,b,c\n{scaled}"), "{by} {name}");
            }
        }
        // The other command has the same rows, and says the same.
        for more in [&skip, &null] {
            let (one, other) = (normalize(more), frame("rows", more));
            assert_eq!((one.text(), &one.stderr), (other.text(), &other.stderr), "{name} {more:?}");
        }
        assert!(normalize(&[]).fault(3).starts_with(&told));
        // Of columns that are not read nothing is bad.
        let done = frame("rows", &["--columns", "c", "--on-bad-row", "skip"]);
        assert!(done.stderr.contains("1 bad row was left out"), "{}", done.stderr);
        assert_eq!(done.text(), "c\n0.0\n0.0\n0.0\n0.0\n");
    }
    assert!(!names_in(&folder).contains(&"o.csv".to_owned()));
}

#[test]
fn what_cannot_be_worked_on_is_told_and_nothing_is_left() {
    let folder = folder();
    file(&folder, "t.csv", b"a,name\n1,x\n2,y\n");
    file(&folder, "n.csv", b"name\nx\ny\n");
    let told = |words: &[&str], code: i32| run(&folder, words).fault(code).to_owned();
    for by in ["rows", "columns", "chunks"] {
        let text = told(&["t.csv", "--by", by, "--task", "normalize", "-o", "o.csv"], 3);
        let remedy = "choose the columns of numbers with --columns, or go on with --on-bad-row skip or null";
        assert_eq!(text, format!("t.csv: line 2, column 2 (name): found \"x\", which is no number; {remedy}"));
    }
    // A file that has types says it of the column; what describe writes begins with one of texts.
    run(&folder, &["t.csv", "--task", "describe", "-o", "d.parquet"]).good();
    let text = told(&["d.parquet", "--task", "normalize", "-o", "o.csv"], 1);
    assert!(text.ends_with("holds Utf8 and no numbers; choose columns of numbers with --columns"), "{text}");
    fs::remove_file(folder.path().join("d.parquet")).unwrap();
    file(&folder, "twice.csv", b"a,a\n1,2\n");
    let text = told(&["twice.csv", "--task", "normalize", "-o", "o.jsonl"], 3);
    assert!(text.contains("two columns are called \"a\", which a line of JSON cannot tell apart"), "{text}");
    let rows = mpexec(["normalize", "twice.csv", "-o", "o.jsonl"]).in_folder(folder.path()).run();
    assert!(rows.fault(2).starts_with("two columns are called \"a\""), "{}", rows.stderr);
    fs::remove_file(folder.path().join("twice.csv")).expect("it was there");
    assert!(told(&["n.csv", "--task", "describe"], 3).contains("there is no column of numbers"));
    assert!(told(&["t.csv", "--by", "rows", "--task", "describe", "-o", "o.npy"], 3).contains("statistic holds Utf8"));
    assert!(told(&["t.csv", "--task", "describe", "-o", "o.xlsx"], 3).contains("let its name end with .parquet"));
    assert!(told(&["t.csv", "--task", "describe", "-o", "t.csv"], 2).contains("is the file that is read"));
    assert_eq!(told(&["nowhere", "--task", "describe"], 3), "nowhere: no such file");
    assert_eq!(names_in(&folder), ["n.csv", "t.csv"]);
}

#[test]
fn of_more_numbers_than_are_held_the_quartiles_are_those_of_sorting() {
    let folder = folder();
    // More than 2 Mi of them, so that they are walked twice.
    let made = ["gen", "n.npy", "--rows", "550000", "--cols", "4", "--high", "1000000", "--seed", "5", "-q"];
    mpexec(made).in_folder(folder.path()).run().good();
    let file = NpyFile::open(folder.path().join("n.npy")).expect("it was made");
    let numbers = file.read_rows::<i64>(0..550_000).expect("its rows");
    let described = run(&folder, &["n.npy", "--task", "describe"]).good().to_owned();
    let lines: Vec<Vec<&str>> = described.lines().map(|line| line.split(',').collect()).collect();
    for column in 0..4 {
        let mut sorted: Vec<_> = numbers.iter().skip(column).step_by(4).copied().collect();
        sorted.sort_unstable();
        let between = |part: f64| {
            let place = (sorted.len() - 1) as f64 * part;
            let [low, high] = [place.floor(), place.ceil()].map(|place| sorted[place as usize] as f64);
            low + (high - low) * place.fract()
        };
        for (line, part) in (4..9).zip([0.0, 0.25, 0.5, 0.75, 1.0]) {
            let found: f64 = lines[line][column + 1].parse().expect("a number");
            assert!((found - between(part)).abs() < 1e-9, "{}: {found}, but {}", lines[line][0], between(part));
        }
    }
}

/// A table of several chunks, as pandas makes and describes it.
const MAKE: &str = r#"
import numpy as np, pandas as pd
rng = np.random.default_rng(3)
n = 40_000
frame = pd.DataFrame({"whole": rng.integers(-1000, 1000, n), "normal": rng.normal(size=n), "wide": rng.normal(size=n) * 10.0 ** rng.integers(-9, 9, n), "name": "x"})
frame.loc[::7, "normal"] = np.nan
frame.to_parquet("f.parquet", row_group_size=7_000)
frame.to_feather("f.arrow")
frame.to_csv("f.csv", index=False)
"#;

const LOOK: &str = r#"
import pandas as pd
for name in ["f.parquet", "f.arrow", "f.csv"]:
    frame = pd.read_feather(name) if name.endswith("arrow") else pd.read_parquet(name) if name.endswith("parquet") else pd.read_csv(name)
    found = pd.read_parquet(name + ".described.parquet").set_index("statistic")
    expected = frame.describe()
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12, atol=0, check_names=False)
    exact = ["count", "min", "25%", "50%", "75%", "max"]
    assert (found.loc[exact] == expected.loc[exact]).all().all(), name
"#;

#[test]
fn large_tables_are_described_as_pandas_describes_them() {
    let folder = folder();
    let Some(python) = Python::with_tables(folder.path()) else { return };
    python.good(MAKE);
    for name in names_in(&folder) {
        let output = format!("{name}.described.parquet");
        run(&folder, &[&name, "--task", "describe", "-o", &output]).good();
    }
    python.good(LOOK);
}
