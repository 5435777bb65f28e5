//! Files that are no input get one line that names the file and the fault, exit code 3, and leave no output behind.

use std::fs;
use std::path::Path;

use crate::common::files::{array, endless, file, folder, names_in, table, tutorial, zeros};
use crate::common::program::{Done, mpexec, program, programs};
use mpexec_data::{DType, Shape};
use tempfile::TempDir;

fn count(folder: &TempDir, name: impl AsRef<Path>) -> Done {
    mpexec(["count-range", "--output", "out.npy"]).arg(name.as_ref()).in_folder(folder.path()).run()
}

/// A header that says `shape` and `descr`, followed by so many bytes.
fn lying(folder: &TempDir, name: &str, descr: &str, shape: &str, bytes: usize) {
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let mut all = b"\x93NUMPY\x01\x00".to_vec();
    all.extend((text.len() as u16).to_le_bytes());
    all.extend(text.bytes());
    all.resize(all.len() + bytes, 0);
    file(folder, name, &all);
}

#[test]
fn each_fault_of_a_file_is_told_in_one_line_that_names_it() {
    let folder = folder();
    let whole = fs::read(table(&folder, "whole", 10, 5, &[5; 50])).unwrap();
    fs::create_dir(folder.path().join("dir")).unwrap();
    file(&folder, "empty", b"");
    file(&folder, "garbage", &[0, 1, 2, 3, 0xfe, 0x80]);
    file(&folder, "zip", b"PK\x03\x04rest");
    file(&folder, "cut", &whole[..whole.len() - 1]);
    file(&folder, "header-cut", &whole[..60]);
    file(&folder, "magic-only", &whole[..6]);
    file(&folder, "garbled", &[&whole[..10], &[b'x'; 400]].concat());
    lying(&folder, "larger", "<i8", "(1000000, 5)", 400);
    lying(&folder, "absurd", "<i8", "(4611686018427387904, 4611686018427387904)", 400);
    lying(&folder, "negative", "<i8", "(-1, 5)", 400);
    lying(&folder, "text-type", "<U5", "(10, 5)", 1000);
    lying(&folder, "complex", "<c16", "(10, 5)", 1000);
    lying(&folder, "three", "<i8", "(2, 3, 4)", 192);
    lying(&folder, "scalar", "<i8", "()", 8);
    let faults = [
        ("nowhere", "no such file"),
        ("dir", "is a folder without files of data"),
        ("empty", "is empty"),
        ("garbage", "holds no table that can be read: it begins with the bytes \"\\x00\\x01"),
        ("zip", "holds no table that can be read: it is a zip archive"),
        ("cut", "is cut short"),
        ("header-cut", "is cut short"),
        ("magic-only", "is cut short"),
        ("garbled", "its header is broken"),
        ("larger", "is cut short: expected 40000128 bytes, has 528"),
        ("absurd", "its header lies"),
        ("negative", "its header is broken"),
        ("text-type", "holds elements of type"),
        ("complex", "holds elements of type"),
        ("three", "is an array of 3 dimensions"),
        ("scalar", "is an array of 0 dimensions"),
        ("/dev/null", "is a device"),
    ];
    for (name, fault) in faults {
        let done = count(&folder, name);
        let line = done.fault(3);
        assert!(line.starts_with(&format!("{name}: ")) && line.contains(fault), "{name}: {line}");
    }
    assert!(!names_in(&folder).contains(&"out.npy".to_owned()));
}

#[test]
fn a_pipe_is_waited_for_until_somebody_writes_or_ends_the_program() {
    let folder = folder();
    assert_eq!(program("mkfifo").arg("pipe").in_folder(folder.path()).run().code(), 0);
    let started = mpexec(["count-range", "pipe", "--output", "out.npy"]).in_folder(folder.path()).start();
    assert!(started.held().catches(rustix::process::Signal::INT));
    started.signal(rustix::process::Signal::INT);
    assert_eq!(started.finish().code(), 130);
}

#[test]
fn a_minimum_above_the_maximum_is_an_error_of_usage_that_names_the_file() {
    let folder = folder();
    table(&folder, "t", 1, 1, &[5]);
    let refused =
        |more: &[&str]| mpexec(["count-range", "t", "--output", "out.npy"]).args(more).in_folder(folder.path()).run();
    assert_eq!(refused(&["--min", "9"]).fault(2), "t: the minimum 9 is greater than the maximum 8; exchange them");
    assert_eq!(
        refused(&["--min", "4.5", "--max", "-4.5"]).fault(2),
        "t: the minimum 4.5 is greater than the maximum -4.5; exchange them"
    );
    assert_eq!(names_in(&folder), ["t"]);
}

#[test]
fn a_name_cannot_forge_a_second_line() {
    let folder = folder();
    let line = count(&folder, "a\nerror: b").fault(3).to_owned();
    assert_eq!(line, "a\\nerror: b: no such file");
}

#[test]
fn a_file_without_permission_is_told_with_the_systems_words() {
    let folder = folder();
    let path = table(&folder, "secret", 1, 1, &[5]);
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    let done = count(&folder, "secret");
    // The superuser may read everything.
    if fs::File::open(&path).is_err() {
        assert!(done.fault(3).starts_with("secret: cannot open it: "));
    } else {
        assert_eq!(done.code(), 0);
    }
}

#[test]
fn every_kind_of_number_is_read() {
    let folder = folder();
    for dtype in DType::ALL {
        let ones = match dtype {
            DType::F32 => [5f32.to_le_bytes().as_slice(), &0f32.to_le_bytes()].concat(),
            DType::F64 => [5f64.to_le_bytes().as_slice(), &0f64.to_le_bytes()].concat(),
            _ => {
                let mut bytes = vec![0; 2 * dtype.size()];
                bytes[0] = 5;
                bytes
            }
        };
        let path = array(&folder, "n", dtype, Shape::Matrix(1, 2), &ones);
        let json = mpexec(["count-range", "--json"]).arg(path).run().json();
        assert_eq!((json["dtype"].as_str(), json["total"].as_u64()), (Some(dtype.to_string().as_str()), Some(1)));
    }
}

#[test]
fn what_follows_the_array_in_its_file_is_left_alone() {
    let folder = folder();
    let mut bytes = fs::read(tutorial()).unwrap();
    bytes.extend(b"another array");
    let path = file(&folder, "two", &bytes);
    assert_eq!(mpexec(["count-range", "--json"]).arg(path).run().json()["total"], crate::common::files::TOTAL);
}

#[test]
fn a_file_that_is_cut_while_it_is_counted_is_told_and_nothing_is_left() {
    let folder = folder();
    let path = endless(&folder);
    let call = mpexec(["count-range", "zeros.bin", "--workers", "2", "--output", "out.npy"]);
    let started = call.in_folder(folder.path()).start();
    started.workers_on(&path, 2);
    fs::File::options().write(true).open(&path).unwrap().set_len(1 << 20).unwrap();
    let done = started.finish();
    let line = done.fault(3);
    assert!(line.starts_with("zeros.bin: ") && line.contains(": was cut while it was read: "), "{line}");
    assert_eq!(names_in(&folder), ["zeros.bin"]);
}

#[test]
fn a_file_that_is_replaced_while_it_is_counted_is_counted_as_it_was() {
    let folder = folder();
    let path = zeros(&folder, 300_000, 5);
    let mut started = mpexec(["count-range", "--min", "0", "--output", "-", "--workers", "2"]).arg(&path).start();
    started.bytes(2);
    fs::remove_file(&path).unwrap();
    table(&folder, "zeros.bin", 1, 1, &[100]);
    // Replacements of dead workers open the input anew, and must find the old one.
    for worker in started.workers(2) {
        worker.signal(rustix::process::Signal::KILL);
    }
    let done = started.finish();
    assert_eq!((done.code(), done.stderr.as_str()), (0, ""));
    assert!(done.stdout.len() == 2 * 299_999 && done.stdout.chunks(2).all(|line| line == b"5\n"));
}

#[test]
fn rows_without_columns_have_a_count_of_zero_however_many_they_are() {
    let folder = folder();
    lying(&folder, "none", "<i8", "(8589934592, 0)", 0);
    let json = mpexec(["count-range", "none", "--json"]).in_folder(folder.path()).run().json();
    let (rows, histogram) = (json["rows"].as_u64(), json["histogram"][0].as_u64());
    assert_eq!((rows, histogram, json["total"].as_u64()), (Some(1 << 33), Some(1 << 33), Some(0)));
    let mut started = mpexec(["count-range", "none", "--output", "-"]).in_folder(folder.path()).start();
    assert!(started.bytes(4 << 20).chunks(2).all(|line| line == b"0\n"));
    let peak = started.held().peak_memory();
    assert!(peak < 64 << 20, "{} MiB", peak >> 20);
    started.close_stdout();
    assert_eq!(started.finish().code(), 0);
}

#[test]
fn truth_values_are_called_bool() {
    let folder = folder();
    lying(&folder, "truth", "|b1", "(10, 5)", 50);
    let json = mpexec(["count-range", "truth", "--json", "--min", "0"]).in_folder(folder.path()).run().json();
    assert_eq!((json["dtype"].as_str(), json["total"].as_u64()), (Some("bool"), Some(50)));
    let text = mpexec(["count-range", "truth"]).in_folder(folder.path()).run().good().to_owned();
    assert!(text.starts_with("truth: bool (10, 5)\n"), "{text}");
    assert!(mpexec(["count-range", "--help"]).run().good().contains("bool"));
}

/// Runs the program with so few files open at once.
fn with_few_files(folder: &TempDir, line: &str) -> Done {
    let own = programs().join("mpexec");
    let script = format!("ulimit -n 100 && exec \"$0\" {line}");
    program("sh").args(["-c", &script]).arg(own).in_folder(folder.path()).run()
}

#[test]
fn more_files_than_may_be_open_at_once_are_one_table() {
    let folder = folder();
    fs::create_dir(folder.path().join("many")).expect("a folder");
    let mut counts = String::new();
    for at in 0..150 {
        let name = format!("many/{at:03}");
        match at % 3 {
            0 => drop(file(&folder, &name, format!("{},5\n1,{at}\n", at % 10).as_bytes())),
            1 => drop(file(&folder, &name, format!("[{},5]\n[1,{at}]\n", at % 10).as_bytes())),
            _ => drop(table(&folder, &name, 2, 2, &[at % 10, 5, 1, at])),
        }
        let held = |number: i64| i64::from((4..=8).contains(&number));
        counts += &format!("{}\n{}\n", 1 + held(at % 10), held(at));
    }
    assert_eq!(with_few_files(&folder, "count-range many --output -").good(), counts);
    let scaled = with_few_files(&folder, "normalize many").good().lines().count();
    assert!((300..=301).contains(&scaled), "{scaled} lines");
}
