//! What summaries look like.

use super::*;

fn summary() -> Summary {
    let mut summary = Summary::new(5);
    summary.rows = 200_000;
    summary.total = 500_557;
    summary.histogram = vec![6169, 31116, 62390, 62868, 31228, 6229];
    summary.first = vec![4, 2, 1, 2, 3, 2, 2, 2, 2, 2];
    summary
}

fn with_report<T>(summary: &Summary, minimum: &str, tell: impl FnOnce(&Report) -> T) -> T {
    let cols = summary.histogram.len() as u64 - 1;
    let shape = format!("({}, {cols})", summary.rows);
    let report = Report {
        name: "data.bin",
        named: false,
        type_name: "int64",
        shape: &shape,
        cols,
        minimum,
        maximum: "8",
        summary,
        workers: 2,
        transport: "shm",
        seconds: 0.004,
        bad_rows: None,
        output: Some(Path::new("counts.npy")),
    };
    tell(&report)
}

#[test]
fn a_person_reads_shape_first_counts_total_and_a_histogram() {
    let text = with_report(&summary(), "4", |report| report.text('#'));
    let plain = anstream::adapter::strip_str(&text).to_string();
    let expected = "\
data.bin: int64 (200000, 5)
values  4 to 8, counted in each row
first   4 2 1 2 3 2 2 2 2 2
total   500,557

count    rows
    0   6,169  ####
    1  31,116  ####################
    2  62,390  ########################################
    3  62,868  ########################################
    4  31,228  ####################
    5   6,229  ####

200,000 rows in 4.0 ms by 2 workers over shm: 50,000,000 rows/s
counts written to counts.npy
";
    assert_eq!(plain, expected);
}

#[test]
fn a_program_reads_one_object_with_the_agreed_keys_in_order() {
    let json = with_report(&summary(), "-2.5", |report| report.json());
    let expected = r#"{"rows":200000,"cols":5,"dtype":"int64","min":-2.5,"max":8,"first":[4,2,1,2,3,2,2,2,2,2],"total":500557,"histogram":[6169,31116,62390,62868,31228,6229],"histogram_step":1,"workers":2,"transport":"shm","seconds":0.004}"#;
    assert_eq!(json, expected);
}

#[test]
fn bounds_that_json_has_no_number_for_are_texts() {
    assert_eq!(bound("-inf"), serde_json::json!("-inf"));
    assert_eq!(bound("nan"), serde_json::json!("nan"));
    assert_eq!(bound("18446744073709551615"), serde_json::json!(u64::MAX));
    assert_eq!(bound("1e3"), serde_json::json!(1000.0));
}

#[test]
fn many_columns_share_the_lines_of_the_histogram() {
    let mut wide = Summary::new(99);
    wide.rows = 3;
    wide.histogram[0] = 1;
    wide.histogram[6] = 1;
    wide.histogram[99] = 1;
    let lines = histogram(&wide, 99);
    assert_eq!(lines.len(), 15);
    assert_eq!((lines[0].counts.as_str(), lines[0].rows), ("0-6", 2));
    assert_eq!((lines[14].counts.as_str(), lines[14].rows), ("98-99", 1));
}

#[test]
fn the_last_label_is_no_more_than_there_are_columns() {
    for cols in [65_536, 100_000, 200_001] {
        let lines = histogram(&Summary::new(cols), cols);
        let last = lines.last().map(|line| line.counts.clone()).unwrap_or_default();
        assert!(last == cols.to_string() || last.ends_with(&format!("-{cols}")), "{cols}: {last}");
    }
}

#[test]
fn no_rows_have_no_histogram() {
    let none = Summary::new(5);
    let text = with_report(&none, "4", |report| report.text('#'));
    assert!(!text.contains("count ") && !text.contains('#'), "{text}");
    assert!(text.contains("0 rows in"), "{text}");
}
