//! Machines and links that break while others compute.

use std::time::Duration;

use super::machines::Cluster;
use super::same::csv;
use super::work::{Held, Work};

pub(super) fn power_cut(cluster: &Cluster) {
    let work = Work::rests(cluster, "power", 30, 600);
    let run = work.start("ctl");
    work.wait_for_work("n2");
    cluster.make("kill", "n2");
    assert!(work.done_on("n2").len() < 10, "a third is its share, and it was in the middle of it");
    let done = run.finish();
    work.same(&done);
    work.none_counts_twice();
    assert_eq!(cluster.jobs("power"), 1, "its job is begun again by Slurm: {}", done.stderr);
    cluster.make("start", "n2");
}

pub(super) fn link_cut(cluster: &Cluster) {
    csv(cluster, "a.csv", 90_000, false);
    let (held, program) = Held::program(cluster, "n3");
    let words = ["normalize", "a.csv", "--output-format", "parquet", "--worker-program", &program];
    let work = Work::new(cluster, "link", &[&words[..], &["--range-size", "1K"]].concat());
    let run = work.start("ctl");
    // It knows what is published, and has computed nothing.
    held.wait();
    cluster.make("cut", "n3");
    // Its job is begun again elsewhere, and all of it is done there.
    let done = run.finish();
    work.same(&done);
    let (results, others) = (cluster.results("link"), ["n1", "n2"].map(|node| work.done_on(node)).concat());
    assert!(others.len() == results.len() && others.iter().all(|(_, counts)| *counts), "{others:?}");
    // It works on as if nothing were, behind the cut, and comes to its end too: each of its results is there already.
    assert_eq!(work.done_on("n3"), []);
    held.let_go();
    cluster.wait_until("the second copy comes to its end", || !held.runs());
    let second = work.done_on("n3");
    let said = || String::from_utf8_lossy(&cluster.read("link/log/shard-2.txt")).into_owned();
    assert!(
        second.len() >= results.len() / 3 && results.len() >= 3,
        "its share: {second:?} of {results:?}: {}",
        said()
    );
    assert!(second.iter().all(|(key, counts)| results.contains(key) && !counts), "it is dropped: {second:?}");
    work.each_counts_once();
    cluster.make("mend", "n3");
    let again = work.call("ctl").run();
    work.same(&again);
    assert_eq!(cluster.jobs("link"), 1, "{}", again.stderr);
}

pub(super) fn controller_killed(cluster: &Cluster) {
    csv(cluster, "a.csv", 60_000, false);
    let (held, program) = Held::program(cluster, "n2");
    let words = ["count-range", "a.csv", "--max", "6", "--output-format", "csv", "--worker-program", &program];
    let work = Work::new(cluster, "controller", &[&words[..], &["--range-size", "1K"]].concat());
    let run = work.start("n1");
    held.wait();
    // What it has not written down it would give to others a second time.
    cluster.wait_until_written_down("n2");
    assert!(work.done_on("n2").is_empty() && cluster.results("controller").len() < 3, "{}", run.told());
    cluster.make("kill", "ctl");
    run.wait_for("slurm: does not answer (");
    cluster.make("start", "ctl");
    held.let_go();
    let done = run.finish();
    work.same(&done);
    work.each_counts_once();
    assert_eq!(cluster.jobs("controller"), 1, "{}", done.stderr);
    // It learns from each node by and by what that runs, and takes away what it does not know: the next scene begins when it has.
    for _ in 0..SETTLES {
        cluster.wait_until_idle();
        std::thread::park_timeout(Duration::from_secs(1));
    }
}

/// So often, a second apart, all nodes are idle before the controller is believed to know all of them.
const SETTLES: u32 = 4;

pub(super) fn blind_node(cluster: &Cluster) {
    let wide = (0..200).map(|n| format!("{n},{},{},{},{}\n", n % 3, n % 5, n % 7, n % 11)).collect::<String>();
    cluster.write("wide.csv", wide);
    let words = ["frame", "wide.csv", "--task", "normalize", "--by", "columns", "--output-format", "csv"];
    let work = Work::new(cluster, "blind", &words);
    cluster.shell("n2", "mount -t tmpfs none .");
    let done = work.call("ctl").run();
    cluster.shell("n2", "here=$(pwd) && cd / && umount $here");
    work.same(&done);
    let told = &done.stderr;
    assert!(told.contains("on n2: does not see the run folder); submitted again as job "), "{told}");
    assert!(told.trim_end().ends_with(", without n2") && cluster.jobs("blind") == 2, "{told}");
}

pub(super) fn full_disk(cluster: &Cluster) {
    cluster.local(&["gen", "data.npy", "--rows", "100000", "--cols", "4", "--seed", "7"]);
    let work = Work::new(cluster, "full", &["count-range", "data.npy", "--output-format", "npy", "--range-size", "1K"]);
    work.same(&work.call("ctl").run());
    let results = cluster.results("full");
    assert!(results.len() > 6, "{results:?}");
    results.iter().for_each(|name| std::fs::remove_file(cluster.path("full/out").join(name)).expect("a result"));
    cluster.shell("n1", "mount -t tmpfs -o size=4k none full/out && head -c 4096 /dev/zero >full/out/.new-other");
    let done = work.resume(&[]).run();
    cluster.shell("n1", "umount full/out");
    work.same(&done);
    assert!(
        done.stderr.contains("on n1: exit code 3); submitted again") && done.stderr.contains(", without n1"),
        "{}",
        done.stderr
    );
    let said = (0..3).map(|shard| cluster.read(&format!("full/log/shard-{shard}.txt"))).collect::<Vec<_>>().concat();
    assert!(String::from_utf8_lossy(&said).contains("No space left"));
}
