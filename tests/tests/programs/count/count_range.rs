//! `mpexec count-range` gives the tutorial's numbers, whatever the number of workers, the link and the mode.

use crate::common::files::{FIRST, HISTOGRAM, ROWS, TOTAL, array, folder, small, small_counts, table, tutorial, zeros};
use crate::common::program::mpexec;
use mpexec_data::{DType, Shape};
use serde_json::json;

/// Every way a count can be run: workers, link, mode.
fn ways() -> Vec<[&'static str; 6]> {
    let mut ways = Vec::new();
    for workers in ["1", "2", "3", "8", "64"] {
        for transport in ["shm", "socket"] {
            for mode in ["sync", "async"] {
                ways.push(["--workers", workers, "--transport", transport, "--mode", mode]);
            }
        }
    }
    ways
}

#[test]
fn the_summary_is_the_same_with_any_workers_link_and_mode() {
    for way in ways() {
        let json = mpexec(["count-range", "--json"]).arg(tutorial()).args(way).run().json();
        assert_eq!(json["total"], TOTAL, "{way:?}");
        assert_eq!(json["histogram"], json!(HISTOGRAM), "{way:?}");
        assert_eq!(json["first"], json!([4, 2, 1, 2, 3, 2, 2, 2, 2, 2]), "{way:?}");
        assert_eq!(json["workers"], way[1].parse::<u64>().unwrap(), "{way:?}");
        assert_eq!(json["transport"], way[3], "{way:?}");
    }
}

#[test]
fn the_counts_are_the_same_with_any_workers_link_and_mode() {
    let expected = small_counts();
    for way in ways() {
        let done = mpexec(["count-range", "--output", "-"]).arg(small()).args(way).run();
        let mut lines: Vec<(u64, u64)> = Vec::new();
        for (at, line) in done.good().lines().enumerate() {
            let (row, count) =
                line.split_once('\t').map_or((at as u64, line), |(row, count)| (row.parse().unwrap(), count));
            lines.push((row, count.parse().unwrap()));
        }
        if way[5] == "async" {
            lines.sort_unstable();
        }
        let expected = (0..).zip(expected.iter().copied());
        assert!(lines.into_iter().eq(expected), "{way:?}");
    }
}

#[test]
fn one_json_object_has_the_agreed_keys_and_types() {
    let json = mpexec(["count-range", "--json", "--workers", "2"]).arg(tutorial()).run().json();
    let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let mut agreed = [
        "rows",
        "cols",
        "dtype",
        "min",
        "max",
        "first",
        "total",
        "histogram",
        "histogram_step",
        "workers",
        "transport",
        "seconds",
    ];
    agreed.sort_unstable();
    assert_eq!(keys, agreed);
    assert_eq!((&json["rows"], &json["cols"], &json["dtype"]), (&json!(ROWS), &json!(5), &json!("int64")));
    assert_eq!((&json["min"], &json["max"]), (&json!(4), &json!(8)));
    assert!(json["seconds"].as_f64().unwrap() > 0.0 && json["histogram_step"] == 1);
}

#[test]
fn a_wide_table_says_how_many_counts_share_an_entry_of_the_histogram() {
    let folder = folder();
    let path = zeros(&folder, 3, 100_000);
    let json = mpexec(["count-range", "--json", "--min", "0"]).arg(&path).run().json();
    let entries = json["histogram"].as_array().unwrap();
    assert_eq!((&json["histogram_step"], &json["total"], entries.len()), (&json!(2), &json!(300_000), 50_001));
    assert_eq!(entries[50_000], json!(3));
    let text = mpexec(["count-range", "--min", "0"]).arg(&path).run().good().to_owned();
    assert!(text.contains("-100000 "), "no label exceeds the number of columns:\n{text}");
}

#[test]
fn a_person_reads_a_summary() {
    let done = mpexec(["count-range", "--workers", "2", "--transport", "socket"]).arg(tutorial()).run();
    let text = done.good();
    for part in ["int64 (200000, 5)", FIRST, "500,557", "62,868  ████", "2 workers over socket", "rows/s"] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "colours in a pipe:\n{text}");
}

#[test]
fn bounds_may_be_negative_fractions_and_without_end() {
    let folder = folder();
    let path = table(&folder, "t", 2, 4, &[-7, -6, 0, 3, -8, 2, 3, 100]);
    let count =
        |bounds: &[&str]| mpexec(["count-range", "--output", "-"]).arg(&path).args(bounds).run().good().to_owned();
    assert_eq!(count(&["--min", "-7", "--max", "2.5"]), "3\n1\n");
    assert_eq!(count(&["--min", "-7.5", "--max=-6"]), "2\n0\n");
    assert_eq!(count(&["--min", "-inf", "--max", "inf"]), "4\n4\n");
    assert_eq!(count(&["--min", "nan"]), "0\n0\n");
}

#[test]
fn fractions_are_counted_in_arrays_of_floats() {
    let folder = folder();
    let numbers = [0.5f32, 4.0, 8.0, 8.5, f32::NAN, -0.0];
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let path = array(&folder, "f", DType::F32, Shape::Matrix(2, 3), &bytes);
    let json = mpexec(["count-range", "--json", "--min", "0.5", "--max", "8.25"]).arg(&path).run().json();
    assert_eq!((&json["dtype"], &json["first"], &json["min"]), (&json!("float32"), &json!([3, 0]), &json!(0.5)));
}

#[test]
fn one_dimension_is_rows_of_one_value() {
    let folder = folder();
    let path = array(&folder, "v", DType::U8, Shape::Vector(4), &[3, 4, 8, 9]);
    assert_eq!(mpexec(["count-range", "--output", "-"]).arg(&path).run().good(), "0\n1\n1\n0\n");
    let json = mpexec(["count-range", "--json"]).arg(&path).run().json();
    assert_eq!((&json["rows"], &json["cols"]), (&json!(4), &json!(1)));
    assert!(mpexec(["count-range"]).arg(&path).run().good().contains("uint8 (4,)"));
}

#[test]
fn no_rows_print_nothing_and_no_columns_print_zeros() {
    let folder = folder();
    let no_rows = table(&folder, "r", 0, 5, &[]);
    let no_cols = table(&folder, "c", 3, 0, &[]);
    for mode in ["sync", "async"] {
        let printed = |path| mpexec(["count-range", "--output", "-", "--mode", mode]).arg(path).run().good().to_owned();
        assert_eq!(printed(&no_rows), "");
        assert_eq!(printed(&no_cols), if mode == "sync" { "0\n0\n0\n" } else { "0\t0\n1\t0\n2\t0\n" });
    }
    let json = mpexec(["count-range", "--json"]).arg(&no_rows).run().json();
    assert_eq!((&json["rows"], &json["total"], &json["first"]), (&json!(0), &json!(0), &json!([])));
    let json = mpexec(["count-range", "--json"]).arg(&no_cols).run().json();
    assert_eq!((&json["first"], &json["histogram"]), (&json!([0, 0, 0]), &json!([3])));
}

#[test]
fn any_number_of_rows_without_columns_is_counted_at_once() {
    let folder = folder();
    let path = table(&folder, "c", 4_000_000_000, 0, &[]);
    let json = mpexec(["count-range", "--json"]).arg(&path).run().json();
    assert_eq!((&json["rows"], &json["total"]), (&json!(4_000_000_000_u64), &json!(0)));
}

#[test]
fn a_file_is_known_by_its_content_and_found_through_any_name() {
    let folder = folder();
    let link = folder.path().join("a name with blanks.txt");
    std::os::unix::fs::symlink(tutorial(), &link).unwrap();
    assert_eq!(
        mpexec(["count-range", "--json"]).arg("a name with blanks.txt").in_folder(folder.path()).run().json()["total"],
        TOTAL
    );
    let stdin = std::fs::File::open(tutorial()).unwrap();
    assert_eq!(mpexec(["count-range", "--json", "/dev/stdin"]).stdin(stdin).run().json()["total"], TOTAL);
}

#[test]
fn auto_starts_no_worker_that_would_find_no_work() {
    let folder = folder();
    let path = table(&folder, "t", 2, 2, &[1, 5, 6, 7]);
    assert_eq!(mpexec(["count-range", "--json"]).arg(&path).run().json()["workers"], 1);
}
