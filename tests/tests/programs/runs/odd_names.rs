//! Names that are no text: a plan says them too, and what was begun with them goes on.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::common::files::{folder, table};
use crate::common::program::{Call, mpexec};

const ODD: &[u8] = b"a\xffb";

fn odd() -> &'static OsStr {
    OsStr::from_bytes(ODD)
}

/// What is typed again and what is resumed gives the same, and show, list and clean know the run.
fn goes_on(at: &Path, words: &dyn Fn() -> Call, output: &Path) {
    words().in_folder(at).run().good();
    let plain = fs::read(output).expect("an output");
    let on = |words: &[&str]| mpexec(words).in_folder(at).run().good().to_owned();
    for again in [words(), mpexec(["runs", "resume", "run"])] {
        fs::remove_file(output).expect("the output");
        fs::remove_file(at.join("run/out/rows-000000")).expect("a result");
        again.in_folder(at).run().good();
        assert!(fs::read(output).expect("an output") == plain);
    }
    assert!(on(&["runs", "show", "run", "--check"]).contains("count-range"));
    assert!(on(&["runs", "list"]).starts_with("run  done"), "{}", on(&["runs", "list"]));
    assert_eq!(mpexec(["runs", "clean", "run"]).in_folder(at).run().stderr, "run: removed\n");
    assert!(!at.join("run").exists());
}

#[test]
fn a_run_whose_input_has_a_name_that_is_no_text_goes_on() {
    let folder = folder();
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    fs::rename(folder.path().join("data.npy"), folder.path().join(odd())).expect("any bytes are a name");
    let count = || mpexec(["count-range", "--run-dir", "run", "--output", "counts.npy"]).arg(odd());
    goes_on(folder.path(), &count, &folder.path().join("counts.npy"));
}

#[test]
fn a_run_that_is_begun_in_a_folder_whose_name_is_no_text_goes_on() {
    let folder = folder();
    let at = folder.path().join(odd());
    fs::create_dir(&at).expect("any bytes are a name");
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    fs::rename(folder.path().join("data.npy"), at.join("data.npy")).expect("the array");
    let count = || mpexec(["count-range", "data.npy", "--run-dir", "run", "--output", "counts.npy"]);
    goes_on(&at, &count, &at.join("counts.npy"));
}
