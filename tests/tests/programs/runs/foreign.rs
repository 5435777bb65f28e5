//! Folders that are no run, and files that are no part of one: nobody starts over in them, and nobody removes them.

use std::fs;
use std::path::Path;

use crate::common::files::{folder, table};
use crate::common::program::{Call, mpexec, program, programs};
use tempfile::TempDir;

const COUNT: [&str; 5] = ["count-range", "data.npy", "--json", "--run-dir", "run"];

fn with_data() -> TempDir {
    let folder = folder();
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    folder
}

fn run(folder: &TempDir, words: &[&str]) -> Call {
    mpexec(words).in_folder(folder.path())
}

fn put(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// Everything in a folder, with what it holds.
fn all_of(path: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(path).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => all.extend(all_of(&path)),
            false => all.push((path.display().to_string(), fs::read_to_string(&path).expect("a text"))),
        }
    }
    all.sort();
    all
}

#[test]
fn a_project_of_the_users_is_no_run_folder_whatever_its_files_are_called() {
    for mine in [
        &[("plan.json", "{\"format_version\": \"1.2\", \"planned_values\": {}}")][..],
        &[("plan.json", "{\"format\": 2, \"steps\": []}")],
        &[("plan.json", "no JSON at all")],
        &[("lock", "mine")],
        &[("lock", "")],
        &[("plan.json", "{}"), ("lock", "")],
    ] {
        let folder = with_data();
        mine.iter().for_each(|(name, text)| put(&folder, &format!("run/{name}"), text));
        for name in ["run/bin/tool", "run/out/result", "run/log/x", "run/other.txt"] {
            put(&folder, name, "of the user's");
        }
        let before = all_of(&folder.path().join("run"));
        for words in [&COUNT[..], &[&COUNT[..], &["--force-plan"]].concat()] {
            let refused = run(&folder, words).run();
            let told = refused.fault(2);
            assert_eq!(
                told, "run: holds other files and no plan of a run: name an empty folder, or one that is not there",
                "{mine:?}"
            );
        }
        for words in [&["runs", "clean", "--force", "run"][..], &["runs", "clean", "run"], &["runs", "show", "run"]] {
            let refused = run(&folder, words).run();
            assert!(refused.fault(3).ends_with("run: is no run folder: there is no plan in it"), "{}", refused.stderr);
        }
        assert_eq!(run(&folder, &["runs", "list"]).run().good(), "");
        assert_eq!(all_of(&folder.path().join("run")), before, "{mine:?}");
    }
}

#[test]
fn what_was_put_into_a_run_is_not_removed_with_it() {
    let folder = with_data();
    run(&folder, &COUNT).run().good();
    for name in ["run/notes.txt", "run/out/notes/n", "run/out/notes.txt", "run/log/notes.txt", "run/bin/mine/deep/n"] {
        put(&folder, name, "mine");
        for words in [&["runs", "clean", "run"][..], &[&COUNT[..], &["--force-plan"]].concat()] {
            let refused = run(&folder, words).run();
            let told = refused.fault(2);
            assert!(told.contains(": is no part of a run: move it away, and "), "{name}: {told}");
        }
        assert_eq!(fs::read_to_string(folder.path().join(name)).expect("it is there"), "mine");
        let upper = Path::new(name).iter().take(3).collect::<std::path::PathBuf>();
        let upper = folder.path().join(upper);
        if upper.is_dir() { fs::remove_dir_all(upper) } else { fs::remove_file(upper) }.expect("it can be moved away");
    }
    run(&folder, &[&COUNT[..], &["--force-plan"]].concat()).run().good();
    run(&folder, &["runs", "clean", "run"]).run();
    assert!(!folder.path().join("run").exists());
}

#[test]
fn a_result_under_another_name_is_refused_by_all_who_look_at_the_run_and_nothing_comes_of_it() {
    let folder = folder();
    run(&folder, &["gen", "data.npy", "--rows", "20000", "--cols", "5", "--seed", "1"]).run();
    let count = ["count-range", "data.npy", "--output", "counts.csv", "--run-dir", "run", "--range-size", "64K"];
    run(&folder, &count).run().good();
    let (out, counts) = (folder.path().join("run/out"), folder.path().join("counts.csv"));
    let (first, wanted) =
        (fs::read(out.join("rows-000000")).expect("a result"), fs::read(&counts).expect("the counts"));
    // In the place of one that is missing, and as one that nobody asks for.
    for name in ["rows-000002", "zz"] {
        let _ = fs::remove_file(out.join(name));
        fs::write(out.join(name), &first).expect("a copy");
        fs::remove_file(&counts).expect("the counts");
        for words in [&count[..], &["runs", "resume", "run"], &["runs", "show", "run"]] {
            let refused = run(&folder, words).run();
            let told = refused.fault(3);
            assert!(told.contains(&format!("run/out/{name}: is the result of another range (rows-000000)")), "{told}");
            assert!(!counts.exists(), "{words:?}");
        }
        fs::remove_file(out.join(name)).expect("the copy");
        run(&folder, &count).run().good();
        assert!(fs::read(&counts).expect("the counts") == wanted, "{name}");
    }
}

#[test]
fn a_run_that_is_removed_has_no_name_any_more_also_if_not_all_of_it_can_be_removed() {
    let folder = with_data();
    run(&folder, &COUNT).run().good();
    // A part that cannot be removed is there.
    let line = "rm run/log/*; mount -t tmpfs none run/log || exit 99; \"$0\" runs clean run";
    let own = program("unshare").args(["--map-root-user", "--mount", "sh", "-c", line]);
    let done = own.arg(programs().join("mpexec")).in_folder(folder.path()).run();
    if done.code() == 99 || done.stderr.contains("unshare") {
        mpexec_testkit::skipped("there is no file system of one's own here");
        return;
    }
    let told = done.fault(3);
    assert!(
        told.starts_with(".run-removed-") && told.contains(": cannot remove all that is left of the run"),
        "{told}"
    );
    assert!(!folder.path().join("run").exists(), "a run without its results is none");
}
