//! Into how many shards work is cut, and what is in each: with the stand-ins for Slurm of `elsewhere.rs`.

use std::fs;

use super::elsewhere::{run, slurm};
use crate::common::files::file;

const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

#[test]
fn no_shard_is_too_short_to_be_worth_its_start() {
    let folder = slurm();
    let path = folder.path().join("bin/sinfo");
    // Thirty nodes of eight processors, and some others.
    fs::write(&path, "#!/bin/sh\nfor n in $(seq 20); do echo a$n idle 8; done; for n in $(seq 10); do echo b$n idle 16; done; echo c alloc 2\n").expect("a script");
    file(&folder, "rows.jsonl", &b"[1, 2]\n".repeat(40));
    let submitted = |words: &[&str]| {
        let done = run(&folder, &[&["--on", "slurm"], words].concat()).run();
        let line = done.stderr.lines().next().unwrap_or_default();
        let told = line.split_once(": ").and_then(|(_, rest)| rest.split_once(": ")).map(|(_, rest)| rest.to_owned());
        (done.code(), told.unwrap_or_default().split(';').next().unwrap_or_default().to_owned())
    };
    let map = ["map", "add", "rows.jsonl", "--worker-program", WORKER];
    assert_eq!(submitted(&map), (0, "5 shards for 40 ranges".to_owned()), "eight calls for eight processors");
    let words = ["--shards", "7"];
    assert_eq!(submitted(&[&words, &map[..]].concat()), (0, "7 shards for 40 ranges".to_owned()), "as was said");
    // Of larger ranges the calls count, and there are no more shards than ranges.
    let ranges = [&map[..], &["--range-size", "24"]].concat();
    assert_eq!(submitted(&ranges).1, "5 shards for 10 ranges");
    let ranges = [&map[..], &["--range-size", "200"]].concat();
    assert_eq!(submitted(&ranges).1, "2 shards for 2 ranges");
    let commands: Vec<_> = (0..17).map(|n| n.to_string()).collect();
    let commands = commands.iter().map(String::as_str);
    let words: Vec<_> = ["run", "true {}", ":::"].into_iter().chain(commands).collect();
    assert_eq!(submitted(&words).1, "2 shards for 17 ranges");
    // Small files are put together.
    let names: Vec<_> = (0..12).map(|n| format!("few-{n}.csv")).collect();
    for name in &names {
        file(&folder, name, b"1,2\n");
    }
    let words: Vec<_> = ["count-range"].into_iter().chain(names.iter().map(String::as_str)).collect();
    assert_eq!(submitted(&words), (0, "1 shard for 1 range".to_owned()));
    // Cut into shards all the same, none has all of them.
    assert_eq!(submitted(&[&["--shards", "3"], &words[..], &["--run-dir", "three"]].concat()).0, 0);
    let logs = fs::read_dir(folder.path().join("three/log")).expect("logs").map(|log| log.expect("a log").path());
    let published = logs.map(|log| fs::read_to_string(log).expect("a log").matches(" published ").count());
    assert_eq!(published.filter(|count| *count > 0).collect::<Vec<_>>(), [4, 4, 4]);
}

#[test]
fn files_that_are_tables_of_their_own_need_not_be_alike() {
    let folder = slurm();
    file(&folder, "two.csv", (0..5).map(|n| format!("{n},2\n")).collect::<String>().as_bytes());
    file(&folder, "three.csv", (0..5).map(|n| format!("{n},2,9\n")).collect::<String>().as_bytes());
    for (command, outputs) in
        [("normalize", ["two.csv.csv", "three.csv.csv"]), ("count-range", ["two.csv.npy", "three.csv.npy"])]
    {
        fs::create_dir_all(folder.path().join("each")).expect("a folder");
        let words = [command, "two.csv", "three.csv", "--per-file", "--output", "each"];
        let read = || outputs.map(|name| fs::read(folder.path().join("each").join(name)).expect("an output"));
        run(&folder, &words).run().good();
        let here = read();
        fs::remove_dir_all(folder.path().join("each")).expect("a folder");
        fs::create_dir(folder.path().join("each")).expect("a folder");
        let there =
            run(&folder, &[&["--on", "slurm", "--shards", "2"], &words[..], &["--run-dir", command]].concat()).run();
        assert_eq!((there.code(), read() == here), (0, true), "{}", there.stderr);
    }
}
