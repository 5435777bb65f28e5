//! `mpexec gen` writes the numbers that NumPy's legacy generator makes.

use std::fs;

use crate::common::files::{folder, names_in, tutorial};
use crate::common::program::{mpexec, program, programs};
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
    for (rows, cols) in [("4000000000000000000", "10"), ("18446744073709551615", "18446744073709551615")] {
        let absurd = mpexec(["gen", "f", "--rows", rows, "--cols", cols]).in_folder(folder.path()).run();
        assert_eq!(absurd.fault(2), format!("f: no file can hold the shape ({rows}, {cols}) of int64"));
    }
    assert_eq!(names_in(&folder), [""; 0]);
}

#[test]
fn an_interrupted_table_leaves_no_file() {
    let folder = folder();
    // Narrow enough a range that most of what is drawn is drawn in vain, so that it takes its time.
    let call = mpexec(["gen", "f", "--rows", "40000000", "--cols", "2", "--high", "2147483649"]);
    let started = call.in_folder(folder.path()).start();
    assert!(started.held().writes_below(folder.path()), "the file in the making was not seen: {}", started.told());
    started.signal(Signal::INT);
    let done = started.finish();
    assert_eq!(done.code(), 130);
    let told = done.stderr.trim_end();
    assert!(told.starts_with("interrupted") && told.ends_with(" made; no file written"), "{told}");
    assert_eq!(names_in(&folder), [""; 0]);
}

#[test]
fn a_table_that_the_disk_cannot_hold_is_refused_before_it_is_made() {
    let folder = folder();
    // Eight times what Linux lets a file system have at most; nobody could wait for its first thousandth.
    let done = mpexec(["gen", "f", "--rows", "1000000000000000000", "--cols", "1"]).in_folder(folder.path()).run();
    assert!(done.fault(3).starts_with("f: files may not be so long here (ulimit -f, or the file system): "));
    // The limit of the shell stands for a small disk: 64 KiB in blocks of 512 bytes.
    let script = "ulimit -f 128; exec \"$0\" gen f --rows 100000000 --cols 100";
    let done = program("sh").args(["-c", script]).arg(programs().join("mpexec")).in_folder(folder.path()).run();
    assert!(done.fault(3).starts_with("f: files may not be so long here (ulimit -f, or the file system): "));
    assert_eq!(names_in(&folder), [""; 0]);
}

#[test]
fn the_end_may_be_one_more_than_the_greatest_number() {
    let folder = folder();
    let make = |high: &str| {
        let line = ["gen", "f", "--rows", "1000", "--cols", "2", "--low", "9223372036854775800", "--high", high];
        mpexec(line).in_folder(folder.path()).run()
    };
    assert_eq!(make("9223372036854775808").code(), 0);
    let numbers = NpyFile::open(folder.path().join("f")).unwrap().read_rows::<i64>(0..1000).unwrap();
    assert_eq!((numbers.iter().min(), numbers.iter().max()), (Some(&(i64::MAX - 7)), Some(&i64::MAX)));
    assert_eq!(make("9223372036854775809").code(), 2);
}

#[test]
fn a_table_is_made_and_counted_where_proc_is_not_mounted() {
    let folder = folder();
    let without = |line: &str| {
        let script = format!("mount -t tmpfs none /proc 2>/dev/null || exit 99; exec \"$0\" {line}");
        let call = program("unshare").args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
        call.arg(programs().join("mpexec")).in_folder(folder.path()).run()
    };
    let done = without("gen f --rows 10 --cols 2 --seed 1");
    if done.code() == 99 || done.stderr.starts_with("unshare:") {
        // Not every machine lets its users do this.
        return;
    }
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert_eq!(names_in(&folder), ["f"]);
    let counted = without("count-range f --output -");
    assert_eq!(
        (counted.code(), counted.stdout.iter().filter(|byte| **byte == b'\n').count()),
        (0, 10),
        "{}",
        counted.stderr
    );
}
