//! The way of file systems without unnamed files, which the machine of the tests may not have.

use super::*;

/// An output as it is made where `O_TMPFILE` is refused.
fn hidden(target: &Path) -> Output {
    let (file, hidden) = place::create_hidden(place::folder(target)).unwrap();
    let permissions = place::withhold(&file).unwrap();
    Output { file, path: target.into(), target: target.into(), hidden: Some(hidden), permissions }
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_hidden_file_is_renamed_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("counts.npy");
    let output = hidden(&target);
    assert!(names(folder.path())[0].starts_with(".mpexec-"));
    drop(output);
    assert_eq!(names(folder.path()), [""; 0]);

    std::fs::write(&target, "old").unwrap();
    let output = hidden(&target);
    OutputPart::open(output.shared_path()).unwrap().write_at(0, b"new").unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"old");
    output.commit().unwrap();
    assert_eq!(names(folder.path()), ["counts.npy"]);
    assert_eq!(std::fs::read(&target).unwrap(), b"new");
}

#[test]
fn a_hidden_file_that_cannot_be_renamed_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("counts.npy");
    let output = hidden(&target);
    std::fs::create_dir(&target).unwrap();
    assert!(matches!(output.commit(), Err(OutputError::Directory { .. })));
    assert_eq!(names(folder.path()), ["counts.npy"]);
}

#[test]
fn an_unnamed_file_that_cannot_be_named_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("counts.npy");
    let output = Output::create(&target).unwrap();
    std::fs::create_dir(&target).unwrap();
    assert!(matches!(output.commit(), Err(OutputError::Directory { .. })));
    assert_eq!(names(folder.path()), ["counts.npy"]);
}

#[test]
fn where_folders_know_no_sync_the_name_is_as_good_as_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let file = File::create(folder.path().join("file")).unwrap();
    place::sync_name(&file, &folder.path().join("file")).unwrap();
    assert!(File::open("/proc").and_then(|folder| folder.sync_all()).is_err(), "this one does not");
    place::sync_name(&file, Path::new("/proc/file")).unwrap();
    assert!(place::sync_name(&file, &folder.path().join("none/file")).is_err());
}
