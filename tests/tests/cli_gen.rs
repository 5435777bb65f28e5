//! `mpexec gen` writes the numbers that NumPy's legacy generator makes.

mod common;

use std::fs;

use common::files::{folder, names_in, tutorial};
use common::program::mpexec;
use mpexec_data::NpyFile;
use rustix::process::Signal;

#[test]
fn the_tutorials_table_begins_with_the_tutorials_rows() {
    let file = NpyFile::open(tutorial()).unwrap();
    assert_eq!((file.layout().shape(), file.layout().dtype.to_string()), ("(200000, 5)".into(), "int64".into()));
    let rows = file.read_rows::<i64>(0..3).unwrap();
    assert_eq!(rows, [8, 8, 3, 7, 7, 0, 4, 2, 5, 2, 2, 2, 1, 0, 8]);
}

#[test]
fn a_seed_gives_the_same_file_each_time_and_another_seed_another() {
    let folder = folder();
    let make = |seed: &str| {
        mpexec(["gen", "f", "--rows", "1000", "--cols", "3", "--seed", seed]).in_folder(folder.path()).run();
        fs::read(folder.path().join("f")).unwrap()
    };
    assert_eq!(make("7"), make("7"));
    assert_ne!(make("7"), make("8"));
}

#[test]
fn without_a_seed_the_one_that_was_taken_is_told() {
    let folder = folder();
    let make = |more: &[&str]| {
        let done = mpexec(["gen", "f", "--rows", "100", "--cols", "3"]).args(more).in_folder(folder.path()).run();
        assert_eq!((done.code(), done.text()), (0, ""));
        (done.stderr, fs::read(folder.path().join("f")).unwrap())
    };
    let (told, first) = make(&[]);
    let (_, seed) = told.trim_end().rsplit_once("seed ").unwrap();
    assert_eq!(make(&["--seed", seed]).1, first);
    assert_ne!(make(&[]).1, first);
}

#[test]
fn low_may_be_negative_and_high_is_not_among_the_numbers() {
    let folder = folder();
    let done = mpexec(["gen", "f", "--rows", "5000", "--cols", "2", "--low", "-5", "--high", "2.9"])
        .in_folder(folder.path())
        .run();
    assert_eq!(done.code(), 0);
    let numbers = NpyFile::open(folder.path().join("f")).unwrap().read_rows::<i64>(0..5000).unwrap();
    assert_eq!((numbers.iter().min(), numbers.iter().max()), (Some(&-5), Some(&1)));
}

#[test]
fn tables_without_rows_or_columns_are_files_too() {
    let folder = folder();
    for (rows, cols) in [("0", "5"), ("5", "0"), ("0", "0")] {
        assert_eq!(mpexec(["gen", "f", "--rows", rows, "--cols", cols]).in_folder(folder.path()).run().code(), 0);
        let layout = NpyFile::open(folder.path().join("f")).unwrap().layout().clone();
        assert_eq!((layout.rows.to_string().as_str(), layout.cols.to_string().as_str()), (rows, cols));
    }
}

#[test]
fn a_dash_writes_the_same_bytes_to_standard_output() {
    let done = mpexec(["gen", "-", "--rows", "200000", "--cols", "5", "--seed", "100"]).run();
    assert!(done.stdout == fs::read(tutorial()).unwrap());
    let mut started = mpexec(["gen", "-", "--rows", "200000", "--cols", "5"]).start();
    started.bytes(6);
    started.close_stdout();
    let done = started.finish();
    assert_eq!((done.code(), done.stderr.as_str()), (0, ""));
}

#[test]
fn what_cannot_be_made_is_one_line_and_no_file() {
    let folder = folder();
    let gen_to = |file: &str, more: &[&str]| {
        mpexec(["gen", file, "--rows", "10", "--cols", "10"]).args(more).in_folder(folder.path()).run()
    };
    assert!(gen_to("f", &["--low", "3", "--high", "3"]).fault(2).contains("--low 3"));
    assert_eq!(gen_to("no/f", &[]).fault(3), "no/f: its folder does not exist; make it first");
    assert!(gen_to(".", &[]).fault(3).contains("is a directory"));
    let absurd = mpexec(["gen", "f", "--rows", "4000000000000000000", "--cols", "10"]).in_folder(folder.path()).run();
    assert!(absurd.fault(3).contains("no file can hold the shape"));
    assert_eq!(names_in(&folder), [""; 0]);
}

#[test]
fn an_interrupted_table_leaves_no_file() {
    let folder = folder();
    let call = mpexec(["gen", "f", "--rows", "100000000000", "--cols", "5", "--progress", "always"]);
    let started = call.in_folder(folder.path()).start();
    started.wait_for("of 100,000,000,000 rows");
    started.signal(Signal::INT);
    let done = started.finish();
    assert_eq!(done.code(), 130);
    let told = done.stderr.lines().last().unwrap();
    assert!(
        told.starts_with("interrupted: ") && told.ends_with(" of 100,000,000,000 rows made; no file written"),
        "{told}"
    );
    assert_eq!(names_in(&folder), [""; 0]);
}
