//! What may go wrong with a run folder: each has one line that names the file and says what to do, and nothing that was published is lost.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::common::files::{copy_program, endless, file, folder, table};
use crate::common::program::{Call, Done, mpexec, program, programs};
use mpexec_testkit::at_some_pace;
use rustix::process::Signal;
use tempfile::TempDir;

fn run(folder: &TempDir, words: &[&str]) -> Call {
    mpexec(words).in_folder(folder.path())
}

/// A folder with an array, and a run folder whose counts are done.
fn done() -> TempDir {
    let folder = folder();
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    count(&folder).good();
    folder
}

const COUNT: [&str; 5] = ["count-range", "data.npy", "--json", "--run-dir", "run"];

fn count(folder: &TempDir) -> Done {
    run(folder, &COUNT).run()
}

#[test]
fn results_that_were_tampered_with_are_refused_by_name_and_computed_again_once_removed() {
    let folder = done();
    let result = folder.path().join("run/out/rows-000000");
    let good = fs::read(&result).expect("a result");
    let line = good.iter().position(|&byte| byte == b'\n').expect("a header") + 1;
    let header = String::from_utf8_lossy(&good[..line]).into_owned();
    let with = |from: &str, to: &str| [header.replacen(from, to, 1).as_bytes(), &good[line..]].concat();
    let mut flipped = good.clone();
    flipped[line + 20] ^= 1;
    let tampered = [
        (flipped, "has another checksum than its header says"),
        (good[..good.len() - 1].to_vec(), "bytes long after its header, which says"),
        (with("plan=", "plan=0"), "is a result of another plan"),
        (with("rows-000000", "rows-000001"), "is the result of another range (rows-000001)"),
        (Vec::new(), "does not begin with the header of a result"),
        (b"a pipe".to_vec(), "is no file"),
    ];
    for (bytes, fault) in tampered {
        fs::write(&result, &bytes).expect("the result can be written");
        if bytes == b"a pipe" {
            fs::remove_file(&result).expect("the result");
            assert_eq!(program("mkfifo").arg(&result).run().code(), 0);
        }
        for words in [&COUNT[..], &["runs", "resume", "run"], &["runs", "show", "run", "--check"]] {
            let done = run(&folder, words).run();
            let told = done.fault(3);
            assert!(told.contains("run/out/rows-000000: ") && told.contains(fault), "{told}");
            assert!(told.ends_with("remove it, and resume computes it again"), "{told}");
        }
    }
    fs::remove_file(&result).expect("the result");
    count(&folder).good();
    assert!(fs::read(&result).expect("a result") == good);
}

#[test]
fn a_plan_that_is_missing_cut_or_newer_is_told_and_force_plan_starts_over() {
    let folder = done();
    let plan = folder.path().join("run/plan.json");
    let good = fs::read_to_string(&plan).expect("a plan");
    for (text, fault) in [
        (good[..good.len() / 2].to_owned(), "run/plan.json: is no whole plan ("),
        (String::new(), "run/plan.json: is no whole plan ("),
        (good.replace("\"minimum\": \"4\"", "\"minimum\": \"5\""), "its hash is not that of what it says"),
        (good.replace("\"--json\"", "\"--output\", \"x\""), "its hash is not that of what it says"),
        (
            good.replace("\"format\": 2", "\"format\": 3"),
            "run/plan.json: is a plan of format 3, and this program knows 2",
        ),
    ] {
        fs::write(&plan, text).expect("the plan can be written");
        for words in [&COUNT[..], &["runs", "show", "run"], &["runs", "resume", "run"]] {
            let done = run(&folder, words).run();
            let told = done.fault(3);
            assert!(told.contains(fault) && told.contains("--force-plan"), "{told}");
        }
        let listed = run(&folder, &["runs", "list"]).run();
        assert!(listed.good().starts_with("run  damaged: "), "{}", listed.text());
    }
    run(&folder, &[&COUNT[..], &["--force-plan"]].concat()).run().good();
    assert_eq!(fs::read_to_string(&plan).expect("a plan").len(), good.len() + ",\n        \"--force-plan\"".len());
    // As is told: the results without a plan are found to be those of what is typed again.
    let computed = || fs::metadata(folder.path().join("run/out/rows-000000")).expect("a result").ino();
    let before = computed();
    fs::remove_file(&plan).expect("the plan");
    let slip = run(&folder, &[&COUNT[..], &["--max", "7"]].concat()).run();
    assert!(slip.fault(2).contains("its plan is missing, and out/rows-000000 was not computed by this command"));
    assert!(!plan.exists());
    count(&folder).good();
    assert_eq!(computed(), before);
    fs::write(folder.path().join("data.txt"), "").expect("a file");
    fs::create_dir(folder.path().join("mine")).expect("a folder");
    fs::write(folder.path().join("mine/file"), "").expect("a file");
    let told = run(&folder, &["count-range", "data.npy", "--run-dir", "mine"]).run();
    assert_eq!(
        told.fault(2),
        "mine: holds other files and no plan of a run: name an empty folder, or one that is not there"
    );
}

#[test]
fn changes_are_said_and_refused_and_force_plan_starts_over() {
    let folder = done();
    let refused = |more: &[&str]| run(&folder, &[&COUNT[..], more].concat()).run().fault(2).to_owned();
    let told = refused(&["--max", "7"]);
    assert!(told.starts_with("run: the run was begun with something else: maximum was 8 and is 7; take "), "{told}");
    assert!(refused(&["--columns", "1"]).contains("columns was all and is "));
    assert!(refused(&["--range-size", "1G"]).contains("the work is cut into other ranges"));
    let time = fs::metadata(folder.path().join("data.npy")).and_then(|metadata| metadata.modified()).expect("a time");
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 3]);
    let told = run(&folder, &["runs", "resume", "run"]).run().fault(2).to_owned();
    assert!(told.contains("data.npy holds other bytes"), "{told}");
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    assert!(refused(&[]).contains("data.npy was written again since"));
    let file = fs::File::options().write(true).open(folder.path().join("data.npy")).expect("the data");
    file.set_modified(time).expect("its time");
    count(&folder).good();
    table(&folder, "data.npy", 2, 2, &[4, 5, 6, 7]);
    assert!(refused(&[]).contains("data.npy had "));
    let over = run(&folder, &["runs", "resume", "run", "--force-plan"]).run();
    assert_eq!(over.json()["rows"], 2);
}

#[test]
fn this_program_built_anew_with_the_worker_program_of_before_is_another() {
    let folder = folder();
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    let worker = programs().join("mpexec-worker");
    let words = [&COUNT[..], &["--worker-program", worker.to_str().expect("a text")]].concat();
    run(&folder, &words).run().good();
    let other = folder.path().join("mpexec");
    copy_program(&programs().join("mpexec"), &other);
    let copied = program(&other).args(&words).in_folder(folder.path()).run();
    assert_eq!(copied.code(), 0, "a copy is the same: {}", copied.stderr);
    fs::File::options()
        .append(true)
        .open(&other)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"x"))
        .expect("it is another");
    let refused = program(&other).args(&words).in_folder(folder.path()).run();
    let told = refused.fault(2);
    assert!(told.contains("something else: the program mpexec was 0.") && told.contains(" (blake3 "), "{told}");
}

#[test]
fn nothing_is_written_into_the_run_folder_but_the_run() {
    let folder = done();
    let plan = fs::read(folder.path().join("run/plan.json")).expect("a plan");
    std::os::unix::fs::symlink("run", folder.path().join("link")).expect("a link");
    file(&folder, "rows.csv", b"1,2\n");
    for (words, option) in [
        (
            &["count-range", "data.npy", "--output", "run/plan.json", "--output-format", "jsonl", "--run-dir", "run"][..],
            "--output run/plan.json",
        ),
        (
            &[
                "count-range",
                "data.npy",
                "--output",
                "link/out/rows-000000",
                "--output-format",
                "csv",
                "--run-dir",
                "run",
            ],
            "--output link/out/rows-000000",
        ),
        (&["count-range", "data.npy", "--per-file", "--output", "run", "--run-dir", "run"], "--output run"),
        (&["count-range", "data.npy", "--run-dir", "run", "--report", "run/new/r.html"], "--report run/new/r.html"),
        (&["count-range", "data.npy", "--run-dir", "run", "--trace", "run/t.json"], "--trace run/t.json"),
        (&["normalize", "rows.csv", "--output", "new/n.csv", "--run-dir", "new"], "--output new/n.csv"),
        (
            &["common-items", "rows.csv", "rows.csv", "--output", "new/c.jsonl", "--run-dir", "new"],
            "--output new/c.jsonl",
        ),
        (
            &["frame", "rows.csv", "--task", "describe", "--output", "new/f.csv", "--run-dir", "new"],
            "--output new/f.csv",
        ),
        (
            &["map", "add", "rows.csv", "--worker-program", "w", "--output", "new/m", "--run-dir", "new"],
            "--output new/m",
        ),
        (&["run", "--joblog", "new/log", "--run-dir", "new", "true", ":::", "a"], "--joblog new/log"),
    ] {
        let refused = run(&folder, words).run();
        let told = refused.fault(2);
        assert!(told.starts_with(&format!("{option}: is in the run folder ")), "{told}");
    }
    assert!(!folder.path().join("new").exists());
    assert_eq!(fs::read(folder.path().join("run/plan.json")).expect("a plan"), plan);
    run(&folder, &["count-range", "data.npy", "--output", "run-counts.csv", "--run-dir", "new"]).run().good();
}

#[test]
fn a_run_whose_folder_of_files_is_gone_says_what_can_be_done() {
    let folder = folder();
    fs::create_dir(folder.path().join("here")).expect("a folder");
    table(&folder, "here/data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    let words = ["count-range", "data.npy", "--json", "--run-dir", "../run"];
    mpexec(words).in_folder(folder.path().join("here")).run().good();
    fs::rename(folder.path().join("here"), folder.path().join("there")).expect("it can be moved");
    let told = run(&folder, &["runs", "resume", "run"]).run().fault(3).to_owned();
    assert!(told.contains("here: the folder where the run was begun cannot be entered ("), "{told}");
    assert!(told.ends_with("type the same command again, with this run folder, where its files are now"), "{told}");
    mpexec(words).in_folder(folder.path().join("there")).run().good();
    let node = run(&folder, &["runs", "element", "run", "0/1"]).run();
    assert_eq!(node.code(), 0, "the plan knows the new place: {}", node.stderr);
}

#[test]
fn a_second_coordinator_is_told_who_the_first_is() {
    let folder = folder();
    endless(&folder);
    let words = ["count-range", "zeros.bin", "--run-dir", "run"];
    let first = run(&folder, &words).start();
    first.workers(1);
    for words in [&words[..], &["runs", "resume", "run"], &["runs", "clean", "--force", "run"]] {
        let second = run(&folder, words).run();
        let told = second.fault(3);
        assert!(told.contains(&format!("run: is in use by process {} on ", first.pid())), "{told}");
    }
    let listed = run(&folder, &["runs", "list"]).run();
    assert!(listed.good().starts_with(&format!("run  in use by process {} on ", first.pid())), "{}", listed.text());
    first.signal(Signal::INT);
    assert_eq!(first.finish().code(), 130);
    assert!(run(&folder, &["runs", "list"]).run().good().starts_with("run  not finished, "));
}

#[test]
fn a_disk_that_is_full_and_a_folder_that_may_not_be_written_are_told_and_lose_nothing() {
    let folder = folder();
    let rows = 40_000;
    table(&folder, "data.npy", rows, 2, &vec![5; 2 * usize::try_from(rows).expect("few")]);
    let script = |line: &str| format!("mkdir small && mount -t tmpfs -o size=128k none small || exit 99; {line}");
    let inside = |line: &str| {
        let own = program("unshare").args(["--map-root-user", "--mount", "sh", "-c", &script(line)]);
        let done = own.arg(programs().join("mpexec")).in_folder(folder.path()).run();
        fs::remove_dir_all(folder.path().join("small")).expect("the mount ended with its space of names");
        done
    };
    let count = "\"$0\" count-range data.npy --output counts.npy --range-size 1K --run-dir small/run";
    let full = inside(&format!(
        "head -c 90000 /dev/zero >small/other; {count}; code=$?; rm small/other; {count} || exit 7; exit $code"
    ));
    if full.code() == 99 {
        mpexec_testkit::skipped("there is no file system of one's own here");
    } else {
        let told: Vec<_> = full.stderr.lines().collect();
        assert_eq!((full.code(), told.len()), (3, 1), "then there was room: {}", full.stderr);
        assert!(told[0].contains("small/run/out/rows-00000") && told[0].contains("No space left"), "{told:?}");
        assert!(told[0].ends_with("; what is published stays: make room, and resume the run"), "{told:?}");
        assert_eq!(crate::common::files::counts_in(&folder.path().join("counts.npy")), vec![2; 40_000]);
        let read_only = inside(&format!("mount -o remount,ro small; {count}"));
        assert!(read_only.fault(3).contains("Read-only file system"), "{}", read_only.stderr);
    }
    // The same where nobody may mount anything.
    let limited = "ulimit -f 16; exec \"$0\" count-range data.npy --output - --range-size 1K --run-dir run";
    let limited = program("sh").args(["-c", limited]).arg(programs().join("mpexec")).in_folder(folder.path()).run();
    // What came before may have been printed.
    let told = &limited.stderr;
    assert_eq!((limited.code(), told.lines().count()), (3, 1), "{told}");
    assert!(told.contains("run/out/rows-00000") && told.contains("File too large"), "{told}");
    let again = run(&folder, &["runs", "resume", "run"]).run();
    assert_eq!(again.good().lines().count(), 40_000);
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).expect("a folder");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).expect("its permissions");
    let into = run(&folder, &["count-range", "data.npy", "--run-dir", "/proc/run"]).run();
    assert!(into.fault(3).starts_with("/proc/run: cannot make the folder: "), "{}", into.stderr);
    if !rustix::process::geteuid().is_root() {
        let into = run(&folder, &["count-range", "data.npy", "--run-dir", "closed/run"]).run();
        assert!(into.fault(3).ends_with("the run folder must be one that may be written"), "{}", into.stderr);
    }
}

#[test]
fn an_input_that_is_changed_while_the_run_goes_on_is_told_and_nothing_more_is_published() {
    // So long that it goes on when it is changed.
    at_some_pace(|slower| changed_meanwhile(200 * slower));
}

fn changed_meanwhile(milliseconds: u32) {
    let folder = folder();
    file(&folder, "rows.jsonl", format!("[{milliseconds:4}]\n").repeat(12).as_bytes());
    let words = ["map", "rest", "rows.jsonl", "--worker-program", env!("CARGO_BIN_EXE_task-worker"), "--workers", "1"];
    let kept = [&words[..], &["--output", "-", "--run-dir", "run", "--range-size", "1"]].concat();
    let mut started = run(&folder, &kept).start();
    assert_eq!(started.line(), format!("{{\"index\":0,\"ok\":{milliseconds}}}\n"));
    let first = folder.path().join("run/out/rows-000000");
    mpexec_testkit::wait_until("the first is published", || first.exists());
    fs::File::options()
        .append(true)
        .open(folder.path().join("rows.jsonl"))
        .expect("the input")
        .set_len(70)
        .expect("its length");
    let ended = started.finish();
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("rows.jsonl had 84 bytes and has 70, while the run went on: nothing "),
        "{}",
        ended.stderr
    );
    let published = fs::read_dir(folder.path().join("run/out")).expect("results").count();
    assert!((1..12).contains(&published), "{published} results");
    let refused = run(&folder, &["runs", "resume", "run"]).run();
    assert!(
        refused.fault(2).contains("rows.jsonl had 84 bytes and has 70; take what it was begun with"),
        "{}",
        refused.stderr
    );
}

#[test]
fn an_input_that_is_changed_and_put_back_with_its_time_is_told_too_and_the_run_can_go_on() {
    at_some_pace(|slower| changed_and_put_back(200 * slower));
}

fn changed_and_put_back(milliseconds: u32) {
    let folder = folder();
    let before = format!("[{milliseconds:4}]\n").repeat(12);
    let input = file(&folder, "rows.jsonl", before.as_bytes());
    let time = input.metadata().and_then(|metadata| metadata.modified()).expect("a time");
    let words = ["map", "rest", "rows.jsonl", "--worker-program", env!("CARGO_BIN_EXE_task-worker"), "--workers", "1"];
    let mut started = run(&folder, &[&words[..], &["--run-dir", "run", "--range-size", "1"]].concat()).start();
    assert_eq!(started.line(), format!("{{\"index\":0,\"ok\":{milliseconds}}}\n"));
    // It must not look in between.
    started.signal(Signal::STOP);
    assert!(started.held().stops());
    for text in ["[ 100]\n".repeat(12), before] {
        fs::write(&input, text).expect("the input");
    }
    fs::File::options().write(true).open(&input).and_then(|file| file.set_modified(time)).expect("its time");
    started.signal(Signal::CONT);
    let ended = started.finish();
    assert_eq!(ended.code(), 3, "{}", ended.stderr);
    let told =
        "rows.jsonl was written to, replaced, renamed, linked or given other rights, while the run went on: nothing";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    let again = run(&folder, &["runs", "resume", "run"]).run();
    assert_eq!(again.good().lines().count(), 12);
}

#[test]
fn of_a_long_input_that_was_touched_since_it_is_told_that_only_samples_are_known() {
    let folder = folder();
    let input = crate::common::files::zeros(&folder, 1 << 20, 10);
    let words = ["count-range", "zeros.bin", "--json", "--run-dir", "run"];
    run(&folder, &words).run().good();
    let touched = |how: &dyn Fn()| {
        how();
        let again = run(&folder, &["runs", "resume", "run"]).run();
        assert_eq!(again.code(), 0, "{}", again.stderr);
        again.stderr
    };
    assert_eq!(touched(&|| {}), "");
    let mode = |mode| fs::set_permissions(&input, fs::Permissions::from_mode(mode)).expect("its rights");
    let told = touched(&|| mode(0o640));
    assert!(
        told.contains("zeros.bin was copied, renamed, given other rights, or changed and its time set back"),
        "{told}"
    );
    assert_eq!(touched(&|| {}), "", "that was taken note of");
}

#[test]
fn ranges_that_no_memory_holds_and_ranges_of_no_run_folder_are_refused() {
    let folder = done();
    let refused = |words: &[&str]| run(&folder, words).run().fault(2).to_owned();
    let told = refused(&["count-range", "data.npy", "--run-dir", "new", "--range-size", "17G"]);
    assert_eq!(
        told,
        "--range-size of 18,253,611,008 bytes: a range is computed and kept in memory as a whole, and lost as a whole; give 16G at most"
    );
    assert!(!folder.path().join("new").exists());
    run(&folder, &["count-range", "data.npy", "--run-dir", "new", "--range-size", "16G"]).run().good();
    let told = refused(&["map", "add", "data.npy", "--worker-program", "w", "--range-size", "1M"]);
    assert!(told.ends_with("it goes with --run-dir DIR, or with --on slurm"), "{told}");
}
