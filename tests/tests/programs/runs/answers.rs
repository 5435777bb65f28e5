//! `--on slurm` where Slurm's programs answer late, oddly or not at all: stand-ins again (see `elsewhere.rs`).

use std::fs;

use super::elsewhere::{run, slurm};
use crate::common::files::{file, table, write_script};
use rustix::process::Signal;
use tempfile::TempDir;

pub(super) const COUNT: [&str; 6] = ["--on", "slurm", "count-range", "data.npy", "--run-dir", "run"];

/// A folder with the stand-ins and an array.
pub(super) fn with_data() -> TempDir {
    let folder = slurm();
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    folder
}

/// Another stand-in.
pub(super) fn script(folder: &TempDir, name: &str, text: &str) {
    write_script(&folder.path().join("bin").join(name), text);
}

/// What is said first to Slurm's programs of the jobs of a run: that they are of this user, and what they are called.
pub(super) fn of_mine() -> String {
    format!("--user={} --name=mpexec-", rustix::process::getuid().as_raw())
}

pub(super) fn file_of(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap_or_default()
}

#[test]
fn a_command_that_fails_is_told_with_its_words_and_its_node() {
    let folder = slurm();
    let command = "echo {} no such thing >&2; echo x >>ran-{}; test {} != 2";
    let there = ["--on", "slurm", "--shards", "3", "run", "--run-dir", "run", command, ":::", "1", "2", "3"];
    let done = run(&folder, &there).run();
    let line = done.stderr.lines().last().unwrap_or_default();
    assert_eq!(done.code(), 1, "{}", done.stderr);
    assert!(line.starts_with("error: slurm: 1 range missing after 4 tries: shard 1 on here: exit code 1, "), "{line}");
    assert!(line.contains("2 no such thing") && line.contains("command 2 exited with code 1: "), "{line}");
    let excluded = file_of(&folder, "told").lines().map(|line| line.contains(" --exclude=here")).collect::<Vec<_>>();
    assert_eq!(excluded, [false, true, true, true]);
    assert_eq!(["ran-1", "ran-2", "ran-3"].map(|name| file_of(&folder, name).len()), [2, 8, 2]);
}

#[test]
fn who_types_ctrl_c_while_nobody_answers_has_the_jobs_cancelled_or_is_told_that_they_may_go_on() {
    // Each program of the engine hangs, as long as the folder is there.
    let hang = "echo >>\"$SLURM/asked-$(basename $0)\"; while test -d \"$SLURM\"; do sleep 0.1; done";
    for (name, stops) in [("sbatch", "sbatch"), ("squeue", "squeue"), ("scancel", "sbatch")] {
        let folder = with_data();
        script(&folder, "scancel", "echo \"$*\" >>\"$SLURM/cancelled\"");
        if name == "scancel" {
            script(&folder, "scancel", &format!("echo \"$*\" >>\"$SLURM/cancelled\"; {hang}"));
        }
        script(&folder, stops, &format!("{hang}; echo 17"));
        let started = run(&folder, &[&["--grace", "300ms"], &COUNT[..]].concat()).start();
        mpexec_testkit::wait_until("it was asked", || !file_of(&folder, &format!("asked-{stops}")).is_empty());
        started.signal(Signal::INT);
        let done = started.finish();
        assert_eq!(done.code(), 130, "{name}: {}", done.stderr);
        mpexec_testkit::wait_until("they are cancelled", || file_of(&folder, "cancelled").starts_with(&of_mine()));
        let told = match name {
            "scancel" => "were to be cancelled, and there is no answer yet: they may go on, and mpexec runs resume ",
            // It hangs, and might be accepted when nobody is here any more.
            "sbatch" => "slurm: the jobs are cancelled, but one was being submitted, as mpexec-",
            _ => "slurm: the jobs are cancelled\n",
        };
        assert!(done.stderr.contains(told), "{name}: {}", done.stderr);
    }
}

#[test]
fn words_by_which_jobs_are_found_are_refused() {
    let folder = with_data();
    for word in ["-J mine", "--array=0-9", "-M other", "--wait", "-HW", "--clust=b"] {
        let refused = run(&folder, &[&COUNT[..], &["--engine-args", word]].concat()).run();
        let said = refused.fault(2);
        assert!(
            said.contains("--engine-args: ") && said.contains(" cannot be said: by that the jobs are found"),
            "{said}"
        );
    }
    assert_eq!(file_of(&folder, "told"), "", "nothing was submitted");
}

#[test]
fn what_jobs_wait_for_that_never_comes_by_itself_is_told_once() {
    let folder = with_data();
    script(&folder, "sbatch", "cat >\"$SLURM/script\"; echo 17");
    script(&folder, "scancel", "echo >\"$SLURM/cancelled\"");
    script(
        &folder,
        "squeue",
        "test -e \"$SLURM/script\" || exit 0; echo >>\"$SLURM/looks\"; echo '17_0 PD PartitionTimeLimit'",
    );
    let started = run(&folder, &COUNT).start();
    started.wait_for("slurm: job 17: none of it runs, it waits: PartitionTimeLimit");
    let looks = || file_of(&folder, "looks").len();
    let seen = looks();
    mpexec_testkit::wait_until("it looks again", || looks() > seen + 1);
    started.signal(Signal::INT);
    let done = started.finish();
    assert_eq!(done.stderr.matches("PartitionTimeLimit").count(), 1, "{}", done.stderr);
    assert!(done.stderr.contains("the jobs are cancelled"), "{}", done.stderr);
}

#[test]
fn only_a_number_is_one_and_an_array_whose_number_did_not_come_is_looked_for() {
    // A wrapper that says something before.
    let folder = with_data();
    let sbatch = file_of(&folder, "bin/sbatch");
    script(&folder, "sbatch", &format!("echo Welcome; {sbatch}"));
    let done = run(&folder, &COUNT).run();
    assert!(done.stderr.starts_with("slurm: job 17: 1 shard "), "{}", done.stderr);
    assert_eq!(done.code(), 0);
    // One that says nothing.
    let folder = with_data();
    script(&folder, "sbatch", "cat >/dev/null");
    let done = run(&folder, &COUNT).run();
    assert!(
        done.fault(4).contains("the job cannot be submitted: sbatch has said no number of a job: "),
        "{}",
        done.stderr
    );
    // One that was accepted, and whose answer was lost.
    let folder = with_data();
    script(
        &folder,
        "sbatch",
        &format!("{sbatch}\necho 'Socket timed out on send/recv operation' >&2; echo >\"$SLURM/lost\"; exit 1"),
    );
    script(&folder, "squeue", "test -e \"$SLURM/lost\" || exit 0; case \"$*\" in *%F_%K*) ;; *) echo 21 ;; esac");
    let done = run(&folder, &COUNT).run();
    assert!(done.stderr.starts_with("slurm: job 21: 1 shard "), "{}", done.stderr);
    assert_eq!(done.code(), 0);
    assert_eq!(file_of(&folder, "told").lines().count(), 1, "it was submitted once");
}

#[test]
fn what_somebody_has_set_for_squeue_does_not_bend_its_answer() {
    let folder = with_data();
    script(&folder, "squeue", "env >>\"$SLURM/env\"");
    let done = run(&folder, &COUNT).env("SQUEUE_STATES", "COMPLETED").env("SBATCH_ACCOUNT", "mine").run();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let env = file_of(&folder, "env");
    assert!(!env.contains("SQUEUE_STATES") && env.contains("SBATCH_ACCOUNT=mine"), "{env}");
}

#[test]
fn an_array_that_somebody_cancels_is_not_submitted_again() {
    let folder = with_data();
    script(
        &folder,
        "sbatch",
        "echo \"$*\" >>\"$SLURM/told\"; cat >/dev/null; echo 'JobId=1 ArrayTaskId=0 JobState=CANCELLED ExitCode=0:15 NodeList=here' \
         >\"$SLURM/ended\"; echo 17",
    );
    let done = run(&folder, &COUNT).run();
    let line = done.stderr.lines().last().unwrap_or_default();
    assert_eq!(done.code(), 1, "{}", done.stderr);
    assert!(line.starts_with("error: slurm: 1 range missing: shard 0 on here: cancelled, rows-000000; "), "{line}");
    assert_eq!(file_of(&folder, "told").lines().count(), 1, "it was submitted once");
}

#[test]
fn nodes_are_counted_where_jobs_go() {
    let folder = with_data();
    file(&folder, "rows.jsonl", "[0]\n".repeat(200).as_bytes());
    script(
        &folder,
        "sinfo",
        "for n in a b; do echo $n idle 1 'long*'; done; for n in $(seq 100); do echo $n idle 1 other; done",
    );
    let map = ["--on", "slurm", "map", "rest", "rows.jsonl", "--run-dir", "run", "--worker-program"];
    let done = run(&folder, &[&map[..], &[env!("CARGO_BIN_EXE_task-worker")]].concat()).run();
    assert!(done.stderr.starts_with("slurm: job 17: 2 shards "), "{}", done.stderr);
}

#[test]
fn where_this_process_ends_with_an_error_it_is_said_that_the_jobs_go_on_as_long_as_they_do() {
    for (alive, told) in [
        ("echo '17_1 R None'", Some("slurm: the jobs go on; mpexec runs resume ")),
        ("exit 1", Some("slurm: nobody says how the jobs are: they may go on, and mpexec runs resume ")),
        ("true", None),
    ] {
        let folder = slurm();
        table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
        // The first shard is done, and what it has published is tampered with; how the other is, squeue says.
        let sbatch = file_of(&folder, "bin/sbatch");
        let tampered = "for one in run/out/*; do echo bad >\"$one\"; done; echo >\"$SLURM/submitted\"";
        script(&folder, "sbatch", &format!("{sbatch}\ncd \"$SLURM\"; {tampered}"));
        script(&folder, "squeue", &format!("test -e \"$SLURM/submitted\" || exit 0; {alive}"));
        let done = run(&folder, &COUNT).run();
        assert_eq!(done.code(), 3, "{alive}: {}", done.stderr);
        assert!(done.stderr.contains("does not begin with the header of a result"), "{}", done.stderr);
        match told {
            Some(told) => assert_eq!(done.stderr.matches(told).count(), 1, "{alive}: {}", done.stderr),
            None => assert!(!done.stderr.contains("go on"), "{}", done.stderr),
        }
    }
}
