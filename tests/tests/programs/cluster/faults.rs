//! Coordinators that end, shards that fail, and results that are not what was published.

use super::machines::{Cluster, WORKER};

const CALLS: [&str; 6] = ["map", "rest", "rows.jsonl", "--range-size", "1", "--worker-program"];

fn slow(cluster: &Cluster, calls: usize) -> String {
    cluster.write("rows.jsonl", "[500]\n".repeat(calls));
    (0..calls).map(|index| format!("{{\"index\":{index},\"ok\":500}}\n")).collect()
}

fn alive(cluster: &Cluster) -> usize {
    cluster.shell("ctl", "squeue --noheader --array --format=%K").lines().count()
}

pub(super) fn coordinator_killed(cluster: &Cluster) {
    let wanted = slow(cluster, 24);
    let words = [&CALLS[..], &[WORKER, "--workers", "2", "--run-dir", "killed"]].concat();
    let first = cluster.slurm(&words).start();
    cluster.wait_until_running(3);
    cluster.shell("ctl", "kill -KILL $(cat pid)");
    assert_ne!(first.finish().code(), 0);
    assert_eq!(alive(cluster), 3, "nobody told them to end");
    let done = cluster.mpexec("ctl", &["runs", "resume", "killed"]).run();
    assert_eq!((done.code(), done.text(), done.stderr.as_str()), (0, &wanted[..], ""), "it waits, and submits nothing");
    assert_eq!(cluster.jobs("killed"), 1);
    let copies = ["n1", "n2", "n3"].map(|node| cluster.done_on("killed", node)).concat();
    assert_eq!(copies.matches(" published ").count(), 24, "nothing was computed twice");
}

pub(super) fn interrupted(cluster: &Cluster) {
    let wanted = slow(cluster, 24);
    let words = [&CALLS[..], &[WORKER, "--workers", "2", "--run-dir", "interrupted"]].concat();
    let first = cluster.slurm(&words).start();
    cluster.wait_until_running(3);
    cluster.shell("ctl", "kill -INT $(cat pid)");
    let first = first.finish();
    assert_eq!(first.code(), 130, "{}", first.stderr);
    assert!(first.stderr.contains("slurm: the jobs are cancelled\n"), "{}", first.stderr);
    cluster.wait_until("the jobs end", || alive(cluster) == 0);
    // Somebody else's end of the coordinator is none of the jobs; and what was begun there may be ended here.
    let second = cluster.mpexec("ctl", &["runs", "resume", "interrupted"]).start();
    cluster.wait_until_running(3);
    cluster.shell("ctl", "kill -TERM $(cat pid)");
    let second = second.finish();
    assert!(second.code() == 143 && second.stderr.contains("the jobs go on; mpexec runs resume "), "{}", second.stderr);
    assert_eq!(alive(cluster), 3);
    cluster.shell("ctl", "scancel --me");
    let here = cluster.mpexec("ctl", &["runs", "resume", "interrupted", "--on", "local", "--workers", "8"]).run();
    assert_eq!((here.code(), here.text()), (0, &wanted[..]), "{}", here.stderr);
    cluster.wait_until("the jobs end", || alive(cluster) == 0);
}

pub(super) fn failing_shards(cluster: &Cluster) {
    let row = |name: &str, times: u32| format!("[{:?}, {times}]\n", cluster.path(name));
    let run = |run: &str| {
        let words =
            ["map", "abort_often", "rows.jsonl", "--worker-program", WORKER, "--range-size", "1", "--run-dir", run];
        cluster.slurm(&words).run()
    };
    let wanted: String = (0..6).map(|index| format!("{{\"index\":{index},\"ok\":1}}\n")).collect();
    cluster.write(
        "rows.jsonl",
        ["a", "b", "c", "d", "e", "f"].map(|name| row(name, if name == "b" { 2 } else { 0 })).concat(),
    );
    let twice = run("twice");
    assert_eq!((twice.code(), twice.text(), cluster.jobs("twice")), (0, &wanted[..], 3), "{}", twice.stderr);
    assert_eq!(twice.stderr.matches("1 range missing (shard 1 on n").count(), 2, "{}", twice.stderr);
    cluster.wait_until_idle();
    cluster.write(
        "rows.jsonl",
        ["g", "h", "i", "j", "k", "l"].map(|name| row(name, if name == "k" { 4 } else { 0 })).concat(),
    );
    let always = run("always");
    let told = always.stderr.lines().last().unwrap_or_default();
    assert_eq!((always.code(), cluster.jobs("always")), (1, 4), "{}", always.stderr);
    assert!(told.starts_with("error: slurm: 1 range missing after 4 tries: shard 1 on n"), "{told}");
    assert!(
        told.contains(": exit code 1, rows-000004; it said: error: 1 of 1 calls failed; the first: call 4: "),
        "{told}"
    );
    assert!(told.ends_with("/shared/always goes on (with --on local, here)"), "{told}");
    assert_eq!(cluster.results("always").len(), 5, "the rest is kept");
    // A fifth time it does not fail.
    let done = cluster.mpexec("ctl", &["runs", "resume", "always"]).run();
    assert_eq!((done.code(), done.text(), cluster.jobs("always")), (0, &wanted[..], 5), "{}", done.stderr);
}

pub(super) fn tampered(cluster: &Cluster) {
    let wanted = slow(cluster, 6);
    let words = [&CALLS[..], &[WORKER, "--run-dir", "tampered"]].concat();
    assert_eq!(cluster.slurm(&words).run().text(), wanted);
    let path = cluster.path("tampered/out/rows-000003");
    let mut bytes = std::fs::read(&path).expect("a result");
    *bytes.last_mut().expect("some bytes") ^= 1;
    std::fs::write(&path, bytes).expect("a result");
    let refused = cluster.slurm(&words).run();
    assert_eq!(refused.code(), 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("tampered/out/rows-000003: has another checksum"), "{}", refused.stderr);
    std::fs::remove_file(&path).expect("a result");
    let again = cluster.slurm(&words).run();
    assert_eq!((again.code(), again.text(), cluster.jobs("tampered")), (0, &wanted[..], 2), "{}", again.stderr);
    let last = again.stderr.lines().next().unwrap_or_default();
    assert!(last.contains(": 1 shard for 1 range; results in "), "{last}");
}
