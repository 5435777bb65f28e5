//! Everything the engine knows, under one lock; nothing of the user's runs while it is held.
//!
//! [`State::pump`] is the crank's turn: results out of the links, outcomes to their jobs, new batches into the links.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mpexec_ring::spin_budget;

use super::deaths::Row;
use super::functions::Names;
use super::ids::IdMap;
use super::jobs::{JobState, Jobs};
use super::lending::{Lendings, Loan};
use super::outcomes::{Farewell, Hook};
use super::parcels::Parcel;
use super::recorded::Recorded;
use super::recycled::Landing;
use super::scheduler::{Action, Event, Function, JobId, Scheduler, Terms};
use super::segments::Segment;
use super::slot::Slot;
use super::striking::Struck;
use super::waiter::Waiter;
use crate::carry::{Attachment, Buffer, Mailbox};
use crate::error::{Exit, PoolError};
use crate::link::Upto;
use crate::os::events::{Bell, Watcher};

/// Calls that nobody waits for are sent on after so many,
const CALLS_PER_TURN: u32 = 256;
/// or with the first call that comes so long after the last turn.
const TURN_AFTER: Duration = Duration::from_micros(20);

/// While a worker holds more than it runs, what is complete and not shown, and slow neighbours, are found by then.
pub(crate) const LOOK: Duration = Duration::from_millis(1);

/// Who turns the crank now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Baton {
    #[default]
    Free,
    Waiter,
    Supervisor,
}

/// How far the pool's life has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Life {
    #[default]
    Open,
    /// No new calls; what was submitted is finished.
    Closed,
    /// Everything ends now.
    Terminated,
}

/// The job that gathers single calls of one kind.
#[derive(Debug)]
pub(crate) struct Lane {
    pub function: Function,
    pub terms: Terms,
    pub label: Option<Arc<str>>,
    pub job: JobId,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub sched: Scheduler,
    pub slots: Vec<Slot>,
    pub jobs: Jobs,
    next_job: JobId,
    pub lanes: Vec<Lane>,
    pub(super) parcels: IdMap<Parcel>,
    pub baton: Baton,
    /// Where whoever waited last did so: its processor.
    pub cpu: u32,
    pub parked: Vec<Arc<Waiter>>,
    /// The supervisor knows that there is work that nobody waits for.
    pub alerted: bool,
    /// To be told once the lock is released: what they run is the user's.
    pub after: Vec<Hook>,
    /// To be dropped once the lock is released, for the same reason.
    pub trash: Vec<JobState>,
    pub life: Life,
    /// The supervisor was told that the last work of a closed pool is done.
    pub winding_down: bool,
    /// Parked threads that have tasks to bring, in the order in which they will be let.
    pub hungry: VecDeque<Arc<Waiter>>,
    /// Which of these was let bring some, and how many may be asked after it.
    let_in: Option<(Arc<Waiter>, usize)>,
    /// Who has the baton sleeps until rung for, however long.
    pub sleeps_long: bool,
    pub kick: Option<Arc<Bell>>,
    /// Gets the supervisor out of its sleep.
    pub wake: Option<Arc<Bell>>,
    last_look: Option<Instant>,
    /// Somebody who does not wait wants to be told: a future, a callback.
    pub listened_to: bool,
    since_turn: u32,
    last_turn: Option<Instant>,
    /// Large buffers of tasks that were sent: fresh memory costs a page fault for each 4 KiB.
    pub spare: Vec<Vec<u8>>,
    /// The buffer of a single call that was sent.
    pub(super) spare_call: Vec<u8>,
    /// All workers are gone and none will come.
    pub ended: bool,
    /// This is the copy that a fork of the coordinator has.
    pub forked: bool,
    /// Deaths since a task was finished.
    pub row: Row,
    /// Deaths since then of workers that had nothing to do.
    pub idle_row: Row,
    /// How many had died when the last death of the row was counted.
    pub row_counted_at: u64,
    /// A row of deaths has ended the calls; no worker is started before the next call.
    pub crash_looped: bool,
    pub deaths: u64,
    /// Of these, those that were no end in order.
    pub crashes: u64,
    /// What was done to workers by chance.
    pub struck: Option<Struck>,
    /// Workers that were started, threads too.
    pub launched: u64,
    /// How the last worker that went ended.
    pub last_exit: Option<Exit>,
    /// The names that the worker program serves, once the first worker has said so.
    pub names: Option<Arc<Names>>,
    /// The first worker's readiness, or why there is none.
    pub started: Option<Result<(), PoolError>>,
    pub bells: Option<Arc<Watcher>>,
    /// When which task is to be tried again.
    pub alarms: Vec<(Instant, JobId, u64)>,
    /// Tasks have time limits: the supervisor watches what runs, and looks at it again after so long.
    pub looks: Option<Duration>,
    /// A call had limits: the pool keeps a spare.
    pub limits_set: bool,
    /// Nobody looks at workers' memory: it has no limit, or nothing has run since the last look.
    pub unwatched: bool,
    /// What is to be told of once the lock is released.
    pub news: Vec<String>,
    /// What end hooks brought that nobody has fetched.
    pub farewells: VecDeque<Farewell>,
    /// The supervisor's, which watches the control sockets.
    pub post_watcher: Option<Arc<Watcher>>,
    /// What the shared context names, for every new worker.
    pub context_attachments: Vec<Attachment>,
    /// Where the end of a buffer is told.
    pub mailbox: Option<Arc<Mailbox>>,
    /// Buffers of tasks that are over; dropped once the lock is released.
    pub unused: Vec<Arc<Buffer>>,
    /// As well: memory that is not lent any more.
    pub(super) worn: Vec<Loan>,
    /// Where lent memory comes back to.
    pub(super) lendings: Option<Arc<Lendings>>,
    /// What happened when, if that is kept.
    pub(super) recorded: Option<Box<Recorded>>,
    pub(super) segments: Vec<Segment>,
    /// The buffer into which results of single calls are taken, again and again.
    pub(super) received: Vec<u8>,
    pub(super) landing: Landing,
    pub(super) actions: Vec<Action>,
    /// Parcels of a batch that is over.
    pub(super) over: Vec<u64>,
    /// Streams of which more is under way than their readers take.
    pub(super) overfull: Vec<JobId>,
}

impl State {
    pub(crate) fn new_job_id(&mut self) -> JobId {
        self.next_job += 1;
        self.next_job
    }

    /// Places that are empty now stay empty, at least until the next call.
    pub(crate) fn no_more_workers(&self) -> bool {
        self.life != Life::Open || self.crash_looped || self.ended || matches!(self.started, Some(Err(_)))
    }

    /// Whether something of the user's is to run once the lock is released.
    pub(crate) fn has_errands(&self) -> bool {
        !self.after.is_empty() || !self.trash.is_empty() || !self.unused.is_empty() || !self.worn.is_empty()
    }

    /// Tells whoever wanted to know. Threads at once; what is the user's, after the lock.
    pub(crate) fn fire(&mut self, hooks: Vec<Hook>) {
        for hook in hooks {
            match hook {
                Hook::Thread(waiter) => waiter.wake(),
                Hook::Arrival(arrivals, number) => arrivals.add(number),
                other => self.after.push(other),
            }
        }
    }

    /// A turn of the crank. `look`: also at what is complete but not published, and for slow workers. `true`: there was news.
    pub(crate) fn pump(&mut self, look: bool) -> bool {
        let mut news = false;
        for id in 0..self.slots.len() {
            if !self.sched.workers[id].held.is_empty() {
                news |= self.receive_from(id, if look { Upto::Complete } else { Upto::Published });
                while let Some(job) = self.overfull.pop() {
                    self.handle(Event::HeldBack(job), |_, _, _| {});
                }
            }
        }
        if look {
            self.last_look = Some(Instant::now());
            self.look_for_slow_workers();
        }
        self.dispatch();
        self.let_in_one_of(self.hungry.len());
        news
    }

    /// A turn of the crank, unless somebody has the baton: what is there may be what that one waits for.
    pub(crate) fn turn_if_free(&mut self) {
        if self.baton == Baton::Free {
            let look = self.look_is_due();
            self.pump(look);
        }
    }

    /// Sends what can be sent, by what has come meanwhile if that is ours to take.
    pub(super) fn send_on(&mut self) {
        match self.baton {
            Baton::Free => drop(self.pump(false)),
            Baton::Waiter | Baton::Supervisor => self.dispatch(),
        }
    }

    /// A turn of the crank after many calls, or when the last was a while ago.
    pub(crate) fn turn_now_and_then(&mut self) {
        self.since_turn += 1;
        // The first call of a row goes out at once; after that the clock is looked at now and then.
        let due = !self.sched.working()
            || self.since_turn >= CALLS_PER_TURN
            || (self.since_turn.is_multiple_of(8) && self.last_turn.is_none_or(|last| last.elapsed() >= TURN_AFTER));
        if due {
            self.since_turn = 0;
            self.send_on();
            self.last_turn = Some(Instant::now());
        } else if self.sleeps_long && self.sched.any_idle() {
            // Who has the baton sleeps until rung for, and no worker may ring: let it send what has gathered.
            self.sleeps_long = false;
            if let Some(kick) = &self.kick {
                kick.ring();
            }
        }
    }

    /// A worker holds tasks behind the one it runs: finished ones may be complete and not shown.
    pub(crate) fn holds_more_than_runs(&self) -> bool {
        self.sched.workers.iter().any(|worker| worker.tasks_held() > 1)
    }

    /// Whether it is time for the regular look at what nobody rings for.
    pub(crate) fn look_is_due(&self) -> bool {
        self.holds_more_than_runs() && self.last_look.is_none_or(|last| last.elapsed() >= LOOK)
    }

    /// Whether a link shows news, by loads alone.
    pub(crate) fn any_news(&self) -> bool {
        self.slots.iter().zip(&self.sched.workers).any(|(slot, worker)| {
            !worker.held.is_empty() && !slot.mute && slot.link.as_ref().is_some_and(|link| link.has_news())
        })
    }

    /// How long to spin before sleeping: it is worth it only for a worker that last ran on another processor, and has something
    /// to tell within that time.
    pub(crate) fn spin_budget(&self, own: u32) -> Duration {
        let busy = self.slots.iter().zip(&self.sched.workers).filter(|(_, worker)| !worker.held.is_empty());
        busy.filter_map(|(slot, worker)| {
            let budget = spin_budget(own, slot.link.as_ref()?.peer_cpu()?);
            (self.sched.expected(worker) <= budget).then_some(budget)
        })
        .max()
        .unwrap_or_default()
    }

    /// If there is room for tasks the owner that waits longest may bring some; `most`: so many, from that one on, may be asked.
    pub(super) fn let_in_one_of(&mut self, most: usize) {
        if most > 0
            && self.sched.has_room()
            && let Some(waiter) = self.hungry.pop_front()
        {
            waiter.wake();
            self.let_in = Some((waiter, most - 1));
        }
    }

    /// Whether this thread was let in, once: and if it has no use for the room, so many others may be asked.
    pub(super) fn is_let_in(&mut self) -> Option<usize> {
        let (waiter, others) = self.let_in.take()?;
        if Arc::ptr_eq(&waiter, &Waiter::current()) {
            return Some(others);
        }
        self.let_in = Some((waiter, others));
        None
    }

    /// What somebody waits for may be here. Who has the baton leaves no word where its own news come, and is rung for.
    pub(super) fn stir(&self) {
        if self.baton != Baton::Free
            && let Some(kick) = &self.kick
        {
            kick.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use mpexec_ring::PoolPage;
    use mpexec_wire::FunctionKind;

    use super::*;
    use crate::engine::scheduler::Job;
    use crate::link::{Link, memory};

    #[test]
    fn nobody_spins_for_a_worker_that_can_tell_nothing_within_the_spin() {
        let page = PoolPage::create().unwrap();
        let mut state = State { sched: Scheduler::new(1, u64::MAX), ..State::default() };
        state.slots.push(Slot::default());
        state.sched.handle(Event::Ready(0), &mut Vec::new());
        state.sched.open_job(1, Job::new(Function { kind: FunctionKind::Offset, id: 1 }, 1));
        let (link, _inbox, _outbox) = memory::pair(1 << 16, 1 << 20, &page).unwrap();
        let itself = link.peer_cpu().unwrap();
        state.slots[0].link = Some(Box::new(link));
        let other = itself + 1;
        assert_eq!(state.spin_budget(other), Duration::ZERO, "it has nothing");
        state.sched.sent(0, 1, 0, 1, 1);
        assert!(state.spin_budget(other) > Duration::ZERO, "nobody knows how long it takes");
        assert_eq!(state.spin_budget(itself), Duration::ZERO, "it cannot run meanwhile");
        state.sched.measured(1, 1_000, 1);
        assert!(state.spin_budget(other) > Duration::ZERO, "a task of a microsecond");
        state.sched.measured(1, 60_000_000, 1);
        assert_eq!(state.spin_budget(other), Duration::ZERO, "a task of milliseconds");
    }

    #[test]
    fn who_was_let_in_and_has_no_use_for_the_room_leaves_it_to_the_next_until_all_were_asked() {
        let mut state = State { sched: Scheduler::new(1, u64::MAX), ..State::default() };
        let [one, other] = [(); 2].map(|()| std::thread::spawn(Waiter::current).join().unwrap());
        state.hungry.extend([Waiter::current(), one, other]);
        state.let_in_one_of(3);
        assert_eq!((state.hungry.len(), state.is_let_in()), (3, None), "no worker has room");
        state.sched.handle(Event::Ready(0), &mut Vec::new());
        state.let_in_one_of(3);
        assert_eq!((state.hungry.len(), state.is_let_in(), state.is_let_in()), (2, Some(2), None), "once");
        state.let_in_one_of(2);
        assert_eq!((state.hungry.len(), state.is_let_in()), (1, None), "it is another's turn");
        state.let_in_one_of(0);
        assert_eq!(state.hungry.len(), 1, "all were asked");
    }
}
