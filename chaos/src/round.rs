//! What all threads of a round share: which tasks there are, how they ended, what is wrong.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use mpexec_core::Shared;

use crate::order::{Deed, Order};
use crate::settings::Settings;
use crate::signs::Signs;
use crate::tally::{Part, Tally};

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

/// What is known of a task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) deed: Deed,
    pub(crate) fate: Fate,
    /// It may run once at most, whatever else was asked for.
    pub(crate) once: bool,
    /// When it was given to the pool: it cannot have run for longer than since then.
    pub(crate) issued: Instant,
}

/// A death that a task was charged with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge {
    pub(crate) task: u64,
    pub(crate) pid: u32,
    /// It was the task's own deed.
    pub(crate) own: bool,
}

/// What all threads of a round share.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) settings: Settings,
    pub(crate) signs: Signs,
    pub(crate) tally: Mutex<Tally>,
    /// What is wrong.
    pub(crate) faults: Mutex<Vec<String>>,
    pub(crate) tasks: Mutex<HashMap<u64, Task>>,
    /// Workers that were struck from outside, each with the signals.
    pub(crate) struck: Mutex<HashMap<u32, Vec<i32>>>,
    pub(crate) charged: Mutex<Vec<Charge>>,
    /// Deaths that were ordered or dealt.
    pub(crate) deaths: AtomicU64,
    pub(crate) terminated: AtomicBool,
    /// Somebody has asked for the end of a task that may run.
    pub(crate) aborted: AtomicBool,
    pub(crate) table: Shared<u64>,
}

impl Round {
    pub(crate) fn new(settings: Settings, table: Shared<u64>, signs: Signs) -> Round {
        Round {
            settings,
            signs,
            tally: Mutex::default(),
            faults: Mutex::default(),
            tasks: Mutex::default(),
            struck: Mutex::default(),
            charged: Mutex::default(),
            deaths: AtomicU64::new(0),
            terminated: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
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
    pub(crate) fn issue(&self, orders: &[Order], once: bool) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let issued = Instant::now();
        for order in orders {
            tasks.insert(order.id, Task { deed: order.deed, fate: Fate::Unknown, once, issued });
            self.count(Part::Deeds, order.deed.word());
            if order.deed.is_deadly() {
                self.deaths.fetch_add(self.settings.attempts.into(), Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn settle(&self, order: &Order, fate: Fate) {
        self.signs.of_life();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(task) = tasks.get_mut(&order.id) else {
            return self.fault(format!("task {} was never given, and is {fate:?}", order.id));
        };
        if task.fate != Fate::Unknown {
            self.fault(format!("task {} has two outcomes: {:?} and {fate:?}", order.id, task.fate));
        }
        task.fate = fate;
    }

    /// What is known of a task that was issued.
    pub(crate) fn task(&self, order: &Order) -> Task {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.get(&order.id).copied().expect("orders are issued before they are given to the pool")
    }

    pub(crate) fn is_over(&self) -> bool {
        self.terminated.load(Ordering::Acquire)
    }
}

impl Task {
    /// How often it may be started.
    pub(crate) fn most(&self, settings: &Settings) -> u64 {
        if self.once { 1 } else { settings.attempts.into() }
    }
}
