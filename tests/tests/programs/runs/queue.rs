//! `--on slurm` and the queue: what is left waiting in it, what is submitted twice and what never, with stand-ins (see `elsewhere.rs`).

use std::fs;

use super::answers::{COUNT, file_of, of_mine, script, with_data};
use super::elsewhere::{WORKER, run, slurm};
use crate::common::files::file;
use rustix::process::Signal;
use tempfile::TempDir;

/// An array waits until it is cancelled.
fn waits(folder: &TempDir) {
    script(
        folder,
        "squeue",
        "test -e \"$SLURM/script\" && ! test -e \"$SLURM/cancelled\" && echo '17_0 PD None'; true",
    );
    script(folder, "scancel", "echo \"$*\" >>\"$SLURM/cancelled\"");
}

#[test]
fn jobs_that_are_left_when_a_run_is_done_are_cancelled() {
    // Done here, while they wait.
    let folder = with_data();
    waits(&folder);
    script(&folder, "sbatch", "cat >\"$SLURM/script\"; echo 17");
    let begun = run(&folder, &COUNT).start();
    begun.wait_for("slurm: job 17: 1 shard");
    begun.signal(Signal::TERM);
    begun.finish();
    assert_eq!(file_of(&folder, "cancelled"), "");
    run(&folder, &["runs", "resume", "run", "--on", "local"]).run().good();
    let cancelled = file_of(&folder, "cancelled");
    assert!(cancelled.starts_with(&of_mine()) && !cancelled.contains("PENDING"), "it is done: {cancelled}");
    // Done there, while one waits that is to begin again; those that run are about to end.
    let folder = with_data();
    waits(&folder);
    assert_eq!(run(&folder, &COUNT).run().code(), 0);
    let cancelled = file_of(&folder, "cancelled");
    assert!(cancelled.starts_with(&of_mine()) && cancelled.ends_with(" --state=PENDING\n"), "{cancelled}");
    // Removed, when one waits again.
    fs::remove_file(folder.path().join("cancelled")).expect("it was cancelled");
    let cleaned = run(&folder, &["runs", "clean", "run"]).run();
    assert!(cleaned.stderr.contains("slurm: the jobs are cancelled"), "{}", cleaned.stderr);
    assert!(!folder.path().join("run").exists());
}

#[test]
fn where_only_nodes_are_left_that_nobody_gets_those_that_failed_have_another_try() {
    let folder = slurm();
    let sbatch = file_of(&folder, "bin/sbatch");
    let waits = "case \"$*\" in *--exclude=*) echo \"$*\" >>\"$SLURM/told\"; cat >/dev/null; rm -f \"$SLURM/ended\"; echo >\"$SLURM/waits\"; echo 18; exit ;; esac";
    script(&folder, "sbatch", &format!("{waits}\n{sbatch}"));
    script(&folder, "squeue", "test -e \"$SLURM/waits\" && echo '18_0 PD ReqNodeNotAvail, UnavailableNodes:n3'; true");
    script(&folder, "scancel", "rm \"$SLURM/waits\"");
    let command = "echo {} >>ran; test $(wc -l <ran) -gt 1";
    let there = ["--on", "slurm", "--shards", "1", "run", "--run-dir", "run", command, ":::", "1"];
    let done = run(&folder, &there).run();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let excluded: Vec<_> = file_of(&folder, "told").lines().map(|line| line.contains(" --exclude=here")).collect();
    assert_eq!(excluded, [false, true, false], "{}", done.stderr);
    assert!(
        done.stderr
            .contains("it waits: ReqNodeNotAvail, UnavailableNodes:n3\nslurm: it is submitted again, for any node\n"),
        "{}",
        done.stderr
    );
}

#[test]
fn an_array_whose_number_nobody_heard_is_not_submitted_again_while_nobody_says_whether_it_is_there() {
    let folder = with_data();
    script(&folder, "sbatch", "echo \"$*\" >>\"$SLURM/told\"; cat >\"$SLURM/script\"; kill -9 $PPID");
    run(&folder, &COUNT).run();
    let asked = "echo >>\"$SLURM/asked\"; test $(wc -l <\"$SLURM/asked\") -gt 1 || { echo busy >&2; exit 1; }";
    script(&folder, "squeue", &format!("{asked}\nSLURM_ARRAY_TASK_ID=0 sh \"$SLURM/script\""));
    let resumed = run(&folder, &["runs", "resume", "run"]).run();
    assert_eq!(resumed.code(), 0, "{}", resumed.stderr);
    assert!(resumed.stderr.contains("slurm: does not answer (busy); waiting until it does"), "{}", resumed.stderr);
    assert_eq!(file_of(&folder, "told").lines().count(), 1, "it was submitted once");
}

#[test]
fn a_greeting_is_no_job_and_variables_of_sbatch_do_not_bend_what_is_submitted() {
    let folder = with_data();
    let sbatch = file_of(&folder, "bin/sbatch");
    script(&folder, "sbatch", &format!("env >\"$SLURM/env\"\n{sbatch}"));
    script(&folder, "squeue", "echo Welcome to the cluster");
    let there = [&["--transport", "socket", "--grace", "30s"], &COUNT[..]].concat();
    let done = run(&folder, &there).env("SBATCH_WAIT", "1").env("SLURM_CLUSTERS", "other").run();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let env = file_of(&folder, "env");
    assert!(!env.contains("SBATCH_WAIT") && !env.contains("SLURM_CLUSTERS"), "{env}");
    let script = file_of(&folder, "script");
    assert!(script.contains(" --workers auto --transport socket --grace 30000ms runs element "), "{script}");
}

#[test]
fn what_jobs_cannot_do_and_more_shards_than_there_can_be_are_refused() {
    let folder = with_data();
    let refused = run(&folder, &[&["--chaos", "kill=0.1"], &COUNT[..]].concat()).run();
    assert!(refused.fault(2).starts_with("--chaos strikes workers of this process"), "{}", refused.stderr);
    let refused = run(&folder, &[&["--shards", "4000000000"], &COUNT[..]].concat()).run();
    let told = refused.fault(4);
    assert!(
        told.ends_with("4000000000 shards are too many: an array has 1001 elements here at most (MaxArraySize)"),
        "{told}"
    );
    assert_eq!(file_of(&folder, "told"), "", "nothing was submitted");
}

#[test]
fn a_run_that_was_begun_with_the_variable_of_a_worker_program_goes_on_without_it() {
    let folder = slurm();
    file(&folder, "rows.jsonl", &b"[1, 2]\n".repeat(5));
    let words = ["map", "add", "rows.jsonl", "--run-dir", "run"];
    run(&folder, &words).env("MPEXEC_WORKER_PROGRAM", WORKER).run().good();
    fs::remove_file(folder.path().join("run/out/rows-000000")).expect("a result");
    assert_eq!(run(&folder, &["runs", "resume", "run"]).run().good().lines().count(), 5);
    run(&folder, &words).env("MPEXEC_WORKER_PROGRAM", WORKER).run().good();
}
