//! `--on slurm` where there is no Slurm: stand-ins for its programs, which run the elements of an array one after another. What real nodes do is in `cluster/`.

use std::fs;

use super::answers::of_mine;
use crate::common::files::{file, folder, names_in, table, write_script};
use crate::common::program::{Call, mpexec};
use rustix::process::Signal;
use tempfile::TempDir;

pub(super) const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

/// It writes down what it is told, and runs the elements.
const SBATCH: &str = r#"
echo "$*" >>"$SLURM/told"
cat >"$SLURM/script"
for word; do case $word in --array=*) list=${word#--array=} ;; esac; done
rm -f "$SLURM/ended"
echo "$list" | tr ',' '\n' | while IFS=- read first last; do seq $first ${last:-$first}; done | while read shard; do
    SLURM_ARRAY_TASK_ID=$shard sh "$SLURM/script"
    echo "JobId=1 ArrayTaskId=$shard JobState=FAILED ExitCode=$?:0 NodeList=here" >>"$SLURM/ended"
done
echo 17
"#;

/// A folder in whose folder `bin` the stand-ins are.
pub(super) fn slurm() -> TempDir {
    let folder = folder();
    fs::create_dir(folder.path().join("bin")).expect("a folder");
    for (name, text) in [
        ("sbatch", SBATCH),
        ("squeue", ""),
        ("sinfo", "for n in a b c; do echo $n idle; done; for n in d e; do echo $n alloc; done"),
        ("scontrol", "case $2 in config) echo 'MaxArraySize            = 1001' ;; *) cat \"$SLURM/ended\" ;; esac"),
    ] {
        write_script(&folder.path().join("bin").join(name), text);
    }
    folder
}

pub(super) fn run(folder: &TempDir, words: &[&str]) -> Call {
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", folder.path().join("bin").display());
    mpexec(words).in_folder(folder.path()).env("PATH", path).env("SLURM", folder.path())
}

fn told(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join("told")).unwrap_or_default()
}

#[test]
fn shards_and_what_the_engine_is_told_are_handed_on() {
    let folder = slurm();
    let numbers: Vec<i64> = (0..200_000).collect();
    table(&folder, "data.npy", 50_000, 4, &numbers);
    let words = ["count-range", "data.npy", "--output", "counts.npy"];
    run(&folder, &words).run().good();
    let here = fs::read(folder.path().join("counts.npy")).expect("counts");
    let there = ["--run-dir", "run", "--range-size", "1K", "--on", "slurm"];
    let more = ["--shards", "2", "--engine-args", "-p long --comment='two words'"];
    let done = run(&folder, &[&words[..], &there, &more].concat()).run();
    assert_eq!(done.stderr, "slurm: job 17: 2 shards for 7 ranges; results in run\n");
    assert!(fs::read(folder.path().join("counts.npy")).expect("counts") == here);
    let sbatch = told(&folder);
    assert!(sbatch.starts_with("--requeue --exclusive --chdir=/ "), "{sbatch}");
    // Of two words that say the same the last counts.
    assert!(sbatch.contains(" -p long --comment=two words --parsable --array=0-1 --job-name=mpexec-"), "{sbatch}");
    let shown = run(&folder, &["runs", "show", "run"]).run();
    assert!(
        shown.text().contains("\njobs      slurm 17, as mpexec-") && shown.text().contains(", of 2 shards\n"),
        "{}",
        shown.text()
    );
    // Whoever resumes it cuts it as it was cut; only the missing are submitted again.
    fs::remove_file(folder.path().join("run/out/rows-000003")).expect("a result");
    let again = run(&folder, &["runs", "resume", "run"]).run();
    let run_folder = folder.path().join("run");
    assert_eq!(again.stderr, format!("slurm: job 17: 1 shard for 1 range; results in {}\n", run_folder.display()));
    assert!(told(&folder).lines().nth(1).is_some_and(|line| line.contains(" --array=1 ") && line.contains("-p long")));
    run(&folder, &["runs", "clean", "run"]).run();
    assert!(!names_in(&folder).contains(&"run".to_owned()), "programs and all");
}

#[test]
fn where_nothing_is_said_there_are_as_many_shards_as_idle_nodes_and_a_folder_is_made() {
    let folder = slurm();
    file(&folder, "rows.jsonl", &b"[1, 2]\n".repeat(5));
    file(&folder, "two.jsonl", &b"[1, 2]\n".repeat(2));
    let words = ["--on", "slurm", "map", "add", "rows.jsonl", "--worker-program", WORKER];
    let done = run(&folder, &words).run();
    assert_eq!((done.code(), done.text().lines().count()), (0, 5), "{}", done.stderr);
    assert!(
        done.stderr.starts_with("slurm: job 17: 3 shards for 5 ranges; results in mpexec-run-2"),
        "{}",
        done.stderr
    );
    let few = run(&folder, &["--on", "slurm", "map", "add", "two.jsonl", "--worker-program", WORKER]).run();
    assert!(few.stderr.contains(": 2 shards for 2 ranges;"), "none has nothing to do: {}", few.stderr);
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    let little = run(&folder, &["--on", "slurm", "count-range", "data.npy"]).run();
    assert!(little.stderr.contains(": 1 shard for 1 range;"), "little data is not worth more: {}", little.stderr);
}

#[test]
fn contradictions_and_a_slurm_that_is_not_there_are_told() {
    let folder = folder();
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    let refused = |words: &[&str]| run(&folder, words).run().fault(2).to_owned();
    assert!(refused(&["count-range", "data.npy", "--shards", "3"]).ends_with("they go with --on slurm"));
    assert!(
        refused(&["--on", "local", "--engine-args", "-p x", "count-range", "data.npy"]).ends_with("go with --on slurm")
    );
    assert!(refused(&["--on", "slurm", "gen", "x.npy", "--rows", "1", "--cols", "1"]).contains("has no run folder"));
    assert!(
        refused(&["--on", "slurm", "count-range", "data.npy", "--trace", "t.json"]).contains("workers on this machine")
    );
    let words = ["--on", "slurm", "--advice", "always", "count-range", "data.npy", "--run-dir", "run"];
    let nowhere = mpexec(words).in_folder(folder.path()).env("PATH", "").run();
    assert_eq!(nowhere.code(), 4, "{}", nowhere.stderr);
    assert!(nowhere.stderr.contains("error: slurm: the job cannot be submitted: s"), "{}", nowhere.stderr);
    // What was begun there can be done here.
    run(&folder, &["runs", "resume", "run", "--on", "local"]).run().good();
}

#[test]
fn a_shard_that_fails_each_time_is_told_with_its_node_and_its_last_words() {
    let folder = slurm();
    let path = folder.path().join("gone");
    file(&folder, "rows.jsonl", format!("[{path:?}, 0]\n[{path:?}, 9]\n").as_bytes());
    let words =
        ["map", "abort_often", "rows.jsonl", "--worker-program", WORKER, "--run-dir", "run", "--range-size", "1"];
    let done = run(&folder, &[&["--on", "slurm", "--shards", "2"], &words[..]].concat()).run();
    let line = done.stderr.lines().last().unwrap_or_default();
    assert!(line.starts_with("error: slurm: 1 range missing after 4 tries: shard 1 on here: exit code 1, rows-000001; it said: error: 1 of"), "{line}");
    assert!(line.contains("call 1: ") && line.contains("mpexec runs resume "), "{line}");
    assert_eq!((done.code(), told(&folder).lines().count()), (1, 4));
    let excluded: Vec<_> = told(&folder).lines().map(|line| line.contains(" --exclude=here")).collect();
    assert_eq!(excluded, [false, true, true, true]);
}

#[test]
fn an_input_that_is_at_fault_is_not_tried_again_and_the_rest_is_kept() {
    let folder = slurm();
    let rows: String =
        (0..90_000).map(|n| if n == 29_000 { "no,number\n".to_owned() } else { format!("{n},{}\n", n % 13) }).collect();
    file(&folder, "a.csv", rows.as_bytes());
    for words in [&["normalize", "a.csv", "--output", "n.npy"][..], &["count-range", "a.csv", "--output", "c.npy"]] {
        let there = ["--on", "slurm", "--shards", "2", "--run-dir", "run", "--range-size", "64K"];
        let before = told(&folder).lines().count();
        let done = run(&folder, &[&there[..4], words, &there[4..]].concat()).run();
        let line = done.stderr.lines().last().unwrap_or_default();
        assert_eq!((done.code(), told(&folder).lines().count() - before), (3, 1), "{}", done.stderr);
        assert!(
            line.starts_with("error: slurm: 1 range missing: shard ")
                && line.contains(" on here: has an input that cannot be taken, "),
            "{line}"
        );
        assert!(
            line.contains(
                "its input has a row that cannot be taken; computed where the run was begun (--on local), it says which"
            ),
            "{line}"
        );
        assert!(fs::read_dir(folder.path().join("run/out")).expect("results").count() >= 2, "the rest is kept");
        let here = run(&folder, &["runs", "resume", "run", "--on", "local"]).run();
        assert!(here.fault(3).contains("a.csv: line 29001"), "{}", here.stderr);
        run(&folder, &["runs", "clean", "--force", "run"]).run();
    }
}

#[test]
fn a_row_of_a_frame_that_cannot_be_taken_is_told_at_once() {
    let folder = slurm();
    let good = |rows: std::ops::Range<u32>| rows.map(|n| format!("{n},{}\n", n % 13)).collect::<String>();
    let (before, behind) = (good(0..80_000), good(0..10_000));
    file(&folder, "short.csv", [&before[..], "7\n", &behind].concat().as_bytes());
    file(&folder, "word.csv", [&before[..], "7,seven\n", &behind].concat().as_bytes());
    // An array of bytes, and a text of which a number is more than a byte can hold.
    let header = b"\x93NUMPY\x01\x00\x3c\x00{'descr': '|i1', 'fortran_order': False, 'shape': (1, 2), }\n";
    file(&folder, "bytes.npy", &[&header[..], &[1, 2]].concat());
    file(&folder, "large.csv", b"column_1,column_2\n1,2\n3,300\n");
    for (names, task, by, arrays) in [
        // Where rows lie is looked up before anything is submitted.
        (&["short.csv"][..], "normalize", "rows", 0),
        (&["short.csv"], "normalize", "columns", 0),
        (&["short.csv"], "describe", "rows", 0),
        (&["bytes.npy", "large.csv"], "normalize", "columns", 0),
        (&["word.csv"], "normalize", "rows", 0),
        (&["word.csv"], "normalize", "columns", 0),
        // What does not fit, only whoever reads it knows.
        (&["bytes.npy", "large.csv"], "normalize", "rows", 1),
        (&["bytes.npy", "large.csv"], "describe", "rows", 1),
    ] {
        let before = told(&folder).lines().count();
        let there = ["--on", "slurm", "--shards", "2", "frame", "--task", task, "--by", by];
        let more = ["--output", "o.csv", "--run-dir", "run", "--range-size", "64K"];
        let done = run(&folder, &[&there[..], names, &more].concat()).run();
        let submitted = told(&folder).lines().count() - before;
        assert_eq!((done.code(), submitted), (3, arrays), "{names:?} {task} by {by}: {}", done.stderr);
        let line = done.stderr.lines().last().unwrap_or_default();
        let says = if arrays == 0 {
            ["short.csv: line 80001", "word.csv: line 80001", "large.csv: Cast"]
        } else {
            ["has an input that cannot be taken, "; 3]
        };
        assert!(says.iter().any(|says| line.contains(says)), "{line}");
        run(&folder, &["runs", "clean", "--force", "run"]).run();
    }
}

#[test]
fn results_in_files_by_the_place_of_their_command_are_refused_before_anything_is_made() {
    let folder = slurm();
    let words = ["--on", "slurm", "run", "--results", "out", "echo {}", ":::", "1", "2"];
    let refused = run(&folder, &words).run();
    assert!(
        refused.fault(2).contains("a run folder, which the jobs of a cluster have too, knows"),
        "{}",
        refused.stderr
    );
    assert_eq!((names_in(&folder), told(&folder).as_str()), (vec!["bin".to_owned()], ""));
}

#[test]
fn without_squeue_nobody_waits() {
    let folder = slurm();
    fs::remove_file(folder.path().join("bin/squeue")).expect("a script");
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    let words = ["--on", "slurm", "count-range", "data.npy", "--run-dir", "run"];
    // An array of which nobody hears: it is accepted, and does not run.
    fs::write(folder.path().join("bin/sbatch"), "#!/bin/sh\ncat >\"$SLURM/script\"\necho 17\n").expect("a script");
    // Nothing else is on the path, not even a real one.
    let tools = ["cat", "sh"].map(|name| (name, std::path::Path::new("/bin").join(name)));
    for (name, path) in tools {
        std::os::unix::fs::symlink(path, folder.path().join("bin").join(name)).expect("a link");
    }
    let done = run(&folder, &words).env("PATH", folder.path().join("bin")).run();
    let line = done.stderr.lines().last().unwrap_or_default();
    assert_eq!(done.code(), 1, "{}", done.stderr);
    assert!(line.starts_with("error: slurm: nobody says how the jobs are: squeue cannot be started: "), "{line}");
    assert!(line.contains("they may go on all the same, and mpexec runs resume "), "{line}");
    run(&folder, &["runs", "resume", "run", "--on", "local"]).run().good();
}

#[test]
fn jobs_that_wait_are_cancelled_before_what_is_in_the_folder_is_dropped() {
    let folder = slurm();
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    let script = |name: &str, text: &str| write_script(&folder.path().join("bin").join(name), text);
    // They wait until they are cancelled, and for a while after that.
    script("sbatch", "cat >\"$SLURM/script\"; rm -f \"$SLURM/cancelled\"; echo 17");
    script(
        "squeue",
        "test -e \"$SLURM/mute\" && exit 1; test -e \"$SLURM/script\" || exit 0; test -e \"$SLURM/cancelled\" && { echo >>\"$SLURM/cancelled\"; \
         test $(wc -l <\"$SLURM/cancelled\") -gt 3 && exit 0; }; echo '17_0 PD None'",
    );
    script("scancel", "echo \"$*\" >\"$SLURM/cancelled\"");
    let begin = || {
        let _ = fs::remove_file(folder.path().join("script"));
        let begun = run(&folder, &["--on", "slurm", "count-range", "data.npy", "--run-dir", "run"]).start();
        begun.wait_for("slurm: job 17: 1 shard");
        let busy = run(&folder, &["runs", "clean", "--force", "run"]).run();
        assert!(busy.fault(3).starts_with("run: is in use by process "), "{}", busy.stderr);
        begun.signal(Signal::TERM);
        assert!(begun.finish().stderr.contains("the jobs go on"));
        assert!(!folder.path().join("cancelled").exists());
    };
    let cancelled = || fs::read_to_string(folder.path().join("cancelled")).expect("they were cancelled");
    begin();
    file(&folder, "mute", b"");
    let over = ["count-range", "data.npy", "--min", "1", "--run-dir", "run", "--force-plan"];
    for words in [&over[..], &["runs", "clean", "--force", "run"]] {
        let refused = run(&folder, words).run().fault(3).to_owned();
        assert!(refused.starts_with("run: nothing is removed, because jobs 17 (as mpexec-"), "{refused}");
        assert!(refused.ends_with("when they have ended, remove run/engine.json"), "{refused}");
    }
    fs::remove_file(folder.path().join("mute")).expect("the file");
    fs::create_dir(folder.path().join("copy")).expect("a folder");
    for name in ["plan.json", "engine.json"] {
        fs::copy(folder.path().join("run").join(name), folder.path().join("copy").join(name)).expect("a copy");
    }
    let refused = run(&folder, &["runs", "clean", "--force", "copy"]).run().fault(3).to_owned();
    assert!(refused.contains("submitted for a folder of another name or plan"), "{refused}");
    assert!(!folder.path().join("cancelled").exists());
    let done = run(&folder, &over).run();
    assert_eq!((done.code(), done.stderr.as_str()), (0, "slurm: the jobs are cancelled\n"));
    assert!(cancelled().starts_with(&of_mine()) && cancelled().lines().count() > 3, "{}", cancelled());
    run(&folder, &["runs", "clean", "run"]).run();
    fs::remove_file(folder.path().join("cancelled")).expect("the file");
    begin();
    run(&folder, &["runs", "clean", "--force", "run"]).run();
    assert!(cancelled().starts_with(&of_mine()) && !names_in(&folder).contains(&"run".to_owned()));
}

#[test]
fn ranges_may_be_said_of_a_folder_that_nobody_named_and_shards_stay_what_they_were() {
    let folder = slurm();
    let numbers: Vec<i64> = (0..200_000).collect();
    table(&folder, "data.npy", 50_000, 4, &numbers);
    let words = ["--on", "slurm", "--shards", "2", "count-range", "data.npy", "--range-size", "1K"];
    let done = run(&folder, &words).run();
    assert!(
        done.stderr.starts_with("slurm: job 17: 2 shards for 7 ranges; results in mpexec-run-2"),
        "{}",
        done.stderr
    );
    let made = names_in(&folder).into_iter().find(|name| name.starts_with("mpexec-run-")).expect("a run folder");
    fs::remove_file(folder.path().join(&made).join("out/rows-000003")).expect("a result");
    let again = run(&folder, &["--on", "slurm", "--shards", "5", "runs", "resume", &made]).run();
    let line = again.stderr.lines().next().unwrap_or_default();
    assert_eq!(
        line, "slurm: the run was begun with 2 shards, and stays so: --shards 5 is not heeded",
        "{}",
        again.stderr
    );
    assert!(again.stderr.contains(": 1 shard for 1 range;"), "{}", again.stderr);
}

#[test]
fn a_run_that_slurm_refuses_leaves_no_folder_that_nobody_named() {
    let folder = slurm();
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    let path = folder.path().join("bin/sbatch");
    fs::write(&path, "#!/bin/sh\necho 'sbatch: error: no such partition' >&2\nexit 1\n").expect("a script");
    let before = names_in(&folder);
    let refused = run(&folder, &["--on", "slurm", "count-range", "data.npy"]).run();
    assert_eq!(refused.code(), 4, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("the job cannot be submitted: sbatch: error: no such partition"),
        "{}",
        refused.stderr
    );
    assert_eq!(names_in(&folder), before);
    // A folder that was named stays: what was begun there can be done here.
    run(&folder, &["--on", "slurm", "count-range", "data.npy", "--run-dir", "run"]).run();
    run(&folder, &["runs", "resume", "run", "--on", "local"]).run().good();
}
