//! Machines and links that break while others compute.

use std::time::Duration;

use super::machines::{Cluster, WORKER};
use crate::common::program::{Done, Started};

/// So many calls, each of which takes a while: `rows.jsonl` has them, and this is what comes of them.
fn slow(cluster: &Cluster, calls: usize, milliseconds: u64) -> String {
    cluster.write("rows.jsonl", format!("[{milliseconds}]\n").repeat(calls));
    (0..calls).map(|index| format!("{{\"index\":{index},\"ok\":{milliseconds}}}\n")).collect()
}

/// They are made by three jobs, and a coordinator on this machine waits for them.
fn call(cluster: &Cluster, machine: &str, run: &str) -> Started {
    let words = ["--on", "slurm", "--shards", "3", "--workers", "2", "map", "rest", "rows.jsonl"];
    let more = ["--worker-program", WORKER, "--range-size", "1", "--run-dir", run];
    cluster.mpexec(machine, &[&words[..], &more].concat()).start()
}

fn same(done: &Done, wanted: &str) {
    assert_eq!((done.code(), done.text()), (0, wanted), "{}", done.stderr);
}

/// Waits until this node has published something.
fn wait_for_work(cluster: &Cluster, run: &str, node: &str) {
    cluster.wait_until("it has done something", || {
        cluster.path(run).join("log").exists() && cluster.done_on(run, node).contains(" published ")
    });
}

pub(super) fn power_cut(cluster: &Cluster) {
    let wanted = slow(cluster, 48, 500);
    let run = call(cluster, "ctl", "power");
    wait_for_work(cluster, "power", "n2");
    cluster.make("kill", "n2");
    let done = run.finish();
    same(&done, &wanted);
    assert_eq!(cluster.jobs("power"), 1, "its job is begun again by Slurm: {}", done.stderr);
    cluster.make("start", "n2");
}

pub(super) fn link_cut(cluster: &Cluster) {
    let wanted = slow(cluster, 48, 1000);
    let run = call(cluster, "ctl", "link");
    wait_for_work(cluster, "link", "n3");
    cluster.make("cut", "n3");
    // It works on, and so does whoever gets its job.
    cluster.wait_until("the node is taken for lost", || {
        cluster.shell("ctl", "sinfo --noheader --nodes=n3 --format=%t").trim().starts_with("down")
    });
    cluster.make("mend", "n3");
    same(&run.finish(), &wanted);
    let copies = ["n1", "n2", "n3"].map(|node| cluster.done_on("link", node)).concat();
    assert_eq!(copies.matches(" published ").count(), 48, "each result counts once");
}

pub(super) fn controller_killed(cluster: &Cluster) {
    let wanted = slow(cluster, 36, 1000);
    let run = call(cluster, "n1", "controller");
    wait_for_work(cluster, "controller", "n2");
    cluster.make("kill", "ctl");
    run.wait_for("slurm: does not answer (");
    cluster.make("start", "ctl");
    let done = run.finish();
    same(&done, &wanted);
    assert_eq!(cluster.jobs("controller"), 1, "{}", done.stderr);
    // It learns from each node by and by what that runs, and takes away what it does not know: the next scene begins when it has.
    for _ in 0..SETTLES {
        cluster.wait_until_idle();
        std::thread::park_timeout(Duration::from_secs(1));
    }
}

/// So often, a second apart, all nodes are idle before the controller is believed to know all of them.
const SETTLES: u32 = 8;

pub(super) fn blind_node(cluster: &Cluster) {
    let wanted = slow(cluster, 6, 10);
    cluster.shell("n2", "mount -t tmpfs none .");
    let done = call(cluster, "ctl", "blind").finish();
    cluster.shell("n2", "here=$(pwd) && cd / && umount $here");
    same(&done, &wanted);
    let told = &done.stderr;
    assert!(told.contains("on n2: does not see the run folder); submitted again as job "), "{told}");
    assert!(told.trim_end().ends_with(", without n2") && cluster.jobs("blind") == 2, "{told}");
}

pub(super) fn full_disk(cluster: &Cluster) {
    let wanted = slow(cluster, 6, 10);
    same(&call(cluster, "ctl", "full").finish(), &wanted);
    cluster
        .results("full")
        .iter()
        .for_each(|name| std::fs::remove_file(cluster.path("full/out").join(name)).expect("a result"));
    cluster.shell("n1", "mount -t tmpfs -o size=4k none full/out && head -c 4096 /dev/zero >full/out/.new-other");
    let done = cluster.mpexec("ctl", &["runs", "resume", "full"]).run();
    cluster.shell("n1", "umount full/out");
    same(&done, &wanted);
    assert!(
        done.stderr.contains("on n1: exit code 3); submitted again") && done.stderr.contains(", without n1"),
        "{}",
        done.stderr
    );
    let said = (0..3).map(|shard| cluster.read(&format!("full/log/shard-{shard}.txt"))).collect::<Vec<_>>().concat();
    assert!(String::from_utf8_lossy(&said).contains("No space left"));
}
