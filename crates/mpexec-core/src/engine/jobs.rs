//! What the engine keeps of a job beside the scheduler: outcomes that nobody has fetched yet, and who waits for them.
//!
//! Outcomes are bytes here. They are decoded by whoever fetches them, outside every lock.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use mpexec_ring::Parcel;
use mpexec_wire::Status;

use super::attachments::Attachments;
use super::calls::Calls;
use super::ids::IdMap;
use super::outcomes::Hook;
use super::printed::Printed;
use super::recycled::Recycled;
use super::waiter::Arrivals;
use crate::error::TaskError;

/// Consecutive results of a job as they came: entries `from..to` of `bytes`, the first with index `first`.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub first: u64,
    pub count: u32,
    pub bytes: Recycled,
    pub from: usize,
    pub to: usize,
}

/// What a job's owner finds.
#[derive(Debug)]
pub(crate) enum News {
    Results(Chunk),
    /// A result that travelled by itself.
    Large(u64, Status, Parcel),
    Failed(u64, TaskError),
}

impl News {
    /// How many tasks it is of.
    pub(crate) fn count(&self) -> u32 {
        match self {
            News::Results(chunk) => chunk.count,
            News::Large(..) | News::Failed(..) => 1,
        }
    }

    /// The index of the first of them.
    pub(crate) fn first(&self) -> u64 {
        match self {
            News::Results(chunk) => chunk.first,
            News::Large(index, ..) | News::Failed(index, _) => *index,
        }
    }

    /// How many bytes of results it keeps in memory.
    pub(crate) fn weight(&self) -> u64 {
        let bytes = match self {
            News::Results(chunk) => chunk.bytes.capacity(),
            News::Large(_, _, parcel) => parcel.len(),
            News::Failed(..) => 0,
        };
        bytes as u64
    }
}

/// One job.
#[derive(Debug, Default)]
pub(crate) struct JobState {
    pub inbox: Vec<News>,
    pub hooks: Vec<Hook>,
    /// The owner has brought all its input.
    pub input_ended: bool,
    /// The owner is gone: what has not started shall not start.
    pub abandoned: bool,
    /// The owner's handle is gone: everything is run all the same, and outcomes are dropped.
    pub detached: bool,
    /// The pool gave the job up.
    pub broken: Option<TaskError>,
    /// The tasks, by first index and count, that had no outcome then.
    pub lost: Vec<(u64, u32)>,
    /// One of its tasks has failed.
    pub failed: bool,
    /// Each task is a call of its own; by index, without those that are settled.
    pub calls: Option<Calls>,
    /// Its owner wants to be told at the end only.
    pub quiet: bool,
    /// If it wants to know: what its tasks had printed, by index, that failed with their worker.
    pub printed: Option<HashMap<u64, Printed>>,
    /// What its caller calls it.
    pub label: Option<Arc<str>>,
    /// What people call its function.
    pub function: Cow<'static, str>,
    /// Some tasks' arguments are parcels.
    pub parcels: bool,
    /// Descriptors that its tasks want along.
    pub attachments: Attachments,
    /// Those, by index, that a worker was to begin next when it died, as it told: should another die so, it is they.
    pub suspects: BTreeSet<u64>,
}

impl JobState {
    /// Whether its drop may run code of the user's: a waker's, or a callback's.
    pub(crate) fn has_user_values(&self) -> bool {
        self.hooks.iter().any(|hook| matches!(hook, Hook::Task(_) | Hook::Callback(_)))
    }

    /// Whether its drop frees next to nothing, and runs nothing of the user's.
    pub(crate) fn is_bare(&self) -> bool {
        self.inbox.is_empty()
            && self.hooks.is_empty()
            && self.calls.is_none()
            && self.printed.is_none()
            && self.attachments.is_empty()
    }

    /// Takes out what nobody will fetch, to be dropped where no lock is held.
    pub(crate) fn clear(&mut self) -> JobState {
        let (inbox, hooks) = (std::mem::take(&mut self.inbox), std::mem::take(&mut self.hooks));
        JobState { inbox, hooks, ..JobState::default() }
    }

    /// Asks to be told; a hook that replaces one of the same waiter or future gives that one back.
    pub(crate) fn tell(&mut self, hook: Hook) -> Option<Hook> {
        let same = |old: &Hook| old.is_same(&hook);
        let old = self.hooks.iter().position(same).map(|place| self.hooks.swap_remove(place));
        self.hooks.push(hook);
        old
    }

    /// A thread that waited for many waits no more.
    pub(crate) fn forget_arrivals(&mut self, arrivals: &Arc<Arrivals>) {
        self.hooks.retain(|hook| !matches!(hook, Hook::Arrival(other, _) if Arc::ptr_eq(other, arrivals)));
    }

    /// Nobody will fetch its outcomes.
    pub(crate) fn is_unowned(&self) -> bool {
        self.abandoned || self.detached
    }

    /// Whether task `index`, which came back unfinished, is to be run all the same.
    pub(crate) fn wants(&self, index: u64) -> bool {
        let open = |calls: &Calls| calls.is_open(index) && !calls.is_stopping(index);
        !self.abandoned && self.broken.is_none() && self.calls.as_ref().is_none_or(open)
    }
}

/// All jobs of a pool.
pub(crate) type Jobs = IdMap<JobState>;
