//! What a round is like, and what all its threads share: which tasks there are, how they ended, what is wrong.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mpexec_core::{Shared, Transport};

use crate::order::{Deed, Order};
use crate::random::Random;
use crate::tally::{Part, Tally};

/// How the pool of a round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Joined,
    Terminated,
    /// By the striker, while calls are under way.
    TerminatedMidway,
    Dropped,
}

/// What a round is like.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) link: Transport,
    pub(crate) workers: usize,
    pub(crate) ring: usize,
    pub(crate) attempts: u32,
    pub(crate) limit: Option<Duration>,
    pub(crate) most_tasks: Option<u64>,
    pub(crate) callers: u64,
    /// Nothing is done to the workers, by themselves or from outside.
    pub(crate) calm: bool,
    /// Some tasks write where they should not.
    pub(crate) lies: bool,
    pub(crate) end: End,
}

impl Settings {
    /// Those of a round.
    pub(crate) fn of(seed: u64, number: u64) -> Settings {
        Settings::by_chance(&mut Random::of(seed, &[number]))
    }

    fn by_chance(random: &mut Random) -> Settings {
        Settings {
            link: random.of_these(&[Transport::Shm, Transport::Socket]),
            workers: random.of_these(&[1, 2, 2, 3, 4]),
            ring: random.of_these(&[1 << 16, 1 << 18, 1 << 20, 4 << 20]),
            attempts: random.of_these(&[1, 1, 2, 3]),
            // Far above what any task needs on a machine with other work, but for those that hang.
            limit: random.one_in(4).then_some(Duration::from_secs(8)),
            most_tasks: random.one_in(4).then(|| random.between(1, 60)),
            callers: random.between(1, 4),
            calm: random.one_in(5),
            lies: random.one_in(6),
            end: random.of_these(&[End::Joined, End::Joined, End::Terminated, End::TerminatedMidway, End::Dropped]),
        }
    }
}

/// How a task ended, as far as anybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nobody waited for it.
    Unknown,
    Answered,
    /// By its own deed, while it ran.
    Died,
    /// Cancelled before it had begun.
    NeverBegun,
    Failed,
}

/// What all threads of a round share.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) settings: Settings,
    pub(crate) tally: Mutex<Tally>,
    /// What is wrong.
    pub(crate) faults: Mutex<Vec<String>>,
    pub(crate) fates: Mutex<HashMap<u64, (Deed, Fate)>>,
    /// Workers that were struck from outside, each with the signals.
    pub(crate) struck: Mutex<HashMap<u32, Vec<i32>>>,
    /// Workers whose death a task was charged with.
    pub(crate) charged: Mutex<HashMap<u32, u64>>,
    /// Deaths that were ordered or dealt.
    pub(crate) deaths: AtomicU64,
    pub(crate) terminated: AtomicBool,
    pub(crate) table: Shared<u64>,
}

impl Round {
    pub(crate) fn new(settings: Settings, table: Shared<u64>) -> Round {
        Round {
            settings,
            tally: Mutex::default(),
            faults: Mutex::default(),
            fates: Mutex::default(),
            struck: Mutex::default(),
            charged: Mutex::default(),
            deaths: AtomicU64::new(0),
            terminated: AtomicBool::new(false),
            table,
        }
    }

    pub(crate) fn fault(&self, what: String) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        // The first tell what is wrong; more of them tell nothing more.
        if faults.len() < 20 {
            faults.push(what);
        }
    }

    pub(crate) fn count(&self, part: Part, word: &str) {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).add(part, word, 1);
    }

    /// Takes note of tasks that are about to be given to the pool.
    pub(crate) fn issue(&self, orders: &[Order]) {
        let mut fates = self.fates.lock().unwrap_or_else(PoisonError::into_inner);
        for order in orders {
            fates.insert(order.id, (order.deed, Fate::Unknown));
            self.count(Part::Deeds, order.deed.word());
            if order.deed.is_deadly() {
                self.deaths.fetch_add(self.settings.attempts.into(), Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn settle(&self, order: &Order, fate: Fate) {
        let mut fates = self.fates.lock().unwrap_or_else(PoisonError::into_inner);
        let before = fates.insert(order.id, (order.deed, fate));
        if !matches!(before, Some((_, Fate::Unknown))) {
            self.fault(format!("task {} has two outcomes: {before:?} and {fate:?}", order.id));
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.terminated.load(Ordering::Acquire)
    }
}
