//! `pool.run_in(folder)`: what an earlier run has computed is handed out, what is missing is computed, and nothing is computed twice.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::path::Path;

use mpexec_core::{Pool, Workers};
use mpexec_runs::{Fault, RunError, RunFolder, RunIn, RunInError};
use mpexec_testkit::{Scratch, Watchdog};

mpexec_core::init_in_tests!();

const TASKS: u64 = 100;
const RANGE: u64 = 10;

fn pool(workers: usize) -> Pool {
    Pool::builder().workers(Workers::Exact(workers)).build().expect("a pool")
}

/// Writes down that it ran.
fn logged((log, n): (String, u64)) -> u64 {
    let line = format!("{n}\n");
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .expect("a log")
        .write_all(line.as_bytes())
        .expect("it is written");
    n * n
}

fn arguments(log: &Scratch) -> impl Iterator<Item = (String, u64)> + use<> {
    let log = log.text();
    (0..TASKS).map(move |n| (log.clone(), n))
}

/// How often each task ran.
fn ran(log: &Scratch) -> HashMap<u64, usize> {
    let text = std::fs::read_to_string(log.path()).unwrap_or_default();
    let mut ran = HashMap::new();
    text.lines().for_each(|line| *ran.entry(line.parse().expect("a number")).or_default() += 1);
    ran
}

/// The ranges that are published.
fn published(folder: &Path) -> BTreeSet<u64> {
    let entries = folder.join("out").read_dir().expect("results");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a text"));
    names.map(|name| name.strip_prefix("tasks-").and_then(|index| index.parse().ok()).expect("a range")).collect()
}

#[test]
fn a_run_that_ended_early_goes_on_where_it_was_and_no_task_of_a_published_range_runs_again() {
    let _watchdog = Watchdog::new();
    let (scratch, log) = (tempfile::tempdir().unwrap(), Scratch::new());
    let folder = scratch.path().join("run");
    let first = pool(2);
    let mut results = first.run_in(&folder).range_tasks(RANGE).imap(logged, arguments(&log)).unwrap();
    for n in 0..2 * RANGE + 1 {
        assert_eq!(results.next().unwrap().unwrap(), n * n);
    }
    drop(results);
    let before = published(&folder);
    assert!(before.len() >= 3, "what was read had been published: {before:?}");
    assert_eq!(RunFolder::status(&folder, true).unwrap().ranges, None);

    let again = pool(3);
    let results = again.run_in(&folder).range_tasks(RANGE).imap(logged, arguments(&log)).unwrap();
    assert!(results.map(Result::unwrap).eq((0..TASKS).map(|n| n * n)));
    assert_eq!(published(&folder).len() as u64, TASKS / RANGE);
    let ran = ran(&log);
    for n in 0..TASKS {
        let times = if before.contains(&(n / RANGE)) { 1..=1 } else { 1..=2 };
        assert!(times.contains(&ran[&n]), "task {n} ran {} times", ran[&n]);
    }
    let status = RunFolder::status(&folder, true).unwrap();
    assert_eq!((status.published, status.ranges), (TASKS / RANGE, Some(TASKS / RANGE)));

    let done = again.run_in(&folder).range_tasks(RANGE).imap(logged, arguments(&log)).unwrap();
    assert!(done.map(Result::unwrap).eq((0..TASKS).map(|n| n * n)));
    assert_eq!(self::ran(&log), ran, "all was there");
}

#[test]
fn what_is_published_is_the_same_whatever_the_number_of_workers() {
    let _watchdog = Watchdog::new();
    let scratch = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for workers in [1, 2, 5] {
        let folder = scratch.path().join(workers.to_string());
        let pool = pool(workers);
        let third = |n: u64| n as f64 / 3.0;
        let results = pool.run_in(&folder).range_tasks(7).imap(third, 0..TASKS).unwrap();
        assert_eq!(results.map(Result::unwrap).count() as u64, TASKS);
        let mut files: Vec<_> = folder.join("out").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        all.push(files.iter().map(|file| std::fs::read(file).unwrap()).collect::<Vec<_>>());
    }
    assert_eq!(all[0].len(), 15);
    assert!(all.iter().all(|files| *files == all[0]));
}

#[test]
fn other_arguments_options_files_and_functions_are_refused_and_start_over_drops_them() {
    let _watchdog = Watchdog::new();
    let scratch = tempfile::tempdir().unwrap();
    let (folder, input) = (scratch.path().join("run"), scratch.path().join("input"));
    std::fs::write(&input, "one").unwrap();
    let pool = pool(1);
    let double = |n: u64| 2 * n;
    let begin = || pool.run_in(&folder).range_tasks(2).input(&input).option("unit", "m");
    assert_eq!(begin().imap(double, 0..6).unwrap().map(Result::unwrap).collect::<Vec<_>>(), [0, 2, 4, 6, 8, 10]);

    let mut other = begin().imap(double, [0, 1, 2, 9]).unwrap();
    assert_eq!([other.next().unwrap().unwrap(), other.next().unwrap().unwrap()], [0, 2]);
    match other.next().unwrap().unwrap_err() {
        RunInError::Run(RunError::BadResult { path, fault }) => {
            assert_eq!((path, fault), (folder.join("out/tasks-000001"), Fault::OtherInput));
        }
        error => panic!("{error}"),
    }
    assert!(other.next().is_none());
    drop(other);

    let changes = |error: RunError| match error {
        RunError::Changed { changes, .. } => changes,
        error => panic!("{error}"),
    };
    assert_eq!(changes(begin().option("unit", "km").imap(double, 0..6).unwrap_err()), ["unit was m and is km"]);
    let tripled = changes(begin().imap(|n: u64| 3 * n, 0..6).unwrap_err());
    assert!(tripled[0].starts_with("the task was "), "{tripled:?}");
    assert_eq!(changes(begin().range_tasks(3).imap(double, 0..6).unwrap_err()), ["the work is cut into other ranges"]);
    std::fs::write(&input, "two").unwrap();
    assert!(changes(begin().imap(double, 0..6).unwrap_err())[0].ends_with("input holds other bytes"));

    let over = begin().start_over().imap(|n: u64| 3 * n, 0..3).unwrap();
    assert_eq!(over.map(Result::unwrap).collect::<Vec<_>>(), [0, 3, 6]);
}

#[test]
fn a_task_that_fails_is_told_with_its_index_and_tried_again_by_the_next_run() {
    let _watchdog = Watchdog::new();
    let (scratch, gate) = (tempfile::tempdir().unwrap(), Scratch::new());
    let folder = scratch.path().join("run");
    let pool = pool(2);
    let task = |(gate, n): (String, u64)| {
        assert!(n != 5 || Path::new(&gate).exists(), "not yet");
        n
    };
    let run = || pool.run_in(&folder).range_tasks(2).imap(task, (0..8).map(|n| (gate.text(), n))).unwrap();
    let results: Vec<_> = run().collect();
    assert_eq!(results.len(), 8);
    for (n, result) in (0..).zip(&results) {
        match result {
            Ok(result) => assert_eq!(*result, n),
            Err(error) => assert!(n == 5 && error.to_string().starts_with("task 5: "), "{n}: {error}"),
        }
    }
    assert_eq!(published(&folder), BTreeSet::from([0, 1, 3]));
    assert_eq!(RunFolder::status(&folder, true).unwrap().ranges, None, "it is not done");
    gate.open();
    assert!(run().map(Result::unwrap).eq(0..8));
    assert_eq!(RunFolder::status(&folder, true).unwrap().ranges, Some(4));
}

#[test]
fn a_second_coordinator_is_told_who_the_first_is_and_may_come_when_that_has_ended() {
    let _watchdog = Watchdog::new();
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let pool = pool(1);
    let square = |n: u64| n * n;
    let mut first = pool.run_in(&folder).range_tasks(1).imap(square, 0..3).unwrap();
    assert_eq!(first.next().unwrap().unwrap(), 0);
    let told = pool.run_in(&folder).range_tasks(1).imap(square, 0..3).unwrap_err().to_string();
    assert!(told.contains(&format!("is in use by process {} on ", std::process::id())), "{told}");
    assert!(RunFolder::status(&folder, false).unwrap().holder.is_some());
    drop(first);
    let second = pool.run_in(&folder).range_tasks(1).imap(square, 0..3).unwrap();
    assert_eq!(second.map(Result::unwrap).collect::<Vec<_>>(), [0, 1, 4]);
}

#[test]
fn one_who_joins_computes_beside_the_coordinator_and_the_first_copy_counts() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let pool = pool(1);
    let mut first = pool.run_in(&folder).range_tasks(1).imap(|n: u64| n, 0..2).unwrap();
    // At the end all is published; before, what is handed out may still wait for that.
    assert_eq!(first.by_ref().map(Result::unwrap).collect::<Vec<_>>(), [0, 1]);
    let plan = RunFolder::read_plan(&folder).unwrap();
    let joined = RunFolder::join(&folder, &plan).unwrap();
    let result = std::fs::read_to_string(folder.join("out/tasks-000000")).unwrap();
    let input = result.split("input=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    assert_eq!(joined.publish("tasks-000000", input, b"late").unwrap(), mpexec_runs::Published::Later);
    let other = joined.publish("tasks-000000", "-", b"late").unwrap_err();
    assert!(matches!(other, RunError::BadResult { fault: Fault::OtherInput, .. }), "{other}");
    assert_eq!(joined.publish("other-000000", "-", b"early").unwrap(), mpexec_runs::Published::First);
    drop(first);
    let mut other = plan.clone();
    other.task = "another".into();
    assert!(matches!(RunFolder::join(&folder, &other), Err(RunError::Changed { .. })));
    assert!(matches!(RunFolder::join(scratch.path(), &plan), Err(RunError::NoPlan { .. })));
}

/// A worker can send it, and the coordinator could not encode it once more.
#[derive(Debug, PartialEq)]
struct Fickle(Vec<u8>);

impl serde::Serialize for Fickle {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match mpexec_core::in_worker() {
            true => to.serialize_bytes(&self.0),
            false => Err(serde::ser::Error::custom("not here")),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Fickle {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Fickle, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Fickle;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("bytes")
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Fickle, E> {
                Ok(Fickle(bytes))
            }
        }
        from.deserialize_byte_buf(Bytes)
    }
}

#[test]
fn results_of_every_length_are_kept_as_their_workers_have_sent_them() {
    let _watchdog = Watchdog::new();
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let pool = pool(2);
    // Beside others in a ring, by themselves, and so long that they are written from where they came.
    let lengths = [0, 9, 70_000, 1_100_000, 1 << 20, 500_000, 30, 1_200_000];
    let made = |length: usize| Fickle((0..length).map(|at| (at * 31 + length) as u8).collect());
    let all = || {
        let results = pool.run_in(&folder).range_tasks(3).imap(made, lengths).unwrap();
        results.collect::<Result<Vec<_>, _>>().unwrap()
    };
    let expected: Vec<_> = lengths.into_iter().map(made).collect();
    assert!(all() == expected);
    assert!(folder.join("done").exists() && published(&folder).len() == 3);
    let status = RunFolder::status(&folder, true).unwrap();
    assert_eq!(status.bytes, lengths.iter().map(|length| *length as u64 + 16).sum::<u64>());
    // Read back, some of them, and all.
    let long = folder.join("out/tasks-000001");
    let before = std::fs::read(&long).unwrap();
    std::fs::remove_file(&long).unwrap();
    assert!(all() == expected && std::fs::read(&long).unwrap() == before);
    assert!(all() == expected);
}
