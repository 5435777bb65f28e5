//! A cluster with an engine that is none: what is submitted, what again, and that nothing of it is known by the name of an engine.

use std::collections::BTreeMap;

use mpexec_runs::{Cut, Kept, Ledger, Plan, Program, Share};
use mpexec_testkit::Watchdog;

use super::*;
use crate::engines::ENGINES;
use crate::engines::fake::Fake;

const TASKS: u8 = 7;

fn plan() -> Plan {
    Plan {
        program: Program { name: "mine".into(), version: "1".into(), hash: "1".into() },
        task: "number".into(),
        signature: String::new(),
        inputs: Vec::new(),
        command: None,
        options: BTreeMap::new(),
        cut: Cut { as_for_workers: 1, range_weight: 1, range_tasks: 1 },
    }
}

/// An element: its share of the tasks of a stage, whose results are their numbers.
fn compute(folder: &Path, share: Share, stage: &str) {
    let run = Arc::new(RunFolder::join(folder, &plan()).unwrap().only(share));
    let mut ledger = Ledger::new(&run, stage);
    let slots: Vec<_> = (0..TASKS).map(|number| (number, ledger.task(1, None))).collect();
    ledger.close().unwrap();
    for (number, slot) in slots {
        slot.map_or(Ok(()), |slot| ledger.add(slot, Some(vec![number]))).unwrap();
    }
    ledger.finish().unwrap();
}

fn settings() -> Settings {
    let engine = *ENGINES.iter().find(|engine| engine.name == "fake").unwrap();
    Settings {
        engine,
        shards: None,
        words: Vec::new(),
        workers: Workers::Exact(2),
        transport: TransportName::Auto,
        grace: Duration::from_secs(2),
    }
}

/// A run folder of which this engine computes what is missing.
fn run(folder: &Path, fake: &Fake) -> (Arc<RunFolder>, Cluster) {
    let job = || Job { worker: None, most: None, inputs: 0, unnamed: false };
    let run = RunFolder::open(folder, &plan(), false).unwrap();
    let begin = || {
        let running = Arc::new(Running::default());
        Cluster::begin_with(Arc::new(fake.clone()), &run, &settings(), &job(), &running).unwrap()
    };
    let (waits, asked) = (begin(), begin());
    (Arc::new(run.computed_by(Box::new(waits))), asked)
}

/// An engine on whose node `a` the second shard fails.
fn where_a_fails(folder: &Path) -> Fake {
    let folder = folder.to_path_buf();
    Fake::of(move |shard, of, node| {
        if (shard, node) == (1, "a") {
            return 1;
        }
        compute(&folder, Share { number: shard, of }, "rows");
        0
    })
}

/// What a coordinator gets of a stage.
fn results(run: &Arc<RunFolder>, stage: &str) -> Result<Vec<u8>, RunError> {
    let follows = stage.starts_with("later");
    let mut ledger = Ledger::of(Kept { run, stage, decides: true, follows, reads: None });
    assert!((0..TASKS).all(|_| ledger.task(1, None).is_none()), "it computes nothing itself");
    ledger.close()?;
    let mut results = Vec::new();
    while let Some(done) = ledger.take()? {
        results.extend(done.results().flatten().map(|result| result[0]));
    }
    Ok(results)
}

#[test]
fn any_engine_computes_what_is_missing_and_what_is_lost_is_submitted_again_without_the_node() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let fake = where_a_fails(&path);
    let (run, _) = self::run(&path, &fake);
    assert_eq!(results(&run, "rows").unwrap(), (0..TASKS).collect::<Vec<_>>());
    // Seven tasks are enough for three nodes of two processors.
    assert_eq!(fake.told(), ["submit {0, 1, 2} of 3 without {}, true", "submit {1} of 3 without {\"a\"}, true"]);
    let known = run.engine().unwrap();
    assert!(told(&known).is_some_and(|told| told.starts_with("fake 1, 2, as mpexec-")), "{known}");
}

#[test]
fn a_stage_that_follows_from_another_is_submitted_soon_after_those_of_that_one_have_ended() {
    let _watchdog = Watchdog::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let place = path.clone();
    let fake = Fake::of(move |shard, of, _| {
        let share = Share { number: shard, of };
        // What is decided by the first stage can be computed when all of that is there.
        let there = (0..TASKS).all(|range| place.join(format!("out/rows-{range:06}")).exists());
        compute(&place, share, if there { "later" } else { "rows" });
        0
    });
    let (run, _) = self::run(&path, &fake);
    let begun = Instant::now();
    let all: Vec<_> = (0..TASKS).collect();
    assert_eq!([results(&run, "rows").unwrap(), results(&run, "later").unwrap()], [all.clone(), all]);
    assert!(begun.elapsed() < rounds::GRACE, "nothing is on its way");
    let submitted = "submit {0, 1, 2} of 3 without {}, true";
    assert_eq!(fake.told(), [submitted, submitted]);
}

#[test]
fn results_of_another_table_that_come_late_are_waited_for_though_all_have_ended() {
    let _watchdog = Watchdog::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let place = path.clone();
    let fake = Fake::of(move |shard, of, _| {
        compute(&place, Share { number: shard, of }, "rows");
        0
    });
    let (run, _) = self::run(&path, &fake);
    results(&run, "rows").unwrap();
    let (asks, before) = (fake.clone(), fake.asked());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // It has seen that none is alive, and that nothing is there.
            while asks.asked() < before + 3 {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            (0..3).for_each(|number| compute(&path, Share { number, of: 3 }, "table1"));
        });
        assert_eq!(results(&run, "table1").unwrap(), (0..TASKS).collect::<Vec<_>>());
    });
    assert_eq!(fake.told(), ["submit {0, 1, 2} of 3 without {}, true"]);
}

#[test]
fn who_picks_an_array_up_asks_why_it_ended_and_leaves_the_node_out() {
    let _watchdog = Watchdog::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let fake = where_a_fails(&path);
    let (run, cluster) = self::run(&path, &fake);
    // A coordinator that is gone when its array was accepted.
    let of = |range| Missing { range, key: format!("rows-{range:06}"), tasks: 1 };
    let missing: Vec<_> = (0..u64::from(TASKS)).map(of).collect();
    cluster.step(&run, &missing, &mut cluster.state.lock().unwrap()).unwrap();
    drop((cluster, run));
    let (run, _) = self::run(&path, &fake);
    assert_eq!(results(&run, "rows").unwrap(), (0..TASKS).collect::<Vec<_>>());
    let told = fake.told();
    assert_eq!(told[told.len() - 1], "submit {1} of 3 without {\"a\"}, true", "{told:?}");
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn who_resumes_what_somebody_has_refused_or_cancelled_before_tries_it() {
    let _watchdog = Watchdog::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let (place, tries) = (path.clone(), std::sync::atomic::AtomicU32::new(0));
    let fake = Fake::of(move |shard, of, _| {
        if tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 3 {
            return 65;
        }
        compute(&place, Share { number: shard, of }, "rows");
        0
    });
    let (run, _) = self::run(&path, &fake);
    assert!(matches!(results(&run, "rows"), Err(RunError::Refused { .. })));
    drop(run);
    let (run, _) = self::run(&path, &fake);
    assert_eq!(results(&run, "rows").unwrap(), (0..TASKS).collect::<Vec<_>>());
}

#[test]
fn what_is_refused_is_final_and_who_types_ctrl_c_cancels() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::of(|_, _, _| 65);
    let (run, asked) = self::run(&folder.path().join("run"), &fake);
    let error = results(&run, "rows").unwrap_err();
    assert!(matches!(error, RunError::Refused { .. }), "{error}");
    assert!(error.to_string().starts_with("fake: 7 ranges missing: shard 0 on a: has an input that cannot be taken"));
    assert!(matches!(asked.stopped(), RunError::NotComputed { begun: true, .. }));
    assert_eq!(fake.told(), ["submit {0, 1, 2} of 3 without {}, true", "cancel"]);
}
