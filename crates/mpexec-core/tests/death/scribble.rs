//! A worker that has gone mad writes over all that it can write: it harms at most the tasks that it holds, because the
//! coordinator believes nothing unchecked and the tasks' own bytes are out of its reach.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;

use mpexec_core::{Exit, TaskError, Transport};

use crate::alone;
use crate::common::ring::{mappings, own_memory, scribble};
use crate::common::{Scratch, pass, pool, wait_until};

/// So many tasks are sent together,
const BATCH: u64 = 5;
/// and a worker has at most so many batches, finished or not, of which the coordinator has not seen all results.
const BATCHES: u64 = 4;
const MOST: usize = (BATCH * BATCHES) as usize;
/// Within a batch: some of it is finished, some is not, and nobody has seen anything of it.
const MAD: u64 = 702;

/// What came of many tasks, one of which made its worker scribble.
struct Scribbled {
    outcomes: Vec<Result<u64, TaskError>>,
    /// Which tasks began, and where.
    begun: Vec<(u64, u32)>,
    /// Who scribbled,
    mad: u32,
    /// and how many tasks it had without an outcome when all that it may have was with it, if it waited for that.
    held: u64,
}

/// `waits`: it scribbles when all before is seen and all that it may have behind it is there.
fn scribbling(workers: usize, fill: u8, at_most_once: bool, waits: bool) -> Scribbled {
    let pool = pool(Transport::Shm, workers);
    assert!(pool.wait_ready(None));
    let [log, done, gate] = [Scratch::new(), Scratch::new(), Scratch::new()];
    let task = |n: u64, fill: u8, log: String, done: String, gate: String| {
        let mut log = OpenOptions::new().create(true).append(true).open(log).unwrap();
        log.write_all(format!("{n} {}\n", std::process::id()).as_bytes()).unwrap();
        // If it runs again it does not.
        if n == MAD && File::create_new(done).is_ok() {
            pass(&gate);
            assert!(scribble(fill) > 0);
        }
        n * 3
    };
    let call = pool.call().chunk_size(BATCH as usize);
    let call = if at_most_once { call.at_most_once() } else { call };
    let tuples = (0..2_000).map(|n| (n, fill, log.text(), done.text(), gate.text()));
    if !waits {
        gate.open();
    }
    let (outcomes, held) = std::thread::scope(|scope| {
        let held = scope.spawn(|| {
            wait_until("it has begun", || done.is_open());
            let (mut last, mut same) = (0, 0);
            wait_until("it gets no more", || {
                let worker = pool
                    .stats()
                    .workers
                    .into_iter()
                    .find(|worker| worker.task.as_ref().is_some_and(|task| task.index == MAD));
                let held = worker.map_or(0, |worker| worker.held);
                same = if held == last { same + 1 } else { 0 };
                last = held;
                same == 20
            });
            gate.open();
            last
        });
        (call.starmap_outcomes(task, tuples), held.join().unwrap())
    });
    let all = pool.map(|n: u64| n, 0..1_000).unwrap();
    assert!(all.into_iter().eq(0..1_000), "the pool goes on");
    let log = std::fs::read_to_string(log.path()).unwrap();
    let begun = log.lines().map(|line| line.split_once(' ').unwrap());
    let begun: Vec<(u64, u32)> = begun.map(|(n, pid)| (n.parse().unwrap(), pid.parse().unwrap())).collect();
    let mad = begun.iter().find(|(n, _)| *n == MAD).unwrap().1;
    Scribbled { outcomes, begun, mad, held }
}

/// The indices of those that failed, each as one that its worker's death has cost; the others are right.
fn lost(outcomes: Vec<Result<u64, TaskError>>, mad: u32) -> Vec<u64> {
    let mut lost = Vec::new();
    for (n, outcome) in (0..).zip(outcomes) {
        let death = match outcome {
            Ok(value) => {
                assert_eq!(value, n * 3, "task {n} got another's result");
                continue;
            }
            Err(TaskError::OutcomeUnknown { death }) => *death,
            Err(death) => death,
        };
        let TaskError::Crashed { pid, exit: Exit::Signal(9), .. } = death else { panic!("task {n}: {death:?}") };
        assert_eq!(pid, mad, "task {n} was in other hands");
        lost.push(n);
    }
    lost
}

#[test]
fn a_worker_that_scribbles_over_its_results_costs_one_task_and_what_it_holds_besides_runs_elsewhere() {
    let _alone = alone();
    for fill in [0xff, 0, 1] {
        let Scribbled { outcomes, begun, mad, .. } = scribbling(2, fill, false, false);
        // Which of those that nobody has seen made it mad is not known any more: the first of them is charged.
        let lost = lost(outcomes, mad);
        assert_eq!(lost.len(), 1, "{lost:?}");
        let own: Vec<u64> = begun.iter().filter(|(_, pid)| *pid == mad).map(|(n, _)| *n).collect();
        let at = own.iter().position(|n| *n == MAD).unwrap();
        let may_be = &own[(at + 1).saturating_sub(MOST)..=at];
        assert!(may_be.contains(&lost[0]), "{lost:?} is none of {may_be:?}");
        let elsewhere = |n: &&u64| begun.iter().any(|(other, pid)| other == *n && *pid != mad);
        let again: Vec<&u64> = own.iter().filter(elsewhere).collect();
        assert!(again.len() < MOST, "it had no more than that: {again:?}");
        assert_eq!(begun.len(), 2_000 + again.len(), "all others began once");
        assert!(!again.contains(&&lost[0]), "who is charged is not tried again");
    }
}

#[test]
fn a_worker_that_scribbles_when_all_it_has_finished_is_seen_costs_the_task_that_it_is_in() {
    let _alone = alone();
    for at_most_once in [false, true] {
        for fill in [0xff, 0, 1] {
            let Scribbled { outcomes, begun, mad, held } = scribbling(1, fill, at_most_once, true);
            // Of its batch two tasks are settled. There is nobody else who could have what lies behind. One that may run once only is alone.
            let most = if at_most_once { 1 } else { BATCH * BATCHES - MAD % BATCH };
            assert!((1..=most).contains(&held), "it had {held} tasks");
            let lost = lost(outcomes, mad);
            let cost = lost.len() as u64;
            assert!(cost <= 1, "{lost:?} of {held}");
            assert!(lost.iter().copied().eq(MAD..MAD + cost), "{lost:?}");
            // Until it is killed it may go on with what it holds.
            let (own, others): (Vec<_>, Vec<_>) = begun.into_iter().partition(|(n, pid)| *pid == mad && *n >= MAD);
            let may_be_its = MAD..MAD + if at_most_once { cost } else { held };
            assert!(own.iter().map(|(n, _)| *n).eq(MAD..MAD + own.len() as u64), "{own:?}");
            assert!(own.iter().all(|(n, _)| may_be_its.contains(n)), "{own:?} of {held}");
            let mut others: Vec<u64> = others.into_iter().map(|(n, _)| n).collect();
            others.sort_unstable();
            assert!(
                others.into_iter().eq((0..MAD).chain(MAD + cost..2_000)),
                "all but what is lost began once elsewhere"
            );
        }
    }
}

#[test]
fn an_idle_worker_that_scribbles_is_found_out_and_replaced_or_harmless() {
    let _alone = alone();
    let pool = pool(Transport::Shm, 1);
    for fill in [0xff, 1] {
        let task = |fill: u8, done: String| {
            std::thread::spawn(move || {
                scribble(fill);
                crate::common::open(&done);
            });
        };
        let done = Scratch::new();
        let _ = pool.apply(task, (fill, done.text()));
        wait_until("it has scribbled", || done.is_open());
        assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1, "whoever is next is innocent");
        assert_eq!(pool.apply(|n: u8| n, (2,)).unwrap(), 2);
    }
}

#[test]
fn a_worker_cannot_write_over_its_tasks() {
    let _alone = alone();
    let pool = pool(Transport::Shm, 1);
    let refused = || {
        let memory = own_memory();
        let tasks = mappings("mpexec-tasks");
        (tasks.len(), tasks.iter().filter(|(from, _)| memory.write_at(&[1; 64], *from + 8192).is_err()).count())
    };
    let (mapped, refused) = pool.apply(refused, ()).unwrap();
    assert!(mapped > 0);
    assert_eq!(refused, mapped);
}
