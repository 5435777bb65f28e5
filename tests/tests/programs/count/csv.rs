//! `mpexec count-range` on CSV: the counts of the plain loop whatever way the file is written, and of a file that is broken the
//! line and the column.

use std::fmt::Write as _;

use crate::common::files::{counts_in, file, folder, names_in, small, small_counts};
use crate::common::program::{Call, mpexec};
use mpexec_data::NpyFile;
use serde_json::json;
use tempfile::TempDir;

/// The small table of the tests as text, written by `line`.
fn small_as(mut line: impl FnMut(&[i64]) -> String) -> String {
    let file = NpyFile::open(small()).expect("the small table");
    let numbers = file.read_rows::<i64>(0..file.layout().rows).expect("its rows");
    numbers.chunks(5).map(|row| line(row) + "\n").collect()
}

fn joined(row: &[i64], by: &str) -> String {
    row.iter().map(i64::to_string).collect::<Vec<_>>().join(by)
}

fn count(folder: &TempDir, name: &str) -> Call {
    mpexec(["count-range"]).arg(name).in_folder(folder.path())
}

#[test]
fn the_counts_are_those_of_the_array_with_any_delimiter_titles_line_ends_and_workers() {
    let folder = folder();
    let plain = small_as(|row| joined(row, ","));
    let mut files = vec![("plain", plain.clone()), ("titled", format!("a,b,c,d,e\n{plain}"))];
    files.push(("windows", format!("\u{feff}a,b,c,d,e\n{plain}").replace('\n', "\r\n")));
    files.push(("unended", plain.trim_end().to_owned()));
    files.push(("tabs", small_as(|row| joined(row, "\t"))));
    files.push(("semicolons", small_as(|row| joined(row, ";"))));
    files.push(("spaced", small_as(|row| joined(row, " , "))));
    files.push(("quoted", small_as(|row| format!("\"{}\"", joined(row, "\",\"")))));
    let expected: String = small_counts().iter().map(|count| format!("{count}\n")).collect();
    for (name, text) in &files {
        file(&folder, name, text.as_bytes());
        for workers in ["1", "2", "7"] {
            let done = count(&folder, name).args(["--output", "-", "--workers", workers]).run();
            assert!(done.good() == expected, "{name} with {workers} workers");
        }
    }
}

#[test]
fn line_ends_within_fields_are_no_rows_wherever_the_file_is_cut() {
    let folder = folder();
    let mut row_number = 0;
    let text = small_as(|row| {
        row_number += 1;
        format!("{},\"a\n{}\n\"\",\n\",{}", row[0], "4,4\n".repeat(row_number % 30), joined(&row[1..], ","))
    });
    file(&folder, "notes.csv", format!("a,text,b,c,d,e\n{text}").as_bytes());
    let done = count(&folder, "notes.csv").args(["--columns", "a,b,c,d,e", "--output", "counts.npy"]).run();
    assert_eq!((done.code(), done.stderr.as_str()), (0, ""));
    assert_eq!(counts_in(&folder.path().join("counts.npy")), small_counts());
    let json = count(&folder, "notes.csv").args(["--columns", "e,6", "--json"]).run();
    assert_eq!(json.fault(2), "notes.csv: the column \"6\" is chosen twice; name it once");
}

#[test]
fn fields_of_several_lines_that_begin_in_the_midst_of_a_file_change_neither_counts_nor_lines() {
    let folder = folder();
    let expected = small_counts();
    let (mut row_number, mut lines) = (0, 1);
    let text = small_as(|row| {
        row_number += 1;
        let long = row_number > expected.len() / 2 && row_number % 3 == 0;
        lines += if long { 42 } else { 1 };
        let note = if long { format!("\"a\n{}\"", "4,4,4,4,4,4\n".repeat(40)) } else { "short".to_owned() };
        format!("{note},{}", joined(row, ","))
    });
    file(&folder, "notes.csv", format!("text,a,b,c,d,e\n{text}").as_bytes());
    file(&folder, "broken.csv", format!("text,a,b,c,d,e\n{text}short,1,2,x,4,5\n").as_bytes());
    for workers in ["1", "2", "7"] {
        let asked = ["--columns", "a,b,c,d,e", "--output", "counts.npy", "--workers", workers];
        let done = count(&folder, "notes.csv").args(asked).run();
        assert_eq!((done.code(), done.stderr.as_str()), (0, ""));
        assert_eq!(counts_in(&folder.path().join("counts.npy")), expected, "{workers} workers");
        let broken = count(&folder, "broken.csv").args(asked).run();
        assert!(
            broken.fault(3).starts_with(&format!("broken.csv: line {}, column 4 (c): ", lines + 1)),
            "{}",
            broken.stderr
        );
    }
}

#[test]
fn several_files_are_one_table_and_their_rows_are_numbered_through() {
    let folder = folder();
    file(&folder, "a.csv", b"x,y\n4,5\n1,2\n");
    file(&folder, "b.csv", b"y;x\n6;0\n");
    let done =
        mpexec(["count-range", "a.csv", "b.csv", "-o", "-", "--output-format", "csv"]).in_folder(folder.path()).run();
    assert_eq!(done.good(), "row,count\n0,2\n1,0\n2,1\n");
    let async_done =
        mpexec(["count-range", "a.csv", "b.csv", "-o", "-", "--mode", "async"]).in_folder(folder.path()).run();
    assert_eq!(async_done.good(), "0\t2\n1\t0\n2\t1\n");
    let json =
        mpexec(["count-range", "a.csv", "b.csv", "--json", "--columns", "x"]).in_folder(folder.path()).run().json();
    assert_eq!((&json["rows"], &json["first"], &json["bad_rows"]), (&json!(3), &json!([1, 0, 0]), &json!(0)));
    file(&folder, "c.csv", b"1,2,3\n");
    let refused = mpexec(["count-range", "a.csv", "c.csv"]).in_folder(folder.path()).run();
    assert!(refused.fault(2).starts_with("c.csv: has 3 columns, but a.csv has 2"));
}

#[test]
fn a_broken_row_is_told_with_file_line_and_column_wherever_it_stands() {
    let folder = folder();
    let mut text = format!("a,b,c,d,e\n{}", small_as(|row| joined(row, ",")));
    writeln!(text, "1,2,many,4,5").expect("a text takes more");
    text += &small_as(|row| joined(row, ","));
    file(&folder, "t.csv", text.as_bytes());
    for workers in ["1", "2", "5"] {
        let done = count(&folder, "t.csv").args(["--output", "out.npy", "--workers", workers]).run();
        let line = done.fault(3);
        assert!(line.starts_with("t.csv: line 20002, column 3 (c): found \"many\", which is no number; "), "{line}");
        assert!(line.contains("--columns") && line.contains("--on-bad-row"), "{line}");
    }
    assert_eq!(names_in(&folder), ["t.csv"]);
    let skipped = count(&folder, "t.csv").args(["--json", "--on-bad-row", "skip"]).run();
    assert_eq!(
        skipped.stderr,
        "1 bad row was left out; the first: t.csv: line 20002, column 3 (c): found \"many\", which is no number\n"
    );
    let json: serde_json::Value = serde_json::from_slice(&skipped.stdout).expect("one object");
    assert_eq!((&json["rows"], &json["bad_rows"]), (&json!(40_000), &json!(1)));
    let nulled = count(&folder, "t.csv").args(["--json", "--on-bad-row", "null", "--quiet"]).run().json();
    assert_eq!((&nulled["rows"], &nulled["bad_rows"]), (&json!(40_001), &json!(1)));
}

#[test]
fn ragged_rows_are_bad_rows() {
    let folder = folder();
    file(&folder, "r.csv", b"4,4\n4\n4,4,4\n4,4\n");
    assert!(
        count(&folder, "r.csv")
            .run()
            .fault(3)
            .starts_with("r.csv: line 2, column 2: the row has 1 field where the table has 2")
    );
    let run = |what| {
        let done = count(&folder, "r.csv").args(["-q", "-o", "-", "--on-bad-row", what]).run();
        done.good().to_owned()
    };
    assert_eq!((run("skip"), run("null")), ("2\n2\n".into(), "2\n1\n2\n2\n".into()));
}

#[test]
fn a_name_with_a_comma_is_chosen_in_quotes() {
    let folder = folder();
    file(&folder, "t.csv", b"\"a, b\",c,d\n5,1,9\n1,5,9\n");
    let chosen = |names: &str| count(&folder, "t.csv").args(["-o", "-", "--columns", names]).run();
    assert_eq!(chosen("\"a, b\"").good(), "1\n0\n");
    assert_eq!(chosen("d,\"a, b\",c").good(), "1\n1\n");
    let twice = count(&folder, "t.csv").args(["-o", "-", "--columns", "c", "--columns", "1"]).run();
    assert_eq!(twice.good(), "1\n1\n");
}

#[test]
fn files_without_rows_are_empty_tables_or_no_tables() {
    let folder = folder();
    file(&folder, "titles.csv", b"a,b\n");
    let json = count(&folder, "titles.csv").args(["--json", "--quiet"]).run().json();
    assert_eq!((&json["rows"], &json["cols"], &json["total"]), (&json!(0), &json!(2), &json!(0)));
    let done = count(&folder, "titles.csv").args(["-o", "-"]).run();
    let note = "has no rows, for its only one is taken for titles; --header no makes it a row";
    let told = format!("titles.csv: {note}\n");
    assert_eq!((done.code(), done.text(), done.stderr.as_str()), (0, "", told.as_str()));
    let said = count(&folder, "titles.csv").args(["-o", "-", "--header", "yes"]).run();
    assert_eq!((said.good(), said.stderr.as_str()), ("", ""));
    file(&folder, "text", b"\"x\"\n");
    for command in [
        &["normalize"][..],
        &["map", "--worker-program", env!("CARGO_BIN_EXE_task-worker"), "parse", "--delimiter", ","],
    ] {
        let done = mpexec(command).arg("text").in_folder(folder.path()).run();
        assert!(done.stderr.contains(&format!("text: {note}\n")), "{command:?}: {}", done.stderr);
    }
    file(&folder, "blank.csv", b"\n\n");
    assert_eq!(count(&folder, "blank.csv").run().fault(3), "blank.csv: has no rows");
    file(&folder, "none.csv", b"");
    assert_eq!(count(&folder, "none.csv").run().fault(3), "none.csv: is empty");
}

#[test]
fn values_of_every_kind_are_compared_as_they_are_written() {
    let folder = folder();
    file(&folder, "v.csv", b"9007199254740993,NA,\n9007199254740992,nan,1e3\n,True,-inf\n");
    let run = |bounds: &[&str]| count(&folder, "v.csv").args(["-o", "-"]).args(bounds).run().good().to_owned();
    assert_eq!(run(&["--min", "9007199254740993", "--max", "inf"]), "1\n0\n0\n");
    assert_eq!(run(&["--min", "-inf", "--max", "inf"]), "1\n2\n2\n");
    assert_eq!(run(&["--min", "1", "--max", "1000.5"]), "0\n1\n1\n");
}

#[test]
fn what_is_guessed_wrongly_can_be_told() {
    let folder = folder();
    file(&folder, "years.csv", b"2019,2020\n4,5\n");
    let rows = |more: &[&str]| count(&folder, "years.csv").arg("--json").args(more).run().json()["rows"].clone();
    assert_eq!((rows(&[]), rows(&["--header", "yes"])), (json!(2), json!(1)));
    file(&folder, "colons.csv", b"4:5\n6:7\n");
    assert_eq!(count(&folder, "colons.csv").args(["--delimiter", ":", "-o", "-"]).run().good(), "2\n2\n");
    file(&folder, "number.tsv", b"4\t5\n1,5\t2,5\n");
    assert_eq!(count(&folder, "number.tsv").args(["--input-format", "tsv"]).run().code(), 3);
    assert!(count(&folder, "number.tsv").args(["--input-format", "npy"]).run().fault(3).contains("is not a .npy file"));
    let missing = count(&folder, "years.csv").args(["--header", "yes", "--columns", "2021"]).run();
    assert_eq!(missing.fault(2), "years.csv: has no column \"2021\"; it has 2019, 2020");
}
