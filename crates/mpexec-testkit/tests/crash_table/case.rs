//! A cell that is being tried, in its own process.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mpexec_core::{Exit, Output, Pool, PoolBuilder, Transport, WorkerChange, named};
use mpexec_testkit::faults::tasks::pid;
use mpexec_testkit::faults::{Fault, Kind, Moment};
use mpexec_testkit::processes::{Held, alive};
use mpexec_testkit::table::{GRACE, HANDSHAKE_LIMIT, Outcome, RESPONSE_LIMIT, Why, says_that_it_struck};
use mpexec_testkit::{Scratch, builder, wait_until};

use crate::programs;

/// See the head of this file. It is used for one worker after another.
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) moment: Moment,
    pub(crate) link: Transport,
    pub(crate) outcome: Outcome,
    /// How many times as long as in the table all times are: see [`mpexec_testkit::at_some_pace`].
    pub(crate) slower: u32,
    told: Scratch,
    struck: Scratch,
    notes: Arc<Mutex<Vec<String>>>,
}

impl Case {
    pub(crate) fn new(kind: Kind, moment: Moment, link: Transport, outcome: Outcome) -> Case {
        let [told, struck] = [Scratch::new(), Scratch::new()];
        Case { kind, moment, link, outcome, slower: 1, told, struck, notes: Arc::default() }
    }

    /// The same, of whom all is so many times slower; what is told names the longer limits.
    pub(crate) fn at_pace(self, slower: u32) -> Case {
        let limits = [HANDSHAKE_LIMIT, RESPONSE_LIMIT]
            .map(|limit| [limit, limit * slower].map(|limit| format!("within {limit:?}")));
        let longer = |why: Why| -> Why {
            let said = limits.iter().find(|[limit, _]| why.contains(limit.as_str()));
            // It is the process of one cell, so this is as good as a constant.
            said.map_or(why, |[limit, longer]| why.replace(limit, longer).leak())
        };
        let outcome = match self.outcome {
            Outcome::Crashed(exit, why) => Outcome::Crashed(exit, longer(why)),
            Outcome::Replaced(exit, why) => Outcome::Replaced(exit, longer(why)),
            Outcome::ReplacedAtNextCall(exit, why) => Outcome::ReplacedAtNextCall(exit, longer(why)),
            Outcome::NotStarted(exit, why) => Outcome::NotStarted(exit, longer(why)),
            Outcome::TimedOut | Outcome::Left(_) => self.outcome,
        };
        Case { slower, outcome, ..self }
    }

    pub(crate) fn fault(&self) -> Fault {
        Fault { kind: self.kind, moment: self.moment, told: self.told.text(), struck: self.struck.text() }
    }

    pub(crate) fn name(&self) -> String {
        format!("{:?} {:?} on {:?}, which must be {:?}", self.kind, self.moment, self.link, self.outcome)
    }

    /// A pool as the cells have it. What its workers print comes out of this process too: there it is read by who has started it.
    pub(crate) fn builder(&self, workers: usize) -> PoolBuilder {
        let notes = self.notes.clone();
        let builder = builder(self.link, workers).stderr(Output::Forward).record();
        let builder = builder.handshake_limit(HANDSHAKE_LIMIT * self.slower);
        let builder = builder.response_limit(RESPONSE_LIMIT * self.slower);
        let builder = builder.notes(move |line| notes.lock().unwrap().push(line.to_owned()));
        // A backtrace on standard error would leave no room for the last words.
        let builder = builder.env("RUST_BACKTRACE", "0");
        match self.kind {
            Kind::PanicAbort => builder.worker_program(programs::built()),
            _ => builder,
        }
    }

    /// Waits until the worker strikes, and does from outside what is to be done from there; its process id.
    #[track_caller]
    pub(crate) fn strikes(&self) -> u32 {
        wait_until(&format!("it strikes: {}", self.name()), || self.told.is_open());
        let pid = std::fs::read_to_string(self.told.path()).unwrap().parse().unwrap();
        if let Some(signal) = self.kind.from_outside() {
            let worker = Held::new(pid).filter(|_| alive(pid));
            let worker = worker.unwrap_or_else(|| panic!("{}: it is gone before it was struck", self.name()));
            worker.signal(signal);
            let stopped = self.kind != Kind::Stopped || worker.stops();
            assert!(stopped, "{}: it was killed before it was stopped", self.name());
        }
        pid
    }

    /// The failure came about; nothing of it is there afterwards, for the next worker.
    #[track_caller]
    pub(crate) fn has_struck(&self, pid: u32) {
        let said = std::fs::read_to_string(self.struck.path()).ok();
        match says_that_it_struck(self.kind, self.link, self.outcome) {
            Some(true) => assert_eq!(said, Some(pid.to_string()), "{}: it did not strike", self.name()),
            Some(false) => assert_eq!(said, None, "{}: it lived on", self.name()),
            None => assert!(said.is_none_or(|said| said == pid.to_string()), "{}: another struck", self.name()),
        }
        assert!(!alive(pid), "{}: {pid} lives", self.name());
        let _ = std::fs::remove_file(self.struck.path());
        std::fs::remove_file(self.told.path()).unwrap();
    }

    /// What the pool tells of a worker that died.
    pub(crate) fn note(&self, place: usize, pid: u32, exit: Exit, after: &str, why: Why) -> String {
        let why = if why.is_empty() { String::new() } else { format!(" ({KILLED_BECAUSE}{why})") };
        format!("worker {place} (pid {pid}) {exit}{after}{why}; its unfinished tasks go to others")
    }

    /// The pool has told exactly this since it was asked last.
    #[track_caller]
    pub(crate) fn has_noted(&self, wanted: &[String]) {
        wait_until(&format!("{wanted:?} is noted: {}", self.name()), || {
            let notes = self.notes.lock().unwrap();
            assert!(
                notes.len() <= wanted.len() && notes.iter().all(|line| wanted.contains(line)),
                "{notes:?} in place of {wanted:?}: {}",
                self.name()
            );
            *notes == wanted
        });
        self.notes.lock().unwrap().clear();
    }

    /// What the pool has recorded of the worker with this process id: that it served or not, and this end.
    #[track_caller]
    pub(crate) fn became(&self, pool: &Pool, pid: u32, served: bool, end: WorkerChange) {
        let ready = if served { &[WorkerChange::Ready][..] } else { &[] };
        let wanted = [&[WorkerChange::Started], ready, &[end]].concat();
        let events = || pool.recording().unwrap().events.into_iter().filter(|event| event.pid == pid);
        wait_until(&format!("its end is recorded: {}", self.name()), || events().count() >= wanted.len());
        let events: Vec<_> = events().map(|event| event.what).collect();
        assert_eq!(events, wanted, "{}", self.name());
    }
}

/// What the pool says before the reason for which it killed a worker.
pub(crate) const KILLED_BECAUSE: &str = "it was killed because ";

/// The next call is served; by whom.
#[track_caller]
pub(crate) fn next_call(case: &Case, pool: &Pool) -> u32 {
    let served = pool.call().time_limit(GRACE * case.slower).apply(named("testkit.pid", pid), ());
    served.unwrap_or_else(|error| panic!("the next call: {}: {error}", case.name()))
}

/// Asserts that `since` is no longer ago than it may by the table.
#[track_caller]
pub(crate) fn in_time(case: &Case, since: Instant, limit: Duration) {
    assert!(since.elapsed() < (limit + GRACE) * case.slower, "{:?}: {}", since.elapsed(), case.name());
}
