//! Coordinators that end, shards that fail, and results that are not what was published.

use super::machines::Cluster;
use super::work::{Work, calls};

fn alive(cluster: &Cluster) -> usize {
    cluster.shell("ctl", "squeue --noheader --array --format=%K").lines().count()
}

pub(super) fn coordinator_killed(cluster: &Cluster) {
    let work = Work::rests(cluster, "killed", 24, 1200);
    let first = work.start("ctl");
    cluster.wait_until_running(3);
    cluster.shell("ctl", "kill -KILL $(cat pid)");
    assert_ne!(first.finish().code(), 0);
    work.none();
    assert_eq!(alive(cluster), 3, "nobody told them to end");
    let done = work.resume(&[]).run();
    work.same(&done);
    assert_eq!((done.stderr.as_str(), cluster.jobs("killed")), ("", 1), "it waits, and submits nothing");
    work.each_counts_once();
    let all = ["n1", "n2", "n3"].map(|node| work.done_on(node)).concat();
    assert_eq!(all.len(), 24, "nothing was computed twice");
}

pub(super) fn interrupted(cluster: &Cluster) {
    let work = Work::rests(cluster, "interrupted", 24, 1200);
    let first = work.start("ctl");
    cluster.wait_until_running(3);
    cluster.shell("ctl", "kill -INT $(cat pid)");
    let first = first.finish();
    assert_eq!(first.code(), 130, "{}", first.stderr);
    assert!(first.stderr.contains("slurm: the jobs are cancelled\n"), "{}", first.stderr);
    cluster.wait_until("the jobs end", || alive(cluster) == 0);
    // Somebody else's end of the coordinator is none of the jobs; and what was begun there may be ended here.
    let second = work.resume(&[]).start();
    cluster.wait_until_running(3);
    cluster.shell("ctl", "kill -TERM $(cat pid)");
    let second = second.finish();
    assert!(second.code() == 143 && second.stderr.contains("the jobs go on; mpexec runs resume "), "{}", second.stderr);
    work.none();
    assert_eq!(alive(cluster), 3);
    cluster.shell("ctl", "scancel --me");
    work.same(&work.resume(&["--on", "local", "--workers", "8"]).run());
    cluster.wait_until("the jobs end", || alive(cluster) == 0);
}

/// Calls of which one fails so often: a plain run of calls that do not; then the same, of which one does.
fn failing<'a>(cluster: &'a Cluster, run: &'static str, names: [&str; 6], fails: &str, times: u32) -> Work<'a> {
    let row = |name: &str, times: u32| format!("[{:?}, {times}]\n", cluster.path(name));
    cluster.write("rows.jsonl", names.map(|name| row(name, 0)).concat());
    let work = Work::new(cluster, run, &calls("abort_often"));
    work.wanted();
    cluster.write("rows.jsonl", names.map(|name| row(name, if name == fails { times } else { 0 })).concat());
    work
}

pub(super) fn failing_shards(cluster: &Cluster) {
    let work = |run, names, fails, times| failing(cluster, run, names, fails, times);
    let twice = work("twice", ["a", "b", "c", "d", "e", "f"], "b", 2);
    let done = twice.call("ctl").run();
    twice.same(&done);
    assert_eq!(cluster.jobs("twice"), 3, "{}", done.stderr);
    assert_eq!(done.stderr.matches("1 range missing (shard 1 on n").count(), 2, "{}", done.stderr);
    cluster.wait_until_idle();
    let always = work("always", ["g", "h", "i", "j", "k", "l"], "k", 4);
    let failed = always.call("ctl").run();
    let told = failed.stderr.lines().last().unwrap_or_default();
    assert_eq!((failed.code(), cluster.jobs("always")), (1, 4), "{}", failed.stderr);
    assert!(told.starts_with("error: slurm: 1 range missing after 4 tries: shard 1 on n"), "{told}");
    assert!(
        told.contains(": exit code 1, rows-000004; it said: error: 1 of 1 calls failed; the first: call 4: "),
        "{told}"
    );
    assert!(told.ends_with("/shared/always goes on (with --on local, here)"), "{told}");
    assert_eq!(cluster.results("always").len(), 5, "the rest is kept");
    always.none();
    // A fifth time it does not fail.
    let done = always.resume(&[]).run();
    always.same(&done);
    assert_eq!(cluster.jobs("always"), 5, "{}", done.stderr);
}

pub(super) fn no_other_node(cluster: &Cluster) {
    cluster.shell("ctl", "scontrol update nodename=n3 state=drain reason=tested");
    // Of the two that are left each has failed after two tries.
    let work = failing(cluster, "given-back", ["m", "n", "o", "p", "q", "r"], "n", 2);
    let done = work.call("ctl").run();
    work.same(&done);
    let told = &done.stderr;
    assert!(told.contains(", without n1, n2\n"), "{told}");
    assert!(told.contains("none of it runs, it waits: ReqNodeNotAvail"), "{told}");
    assert!(told.contains("slurm: it is submitted again, for any node\n"), "{told}");
    assert_eq!(cluster.jobs("given-back"), 4, "{told}");
    // As many shards as nodes are idle are two, in however many partitions these are.
    cluster.shell("ctl", "scontrol create partitionname=other nodes=n1,n2,n3");
    cluster.wait_until("the others are idle", || {
        // One that is drained and has no job is idle too where that is asked for.
        let states = cluster.shell("ctl", "sinfo --noheader --Node --partition=main --format=%t");
        states.lines().filter(|state| *state == "idle").count() == 2
    });
    let there = ["--on", "slurm", "--engine-args", "-p main,other", "run", "--run-dir", "two", "true", ":::"];
    let done = cluster.mpexec("ctl", &there).args((0..40).map(|number| number.to_string())).run();
    assert!(done.stderr.contains(": 2 shards for 40 ranges;"), "{}", done.stderr);
    cluster.shell("ctl", "scontrol delete partitionname=other; scontrol update nodename=n3 state=resume");
}

pub(super) fn tampered(cluster: &Cluster) {
    let wide = (0..200).map(|n| format!("{n},{},{},{},{}\n", n % 3, n % 5, n % 7, n % 11)).collect::<String>();
    cluster.write("wide.csv", wide);
    let words = ["frame", "wide.csv", "--task", "normalize", "--by", "columns", "--output-format", "arrow"];
    let work = Work::new(cluster, "tampered", &words);
    work.same(&work.call("ctl").run());
    let path = cluster.path("tampered/out/columns0-000003");
    let mut bytes = std::fs::read(&path).expect("a result");
    *bytes.last_mut().expect("some bytes") ^= 1;
    std::fs::write(&path, bytes).expect("a result");
    let refused = work.call("ctl").run();
    assert_eq!(refused.code(), 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("tampered/out/columns0-000003: has another checksum"), "{}", refused.stderr);
    work.none();
    std::fs::remove_file(&path).expect("a result");
    let again = work.call("ctl").run();
    work.same(&again);
    assert_eq!(cluster.jobs("tampered"), 2, "{}", again.stderr);
    let last = again.stderr.lines().next().unwrap_or_default();
    assert!(last.contains(": 1 shard for 1 range; results in "), "{last}");
}
