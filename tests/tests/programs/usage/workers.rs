//! Which program becomes a worker, what it is called, and what it says to a person.
use crate::common::files::{TOTAL, copy_program, endless, file, folder, tutorial, write_script};
use crate::common::program::{mpexec, program, programs};
use tempfile::TempDir;

/// A folder with a copy of `mpexec` and no worker program beside it.
fn alone() -> TempDir {
    let folder = folder();
    copy_program(&programs().join("mpexec"), &folder.path().join("mpexec"));
    folder
}

#[test]
fn workers_are_called_mpexec() {
    let folder = folder();
    let started = mpexec(["count-range", "--workers", "2"]).arg(endless(&folder)).start();
    for worker in started.workers(2) {
        let name = worker.words().into_iter().next().unwrap();
        assert!(name.contains("mpexec"), "{name}");
    }
}

#[test]
fn without_a_worker_program_beside_it_the_program_is_its_own_worker() {
    let folder = alone();
    let own = folder.path().join("mpexec");
    let done = program(&own).args(["count-range", "--json"]).arg(tutorial()).run();
    assert_eq!(done.json()["total"], TOTAL);
}

#[test]
fn the_worker_program_can_be_given_by_option_and_by_variable() {
    let worker = programs().join("mpexec-worker");
    let nowhere = "/nowhere/mpexec-worker";
    let count = || mpexec(["count-range", "--json"]).arg(tutorial());
    assert_eq!(count().arg("--worker-program").arg(&worker).run().json()["total"], TOTAL);
    // The variable says whose tasks map and tasks take. What is built in needs no other program, and does not look at it.
    let own = env!("CARGO_BIN_EXE_task-worker");
    for variable in [own, nowhere, ""] {
        assert_eq!(count().env("MPEXEC_WORKER_PROGRAM", variable).run().json()["total"], TOTAL);
    }
    for words in [&["normalize"][..], &["common-items", "t.csv"], &["frame", "--task", "describe"], &["count-range"]] {
        let folder = folder();
        file(&folder, "t.csv", b"a,b\n1,2\n");
        let done = mpexec(words).arg("t.csv").env("MPEXEC_WORKER_PROGRAM", own).in_folder(folder.path()).run();
        assert_eq!(done.code(), 0, "{words:?}: {}", done.stderr);
    }
    let listed = mpexec(["tasks"]).env("MPEXEC_WORKER_PROGRAM", own).run();
    assert!(listed.good().contains("howmany_within_range"));
    // A variable that is set to nothing is none.
    for variable in ["MPEXEC_WORKERS", "MPEXEC_TRANSPORT", "MPEXEC_GRACE", "MPEXEC_PROGRESS", "MPEXEC_LOG_FORMAT"] {
        assert_eq!(count().env(variable, "").run().json()["total"], TOTAL, "{variable}");
    }
    // The option comes first, so a wrong variable does not matter.
    let both = mpexec(["tasks"]).env("MPEXEC_WORKER_PROGRAM", nowhere).args(["--worker-program", own]);
    assert_eq!(both.run().good(), listed.good());
    let folder = folder();
    copy_program(&worker, &folder.path().join("own-worker"));
    let relative = count().args(["--worker-program", "own-worker"]).in_folder(folder.path());
    assert_eq!(relative.run().json()["total"], TOTAL);
}

#[test]
fn a_worker_program_that_cannot_serve_is_one_line_with_the_remedy() {
    let folder = folder();
    let no_program = file(&folder, "data", b"no program");
    let [silent, rubbish] = ["silent", "rubbish"].map(|name| folder.path().join(name));
    write_script(&silent, "exit 0");
    write_script(&rubbish, "head -c 100 /dev/zero >&0");
    let missing = folder.path().join("missing");
    for path in [&missing, &no_program, &silent, &rubbish, &folder.path().to_owned()] {
        let name = path.display().to_string();
        for done in [
            mpexec(["count-range"]).arg(tutorial()).arg("--worker-program").arg(path).run(),
            mpexec(["tasks"]).env("MPEXEC_WORKER_PROGRAM", path).run(),
        ] {
            let line = done.fault(4);
            assert!(line.contains(&name) && line.contains(';'), "{line}");
        }
    }
}

#[test]
fn what_a_foreign_program_writes_cannot_forge_a_second_line() {
    let folder = folder();
    let path = folder.path().join("talker");
    write_script(&path, "printf 'first\\nerror: second\\n\\033[31mthird\\n' >&2\nexit 3");
    let done = mpexec(["count-range", "--workers", "1"]).arg(tutorial()).arg("--worker-program").arg(&path).run();
    assert_eq!(done.code(), 4, "{}", done.stderr);
    let errors: Vec<_> = done.stderr.lines().filter(|line| line.contains("talker")).collect();
    assert!(errors.len() == 1 && !errors[0].contains('\u{1b}'), "{}", done.stderr);
}

#[test]
fn the_search_path_is_never_searched_for_a_worker() {
    let folder = folder();
    copy_program(&programs().join("mpexec-worker"), &folder.path().join("found-by-path"));
    let call = mpexec(["count-range", "--worker-program", "found-by-path"]).arg(tutorial());
    call.env("PATH", folder.path()).run().fault(4);
}

#[test]
fn the_worker_program_explains_itself_to_a_person() {
    let worker = programs().join("mpexec-worker");
    for arguments in [&[][..], &["--help"], &["--mpexec-worker"]] {
        let done = program(&worker).args(arguments).run();
        assert_ne!(done.code(), 0, "{arguments:?}");
        assert!(done.text().is_empty() && done.stderr.contains("worker"), "{arguments:?}: {}", done.stderr);
    }
}
