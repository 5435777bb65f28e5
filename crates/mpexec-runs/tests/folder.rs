//! What a run folder holds when somebody was killed in the middle of it, or has put something else in its place.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mpexec_runs::{CommandLine, Cut, Ledger, Plan, Program, Published, RunError, RunFolder, Word};

fn plan(typed: &str) -> Plan {
    Plan {
        program: Program { name: "mine".into(), version: "1".into(), hash: "1".into() },
        task: "square".into(),
        signature: String::new(),
        inputs: Vec::new(),
        command: Some(CommandLine { words: vec![Word::Text(typed.into())], folder: "/".into(), stdin: false }),
        options: BTreeMap::new(),
        cut: Cut { as_for_workers: 8, range_weight: 1, range_tasks: 1 },
    }
}

fn open(run: &Path) -> Result<RunFolder, RunError> {
    RunFolder::open(run, &plan("first"), false)
}

/// A run folder in which two results are published and all is done.
fn done() -> (tempfile::TempDir, PathBuf) {
    let scratch = tempfile::tempdir().expect("a folder");
    let path = scratch.path().join("run");
    let run = open(&path).expect("it can be made");
    for key in ["rows-000000", "rows-000001"] {
        run.publish(key, "-", b"result").expect("it is published");
    }
    run.finish(2).expect("it is written");
    (scratch, path)
}

fn ranges(path: &Path) -> Option<u64> {
    RunFolder::status(path, false).expect("a run folder").ranges
}

#[test]
fn what_was_killed_in_the_middle_is_removed_as_a_whole() {
    let (_scratch, path) = done();
    for name in [".new-plan.json", ".new-done", "out/.new-host-1-2"] {
        fs::write(path.join(name), "half").unwrap();
    }
    RunFolder::clean(&path, true).unwrap();
    assert!(!path.exists());
    // Before there was a plan.
    fs::create_dir(&path).unwrap();
    for name in [".new-plan.json", "lock"] {
        fs::write(path.join(name), "").unwrap();
    }
    assert!(matches!(RunFolder::clean(&path, false), Err(RunError::NoPlan { .. })));
    RunFolder::clean(&path, true).unwrap();
    assert!(!path.exists());
}

#[test]
fn a_plan_without_a_folder_of_results_is_a_run_of_which_nothing_is_done() {
    let (_scratch, path) = done();
    fs::remove_dir_all(path.join("out")).unwrap();
    let status = RunFolder::status(&path, true).unwrap();
    assert_eq!((status.published, status.bytes, status.ranges), (0, 0, None));
    assert!(matches!(RunFolder::clean(&path, false), Err(RunError::Unfinished { .. })));
    assert_eq!(open(&path).unwrap().published(), 0);
}

#[test]
fn a_run_is_done_until_work_is_missing() {
    let (_scratch, path) = done();
    assert_eq!(ranges(&path), Some(2));
    let run = Arc::new(open(&path).unwrap());
    let mut ledger = Ledger::new(&run, "rows");
    assert!((0..2).all(|_| ledger.task(1, None).is_none()));
    assert_eq!(ranges(&path), Some(2), "all are there");
    assert!(ledger.task(1, None).is_some());
    assert_eq!(ranges(&path), None, "one is to be computed");
    drop((ledger, run));
    assert!(matches!(RunFolder::clean(&path, false), Err(RunError::Unfinished { .. })));
    open(&path).unwrap().finish(2).unwrap();
    fs::remove_file(path.join("out/rows-000001")).unwrap();
    assert_eq!(ranges(&path), None, "one was taken away");
    assert!(matches!(RunFolder::clean(&path, false), Err(RunError::Unfinished { .. })));
}

#[test]
fn a_run_of_which_a_task_has_no_result_is_not_done() {
    let scratch = tempfile::tempdir().unwrap();
    let run = Arc::new(open(&scratch.path().join("run")).unwrap());
    let mut ledger = Ledger::new(&run, "rows");
    let slots = [ledger.task(1, None).unwrap(), ledger.task(1, None).unwrap()];
    ledger.close().unwrap();
    ledger.add(slots[0], Some(vec![7])).unwrap();
    ledger.add(slots[1], None).unwrap();
    for result in [Some(&[7][..]), None] {
        assert_eq!(ledger.take().unwrap().unwrap().results().collect::<Vec<_>>(), [result]);
    }
    assert_eq!((ledger.finish().unwrap(), run.published()), (None, 1));
}

#[test]
fn what_was_typed_last_is_in_the_plan_and_is_done_when_it_is() {
    let (_scratch, path) = done();
    let typed = || RunFolder::read_plan(&path).unwrap().command.unwrap().words;
    drop(open(&path).unwrap());
    assert_eq!((typed(), ranges(&path)), (vec![Word::Text("first".into())], Some(2)));
    let run = RunFolder::open(&path, &plan("second"), false).unwrap();
    assert_eq!((typed(), ranges(&path)), (vec![Word::Text("second".into())], None));
    assert_eq!(run.published(), 2);
    run.finish(2).unwrap();
    drop(run);
    RunFolder::clean(&path, false).unwrap();
}

#[test]
fn no_file_is_written_through_a_link() {
    let (scratch, path) = done();
    let mine = scratch.path().join("mine");
    fs::write(&mine, "mine").unwrap();
    let log = path.join("log").read_dir().unwrap().next().unwrap().unwrap().file_name();
    let log = Path::new("log").join(log);
    for name in [Path::new("lock"), &log] {
        fs::remove_file(path.join(name)).unwrap();
        symlink(&mine, path.join(name)).unwrap();
        assert!(matches!(open(&path), Err(RunError::Io { .. })), "{}", name.display());
        fs::remove_file(path.join(name)).unwrap();
    }
    symlink(&mine, path.join(".new-plan.json")).unwrap();
    assert!(matches!(RunFolder::open(&path, &plan("second"), false), Err(RunError::Io { .. })));
    let run = open(&path).unwrap();
    symlink(&mine, path.join(".new-done")).unwrap();
    assert!(matches!(run.finish(2), Err(RunError::Io { .. })));
    assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
}

#[test]
fn nothing_is_removed_from_under_whoever_computes_a_share() {
    let (_scratch, path) = done();
    let joined = RunFolder::join(&path, &plan("first")).unwrap();
    let over = || RunFolder::open(&path, &plan("first"), true);
    for refused in [RunFolder::clean(&path, true), RunFolder::clean(&path, false), over().map(drop)] {
        let told = refused.unwrap_err().to_string();
        assert!(told.contains("run: is in use by processes that compute shares of it"), "{told}");
    }
    assert_eq!((ranges(&path), joined.publish("rows-000000", "-", b"again").unwrap()), (Some(2), Published::Later));
    // Beside them a coordinator may compute.
    assert_eq!(open(&path).unwrap().published(), 2);
    drop(joined);
    assert_eq!(over().unwrap().published(), 0);
    RunFolder::clean(&path, true).unwrap();
    assert!(matches!(RunFolder::join(&path, &plan("first")), Err(RunError::NoPlan { .. })));
}

#[test]
fn what_another_process_writes_elsewhere_is_not_removed() {
    let (_scratch, path) = done();
    let there = path.join("out/.new-another-machine-7-4026531836-0-0");
    fs::write(&there, "half").unwrap();
    drop(open(&path).unwrap());
    assert!(there.exists());
    RunFolder::clean(&path, false).unwrap();
}
