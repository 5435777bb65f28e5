//! The coordinator's machinery below the doors.
//!
//! | part | what it does |
//! |---|---|
//! | [`scheduler`] | decides: pure, no I/O, no clock |
//! | [`state`] | everything under the one lock; a turn of the crank |
//! | [`receive`], [`send`] | the two halves of a turn: results in, batches out |
//! | [`crank`] | who waits turns it: the baton, sleeping, waking |
//! | [`supervisor`] | the thread that watches processes, whatever the user does |
//! | [`functions`] | which function of the worker program is meant |
//! | [`autopsy`] | what a dead worker left in writing of its death |
//! | [`notes`] | what the pool tells of itself |
//! | [`launch`] | starting a worker and shaking hands |
//! | [`environment`] | where and how workers run |
//! | [`places`] | filling the pool's empty places |
//! | [`scarcity`] | when that is to be tried again |
//! | [`hooks`] | what a worker runs before its first task and after its last |
//! | [`limits`] | limits of time and processor time, and the wait before a task is tried again |
//! | [`listening`] | hearing workers that have nothing |
//! | [`memory`] | watching the workers' memory |
//! | [`overruns`] | killing a worker for a task that has had more than it may |
//! | [`pauses`] | stops of the whole program, which no limit counts |
//! | [`spare`] | the process that takes the place of a worker that was killed at a limit |
//! | [`striking`] | killing and stopping workers by chance, for whoever tries his functions |
//! | [`stop`] | cancelling what has not started, aborting what runs |
//! | [`retire`] | sending workers home: a smaller pool, a worker that has done its share or grown too large |
//! | [`forks`] | what a fork of the coordinator has of a pool: nothing
//! | [`forwarding`] | what workers print on its way to our own streams |
//! | [`recycled`] | the memory of large results, for the next ones |
//! | [`printed`] | what a task had printed that took its worker down |
//! | [`posting`], [`attachments`] | descriptors that travel beside the batches |
//! | [`calls`] | single calls: where their outcomes are left |
//! | [`recorder`], [`recorded`], [`recording`] | what happened when, if that is kept |
//! | [`jobs`] | outcomes on their way from the crank to their owners |
//!
//! Only bytes and indices are known here; the doors know the types.

pub(crate) mod attachments;
mod autopsy;
pub(crate) mod callbacks;
pub(crate) mod calls;
pub(crate) mod crank;
mod deadlines;
mod deaths;
pub(crate) mod environment;
pub(crate) mod forks;
mod forwarding;
pub(crate) mod functions;
pub(crate) mod hooks;
pub(crate) mod ids;
pub(crate) mod jobs;
pub(crate) mod launch;
pub(crate) mod lending;
mod limits;
mod listening;
mod memory;
mod notes;
mod obituary;
pub(crate) mod open;
pub(crate) mod outcomes;
pub(crate) mod overruns;
pub(crate) mod parcels;
mod pauses;
mod places;
mod posting;
pub(crate) mod printed;
mod receive;
mod recorded;
mod recorder;
pub(crate) mod recording;
pub(crate) mod recycled;
mod remains;
mod retire;
mod scarcity;
pub(crate) mod scheduler;
mod segments;
mod send;
mod single;
pub(crate) mod slot;
mod spare;
pub(crate) mod start;
pub(crate) mod state;
mod stop;
pub(crate) mod striking;
mod successor;
pub(crate) mod supervisor;
mod sweeping;
mod taking_back;
pub(crate) mod waiter;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use mpexec_ring::PoolPage;

use crate::carry::Mailbox;
use crate::config::{Config, Containment, Transport};
use crate::os::cgroup::PoolGroup;
use crate::os::events::{Bell, Watcher};
use crate::os::exe::Program;
use crate::os::oom::OomKills;

/// One pool's engine. Shared by its doors, its handles and its supervisor.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) state: Mutex<state::State>,
    pub(crate) config: Config,
    pub(crate) transport: Transport,
    /// How many workers there are to be.
    pub(crate) workers: AtomicUsize,
    pub(crate) program: Program,
    /// A shared context too large for the welcome: one parcel for all workers.
    pub(crate) context: Option<(OwnedFd, u64)>,
    /// Says to all workers whether the coordinator sleeps.
    pub(crate) page: PoolPage,
    /// The workers' bells: what whoever turns the crank sleeps on.
    pub(crate) bells: Arc<Watcher>,
    /// Gets the sleeper out of its sleep.
    pub(crate) kick: Arc<Bell>,
    /// Gets the supervisor out of its sleep.
    pub(crate) wake: Arc<Bell>,
    /// Buffers that the workers can forget.
    mailbox: Arc<Mailbox>,
    /// Started while the first workers are; see [`Engine::callbacks`].
    callbacks: OnceLock<callbacks::Callbacks>,
    /// Wakers are woken, and dropped, on a thread of their own; `None`: it could not be started.
    pub(crate) wakers: OnceLock<Option<callbacks::Callbacks>>,
    telling: notes::Telling,
    /// What callers spend their time on, if that is recorded.
    pastimes: recording::Pastimes,
    surroundings: environment::Surroundings,
    forwarding: forwarding::Forwarding,
    forwarding_stdout: forwarding::Forwarding,
    /// Where the workers' cgroups are, if they are to have some.
    cgroups: Option<PoolGroup>,
    /// The supervisor's: whether workers are killed because memory runs out.
    oom_kills: Mutex<Option<OomKills>>,
    /// A worker could not enter its own.
    uncontained: AtomicBool,
    /// The process that built the pool, by its number among its forks: these must leave everything alone.
    pub(crate) built_by: u32,
    /// Rings that no worker has yet.
    tried: Mutex<Option<launch::TriedRings>>,
    /// Memory for large arguments.
    lendings: Arc<lending::Lendings>,
    /// Buffers are kept as long as there is one.
    _keeping: recycled::Keeping,
}

impl Engine {
    /// How many workers there are to be.
    pub(crate) fn workers(&self) -> usize {
        self.workers.load(Ordering::Relaxed)
    }

    /// What the kill of a worker takes along.
    pub(crate) fn containment(&self) -> Containment {
        match self.cgroups.is_some() && !self.uncontained.load(Ordering::Relaxed) {
            true => Containment::Cgroup,
            false => Containment::ProcessGroup,
        }
    }
}
