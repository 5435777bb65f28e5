//! A cluster with an engine that is none: what is submitted, what again, and that nothing of it is known by the name of an engine.

use std::collections::BTreeMap;

use mpexec_runs::{Cut, Ledger, Plan, Program, Share};

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

/// What a coordinator gets of a stage.
fn results(run: &Arc<RunFolder>, stage: &str) -> Result<Vec<u8>, RunError> {
    let mut ledger = Ledger::new(run, stage);
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
    let place = path.clone();
    let fake = Fake::of(move |shard, of, node| {
        if (shard, node) == (1, "a") {
            return 1;
        }
        compute(&place, Share { number: shard, of }, "rows");
        0
    });
    let (run, _) = self::run(&path, &fake);
    assert_eq!(results(&run, "rows").unwrap(), (0..TASKS).collect::<Vec<_>>());
    // Seven tasks are enough for three nodes of two processors.
    assert_eq!(fake.told(), ["submit {0, 1, 2} of 3 without {}, true", "submit {1} of 3 without {\"a\"}, true"]);
    let known = run.engine().unwrap();
    assert!(told(&known).is_some_and(|told| told.starts_with("fake 1, 2, as mpexec-")), "{known}");
}

#[test]
fn a_later_stage_is_submitted_as_soon_as_those_of_the_earlier_one_have_ended() {
    let _watchdog = mpexec_testkit::Watchdog::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let place = path.clone();
    let fake = Fake::of(move |shard, of, _| {
        let share = Share { number: shard, of };
        // What is decided by the first stage can be computed when all of that is there.
        let there = (0..TASKS).all(|range| place.join(format!("out/rows-{range:06}")).exists());
        compute(&place, share, if there { "more" } else { "rows" });
        0
    });
    let (run, _) = self::run(&path, &fake);
    let begun = Instant::now();
    let all: Vec<_> = (0..TASKS).collect();
    assert_eq!([results(&run, "rows").unwrap(), results(&run, "more").unwrap()], [all.clone(), all]);
    assert!(begun.elapsed() < rounds::GRACE, "nothing is on its way");
    let submitted = "submit {0, 1, 2} of 3 without {}, true";
    assert_eq!(fake.told(), [submitted, submitted]);
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
