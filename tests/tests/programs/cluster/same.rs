//! Without any fault: what three nodes give is what one machine gives.

use super::machines::{Cluster, WORKER};

/// Runs a command here and by three jobs, each of which does a part of it, and compares what comes of it: the file of this name.
fn compare(cluster: &Cluster, run: &str, words: &[&str], output: &str) {
    cluster.local(words);
    let here = cluster.read(output);
    std::fs::remove_file(cluster.path(output)).expect("the output");
    let done = cluster.slurm(&[words, &["--run-dir", run, "--range-size", "50K"]].concat()).run();
    assert_eq!(done.code(), 0, "{words:?}: {}", done.stderr);
    assert!(done.stderr.starts_with("slurm: job "), "{}", done.stderr);
    assert!(cluster.read(output) == here, "{words:?}");
    assert!(cluster.results(run).len() >= 3, "{words:?}: {:?}", cluster.results(run));
    // One that is done early gives its node to the next.
    let worked = ["n1", "n2", "n3"].map(|node| cluster.done_on(run, node).contains(" published "));
    assert!(worked.iter().filter(|worked| **worked).count() > 1, "{words:?}: {worked:?}");
    assert!(!cluster.done_on(run, "ctl").contains(" published "), "{words:?}: the coordinator computes nothing");
    assert!(cluster.path(run).join("done").exists(), "{words:?}");
}

pub(super) fn csv(cluster: &Cluster, name: &str, rows: u64, quotes: bool) {
    let row = |n: u64| match quotes && n > rows / 2 {
        true => format!("{n},\"{}\",{}\n", n % 13, n % 7),
        false => format!("{n},{},{}\n", n % 13, n % 7),
    };
    cluster.write(name, format!("a,b,c\n{}", (0..rows).map(row).collect::<String>()));
}

pub(super) fn counts(cluster: &Cluster) {
    cluster.local(&["gen", "data.npy", "--rows", "100000", "--cols", "4", "--seed", "7"]);
    compare(cluster, "array", &["count-range", "data.npy", "--output", "counts.npy"], "counts.npy");
    csv(cluster, "plain.csv", 30_000, false);
    csv(cluster, "quoted.csv", 30_000, true);
    let words = ["count-range", "plain.csv", "quoted.csv", "--max", "6", "--output", "counts.csv"];
    compare(cluster, "tables", &words, "counts.csv");
    let found = cluster.results("tables");
    assert!(found.iter().any(|name| name.starts_with("table1-rows-")), "quotes are found on the way: {found:?}");
    // In a folder that nobody has named, which is told.
    let here = cluster.local(&["count-range", "data.npy", "--json"]).json();
    let unnamed = cluster.mpexec("ctl", &["--on", "slurm", "count-range", "data.npy", "--json"]).run();
    assert!(unnamed.code() == 0 && unnamed.stderr.contains("; results in mpexec-run-2"), "{}", unnamed.stderr);
    let there: serde_json::Value = serde_json::from_str(unnamed.text()).expect("JSON");
    assert_eq!(there["rows"], here["rows"]);
    assert_eq!(there["total"], here["total"]);
}

pub(super) fn rows(cluster: &Cluster) {
    csv(cluster, "a.csv", 30_000, false);
    csv(cluster, "b.csv", 30_000, true);
    let words = ["normalize", "a.csv", "b.csv", "--output", "scaled.parquet"];
    compare(cluster, "normalize", &words, "scaled.parquet");
    compare(cluster, "common", &["common-items", "a.csv", "b.csv", "--output", "common.jsonl.gz"], "common.jsonl.gz");
}

pub(super) fn frames(cluster: &Cluster) {
    // Three chunks.
    cluster.write("frame.csv", (0..132_000).map(|n| format!("{},{}\n", n % 13, n % 7)).collect::<String>());
    let frame = |more: &[&'static str]| [&["frame", "frame.csv", "--task"], more].concat();
    compare(cluster, "rows", &frame(&["normalize", "--output", "rows.parquet"]), "rows.parquet");
    // So few numbers take one walk.
    compare(cluster, "described", &frame(&["describe", "--output", "described.csv"]), "described.csv");
    cluster.write(
        "wide.csv",
        (0..2000).map(|n| format!("{n},{},{},{},{}\n", n % 3, n % 5, n % 7, n % 11)).collect::<String>(),
    );
    let words = ["frame", "wide.csv", "--task", "normalize", "--by", "columns", "--output", "columns.arrow"];
    compare(cluster, "columns", &words, "columns.arrow");
}

pub(super) fn calls(cluster: &Cluster) {
    // The worker program of a user is taken along.
    let rows: String = (0..40).map(|n| format!("[[{n}, 5, 6], 4, {n}]\n")).collect();
    cluster.write("rows.jsonl", rows + "[\"no row\"]\n");
    let words = ["map", "howmany_within_range", "rows.jsonl", "--worker-program", WORKER];
    let with = |more: &[&'static str]| [&words[..], more].concat();
    let here = crate::common::program::mpexec(words).in_folder(cluster.shared()).run();
    let there = cluster.slurm(&with(&["--run-dir", "map", "--range-size", "60"])).run();
    assert_eq!((there.code(), there.text()), (1, here.text()), "{}", there.stderr);
    assert!(there.stderr.ends_with(&here.stderr), "a call that fails is told in the same way: {}", there.stderr);
    let words = ["run", "--keep-order", "echo {}; echo {} | tr 0-9 a-j", ":::", "1", "2", "3", "4", "5"];
    let here = cluster.local(&words);
    let there = cluster.slurm(&[&["run", "--run-dir", "commands"], &words[1..]].concat()).run();
    assert_eq!((there.code(), there.text()), (0, here.text()), "{}", there.stderr);
    let refused = cluster.slurm(&["run", "--run-dir", "stdin", "echo"]).run();
    assert!(refused.code() == 2 && refused.stderr.contains("with --on slurm, name files"), "{}", refused.stderr);
    let none = cluster.slurm(&["tasks", "--worker-program", WORKER]).run();
    assert!(none.code() == 2 && none.stderr.contains("has no run folder"), "{}", none.stderr);
}
