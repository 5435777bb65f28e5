//! An output file is complete or absent, whatever happens to the program that makes it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use mpexec_data::{Output, OutputError, OutputPart};
use tempfile::TempDir;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn nothing_is_there_before_the_end_and_everything_after() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("counts.csv");
    let mut output = Output::create(&path).unwrap();
    output.write_all(&[b'x'; 100_000]).unwrap();
    assert_eq!(names(folder.path()), [""; 0]);
    assert_eq!(output.path(), path);
    output.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), [b'x'; 100_000]);
    assert_eq!(names(folder.path()), ["counts.csv"]);
}

#[test]
fn what_is_dropped_never_existed_and_what_stood_there_stands() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("counts.csv");
    fs::write(&path, "old").unwrap();
    let mut output = Output::create(&path).unwrap();
    output.write_all(b"new").unwrap();
    drop(output);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["counts.csv"]);
}

#[test]
fn what_stood_there_is_replaced_as_a_whole_and_keeps_its_permissions() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("counts.csv");
    fs::write(&path, "a long old text").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    let mut open_before = fs::File::open(&path).unwrap();
    let mut output = Output::create(&path).unwrap();
    output.write_all(b"new").unwrap();
    output.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o604);
    assert_eq!(names(folder.path()), ["counts.csv"]);
    let mut old = String::new();
    open_before.read_to_string(&mut old).unwrap();
    assert_eq!(old, "a long old text", "who had it open reads on undisturbed");
}

#[test]
fn a_link_is_followed() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    let real = folder.path().join("real/counts.csv");
    fs::write(&real, "old").unwrap();
    let link = folder.path().join("link.csv");
    symlink("real/counts.csv", &link).unwrap();
    let mut output = Output::create(&link).unwrap();
    output.write_all(b"new").unwrap();
    output.commit().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&real).unwrap(), b"new");
}

#[test]
fn a_link_that_leads_nowhere_yet_is_followed_too() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    let link = folder.path().join("link.csv");
    symlink("second.csv", &link).unwrap();
    symlink("real/counts.csv", folder.path().join("second.csv")).unwrap();
    let mut output = Output::create(&link).unwrap();
    output.write_all(b"new").unwrap();
    output.commit().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(folder.path().join("real/counts.csv")).unwrap(), b"new");

    let ring = folder.path().join("ring.csv");
    symlink("ring.csv", &ring).unwrap();
    let told = Output::create(&ring).unwrap_err().to_string();
    assert!(told.contains("ring.csv: cannot follow its links: "), "{told}");
    let lost = folder.path().join("lost.csv");
    symlink("no/such/folder.csv", &lost).unwrap();
    assert!(matches!(Output::create(&lost), Err(OutputError::MissingFolder { .. })));
}

#[test]
fn permissions_that_forbid_writing_are_set_when_the_file_is_complete() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("counts.npy");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let output = Output::create(&path).unwrap();
    let mode = |file: &fs::File| file.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(output.file()), 0o600, "its owner's alone, to be written");
    OutputPart::open(output.shared_path()).unwrap().write_at(0, b"new").unwrap();
    output.commit().unwrap();
    assert_eq!(mode(&fs::File::open(&path).unwrap()), 0o400);
    // A new file has what the user's mask leaves, as any other file of this process.
    let (new, other) = (folder.path().join("new.npy"), folder.path().join("other"));
    Output::create(&new).unwrap().commit().unwrap();
    fs::write(&other, "").unwrap();
    assert_eq!(mode(&fs::File::open(&new).unwrap()), mode(&fs::File::open(&other).unwrap()));
}

#[test]
fn reserved_space_is_taken_at_once_and_reads_as_zeros() {
    use std::os::unix::fs::MetadataExt;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("counts.npy");
    let output = Output::create(&path).unwrap();
    output.reserve(1 << 20).unwrap();
    let found = output.file().metadata().unwrap();
    // The temporary folder may lie where no space can be promised; then only the length is there.
    assert!(found.len() == 1 << 20 && (found.blocks() == 0 || found.blocks() >= 1 << 11), "{} blocks", found.blocks());
    output.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), [0; 1 << 20]);
}

#[test]
fn places_are_written_in_any_order_and_from_other_hands() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("counts.npy");
    let output = Output::create(&path).unwrap();
    output.set_len(8).unwrap();
    let part = OutputPart::open(output.shared_path()).unwrap();
    part.write_at(6, &[7, 8]).unwrap();
    output.write_at(1, &[2, 3]).unwrap();
    output.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), [0, 2, 3, 0, 0, 0, 7, 8]);
    let gone = OutputPart::open("/proc/self/fd/987654").unwrap_err();
    assert!(gone.to_string().starts_with("/proc/self/fd/987654: cannot open the output of another process"), "{gone}");
}

#[test]
fn a_place_where_no_file_can_stand_is_refused_at_the_beginning() {
    let folder = TempDir::new().unwrap();
    let says = |path: &Path| Output::create(path).unwrap_err().to_string().split_once(": ").unwrap().1.to_owned();
    assert_eq!(says(&folder.path().join("no/counts.csv")), "its folder does not exist; make it first");
    assert_eq!(says(folder.path()), "is a directory; name a file in it");
    assert_eq!(says(Path::new("/")), "is a directory; name a file in it");
    assert_eq!(says(Path::new("..")), "is a directory; name a file in it");
    let device = "is a pipe or a device; only a regular file is complete or absent";
    assert_eq!(says(Path::new("/dev/null")), device);
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    assert_eq!(says(&file.join("below")), "its folder does not exist; make it first");
    assert_eq!(says(Path::new("")), "is a directory; name a file in it");
}

#[test]
fn a_length_that_no_file_may_have_is_said_so() {
    let folder = TempDir::new().unwrap();
    let output = Output::create(folder.path().join("counts.npy")).unwrap();
    assert!(matches!(output.set_len(i64::MAX as u64), Err(OutputError::Full { .. })));
    assert!(matches!(output.set_len(u64::MAX), Err(OutputError::Io { .. })));
}

#[test]
fn a_folder_that_goes_away_meanwhile_is_an_error_at_the_end() {
    let folder = TempDir::new().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let output = Output::create(inner.join("counts.npy")).unwrap();
    fs::remove_dir(&inner).unwrap();
    assert!(matches!(output.commit(), Err(OutputError::MissingFolder { .. })));
}

/// Set in the child of the test below: the folder to write in.
const FOLDER: &str = "OUTPUT_TEST_FOLDER";

#[test]
fn a_process_killed_while_it_writes_leaves_nothing() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let mut output = Output::create(Path::new(&folder).join("counts.npy")).unwrap();
        output.write_all(&[1; 1 << 20]).unwrap();
        println!("half written");
        // Until the parent kills this process, or is gone itself.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(1);
    }
    let folder = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "output::a_process_killed_while_it_writes_leaves_nothing", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("half written")), "the child came so far");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(names(folder.path()), [""; 0]);
}
