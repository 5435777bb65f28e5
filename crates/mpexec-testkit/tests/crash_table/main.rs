//! The table of deaths: every kind of failure at every moment, over every link. Each cell asserts exactly what comes of it,
//! within its deadline, and that the pool goes on; when all cells of a moment are over, nothing is left behind.
//!
//! What must come is data (`mpexec_testkit::table`); how it is brought about stands here, a file for each group of moments.

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod at_exit;
mod before;
mod document;
mod idle;
mod in_a_task;
mod programs;
mod stopped;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mpexec_core::{Exit, Pool, PoolBuilder, Transport, named};
use mpexec_testkit::census::{is_again, settled};
use mpexec_testkit::faults::tasks::pid;
use mpexec_testkit::faults::{Fault, Kind, Moment};
use mpexec_testkit::processes::signal;
use mpexec_testkit::table::{Cell, GRACE, HANDSHAKE_LIMIT, Outcome, RESPONSE_LIMIT, cell};
use mpexec_testkit::{LINKS, Scratch, Watchdog, builder, wait_until};

mpexec_testkit::init_in_tests!();

/// So many cells at a time: most of their time they wait.
const SIDE_BY_SIDE: usize = 10;

/// Names one kind that is to be tried alone, for whoever looks for a fault.
const ONLY: &str = "MPEXEC_CRASH_TABLE_ONLY";

/// One test at a time, under a watchdog: they count what the whole process has.
fn alone() -> (MutexGuard<'static, ()>, Watchdog) {
    static TURN: Mutex<()> = Mutex::new(());
    (TURN.lock().unwrap_or_else(PoisonError::into_inner), Watchdog::new())
}

/// A cell that is being tried.
struct Case {
    kind: Kind,
    moment: Moment,
    link: Transport,
    outcome: Outcome,
    told: Scratch,
    struck: Scratch,
    notes: Arc<Mutex<Vec<String>>>,
}

impl Case {
    fn fault(&self) -> Fault {
        Fault { kind: self.kind, moment: self.moment, told: self.told.text(), struck: self.struck.text() }
    }

    fn name(&self) -> String {
        format!("{:?} {:?} on {:?}, which must be {:?}", self.kind, self.moment, self.link, self.outcome)
    }

    /// A pool as the cells have it.
    fn builder(&self, workers: usize) -> PoolBuilder {
        let notes = self.notes.clone();
        let builder = builder(self.link, workers).handshake_limit(HANDSHAKE_LIMIT).response_limit(RESPONSE_LIMIT);
        let builder = builder.notes(move |line| notes.lock().unwrap().push(line.to_owned()));
        // A backtrace on standard error would leave no room for the last words.
        let builder = builder.env("RUST_BACKTRACE", "0");
        match self.kind {
            Kind::PanicAbort => builder.worker_program(programs::panic_abort()),
            _ => builder,
        }
    }

    /// Waits until the worker strikes, and does from outside what is to be done from there; its process id.
    fn strikes(&self) -> u32 {
        wait_until(&format!("it strikes: {}", self.name()), || self.told.is_open());
        let pid = std::fs::read_to_string(self.told.path()).unwrap().parse().unwrap();
        if let Some(number) = self.kind.from_outside() {
            signal(pid, number);
        }
        pid
    }

    /// The pool has told that this worker died, and how.
    fn is_noted(&self, pid: u32, exit: Exit, more: &str) {
        let told = format!("(pid {pid}) {exit}");
        wait_until(&format!("{told:?} {more:?} is noted: {}", self.name()), || {
            let notes = self.notes.lock().unwrap();
            notes.iter().any(|line| line.contains(&told) && line.contains(more))
        });
    }

    /// Nothing was told of this worker.
    fn is_not_noted(&self, pid: u32) {
        let notes = self.notes.lock().unwrap();
        assert!(!notes.iter().any(|line| line.contains(&format!("(pid {pid})"))), "{}: {notes:?}", self.name());
    }
}

/// The next call is served; by whom.
#[track_caller]
fn next_call(case: &Case, pool: &Pool) -> u32 {
    let served = pool.call().time_limit(GRACE).apply(named("testkit.pid", pid), ());
    served.unwrap_or_else(|error| panic!("the next call: {}: {error}", case.name()))
}

/// Asserts that `since` is no longer ago than it may.
#[track_caller]
fn in_time(case: &Case, since: Instant, limit: Duration) {
    assert!(since.elapsed() < limit + GRACE, "{:?}: {}", since.elapsed(), case.name());
}

/// Tries all cells of some moments, and counts before and after.
fn try_all(moments: &[Moment], one: fn(&Case)) {
    let _alone = alone();
    programs::panic_abort();
    // What a process has once is there afterwards.
    LINKS.into_iter().for_each(|link| drop(builder(link, 1).build().unwrap().apply(pid, ())));
    let before = settled();
    let only = std::env::var(ONLY);
    let all =
        Kind::ALL.iter().filter(|kind| only.as_ref().is_ok_and(|only| *only == format!("{kind:?}")) || only.is_err());
    let all = all.flat_map(|kind| moments.iter().map(move |moment| (*kind, *moment)));
    let cases: Vec<(Kind, Moment, Transport, Outcome)> = all
        .flat_map(|(kind, moment)| LINKS.map(|link| (kind, moment, link)))
        .filter_map(|(kind, moment, link)| match cell(kind, moment, link) {
            Cell::Comes(outcome) => Some((kind, moment, link, outcome)),
            Cell::Impossible(_) => None,
        })
        .collect();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some((kind, moment, link, outcome)) = cases.get(next.fetch_add(1, Ordering::Relaxed)).copied()
                {
                    let case = Case {
                        kind,
                        moment,
                        link,
                        outcome,
                        told: Scratch::new(),
                        struck: Scratch::new(),
                        notes: Arc::default(),
                    };
                    let begun = Instant::now();
                    // One that fails hides none of the others.
                    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| one(&case))).is_err() {
                        failed.lock().unwrap().push(format!(
                            "{} (notes: {:?})",
                            case.name(),
                            case.notes.lock().unwrap()
                        ));
                    }
                    println!("{:>5} ms: {}", begun.elapsed().as_millis(), case.name());
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} cells failed:\n{}", failed.len(), cases.len(), failed.join("\n"));
    is_again(&before);
}
