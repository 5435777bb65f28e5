//! What workers must do within a time, and what becomes of those that do not: handshakes, responses, leaving.
//!
//! A worker that has nothing to do begins what it is sent, one that is asked for tasks back answers, also while a task runs, and a
//! message that was begun is ended: its own threads do this, not the user's code. One that does not is stopped, or its program has come to a halt. It is killed,
//! and what it had not begun goes to others free of charge. How long a task may run is another matter (`limits`).

use std::time::{Duration, Instant};

use super::memory::MEMORY_LOOK;
use super::scheduler::WorkerId;
use super::slot::{DYING, Owed, Phase, Slot};
use super::state::State;
use super::striking::Striking;
use super::supervisor::{Supervisor, TURN};
use crate::link::{LinkError, Progress, Upto};
use crate::os::family::{main_thread_has_ended, stands_still};

/// While somebody comes or goes, the supervisor sleeps for this part of the time that he has at most: a stop of the program in that sleep counts for no more.
const LOOKS: u32 = 16;

impl Supervisor {
    /// When the supervisor has to look again even if nothing happens.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let mut state = self.engine.lock();
        let (handshake, response) = (self.engine.config.handshake_limit, self.engine.config.response_limit);
        let threads = state.slots.iter().any(|slot| slot.thread.is_some() && matches!(slot.phase, Phase::Leaving(_)));
        let limits = state.slots.iter().filter_map(|slot| match &slot.phase {
            Phase::Starting(starting) => starting.since.checked_add(handshake),
            Phase::Leaving(since) => since.checked_add(response),
            Phase::Empty | Phase::Ready => None,
        });
        let given_up = state.slots.iter().filter_map(Slot::given_up_at);
        let next = limits.chain(given_up).min().map(|at| at.saturating_duration_since(Instant::now()).max(TURN));
        let on_the_way = next.is_some() || self.under_way.is_some() || self.spare.dies_within().is_some();
        let looks = on_the_way.then_some((handshake.min(response).min(DYING) / LOOKS).max(TURN));
        // Between two short tasks nobody works, but whoever has worked since the last look may have grown.
        let looked = self.memory_looked.as_ref();
        let grows = state.sched.working() || looked.is_some_and(|look| look.finished != state.sched.finished);
        let watches = grows && (self.engine.minds_memory() || state.sched.limits_memory());
        state.unwatched = !watches;
        let memory = watches.then_some(MEMORY_LOOK);
        let striking = self.striking.as_ref().map(Striking::next);
        let listening = self.listens_again_in(&state.slots);
        // A call tells nobody that it sends something to a worker; that one owes something now is seen at the next look.
        let owing = state.slots.iter().any(|slot| slot.child.is_some()).then_some(response / 2);
        let next = next
            .into_iter()
            .chain(looks)
            .chain(memory)
            .chain(owing)
            .chain(listening)
            .chain(striking)
            .chain(self.next_look)
            .chain(self.scarcity.left())
            .chain(self.await_newcomer().map(|left| left.max(TURN)))
            .min();
        if threads { Some(TURN) } else { next }
    }

    pub(super) fn keep_deadlines(&mut self) {
        let mut over = Vec::new();
        {
            let mut state = self.engine.lock();
            let (handshake, response) = (self.engine.config.handshake_limit, self.engine.config.response_limit);
            for (id, slot) in state.slots.iter_mut().enumerate() {
                match &slot.phase {
                    Phase::Starting(starting) if self.woke.saturating_duration_since(starting.since) >= handshake => {
                        let what =
                            format!("it did not shake hands within {handshake:?}: is it an mpexec worker program?");
                        slot.fault = Some(what);
                        slot.kill();
                    }
                    // It may be long in a task; it is over when it has left.
                    Phase::Leaving(_) if slot.thread.is_some() => over.push(id),
                    Phase::Leaving(since) if self.woke.saturating_duration_since(*since) >= response => slot.kill(),
                    _ => {}
                }
                if slot.given_up_at().is_some_and(|at| at <= self.woke) {
                    over.push(id);
                }
            }
        }
        for id in over {
            self.bury(id);
        }
    }

    /// Kills the workers that owe something for too long.
    pub(super) fn watch_responses(&mut self) {
        let limit = self.engine.config.response_limit;
        // While this process was stopped, or the machine asleep, nobody could respond: no look counts for more than the
        // time after which it was to come.
        let passed = self.responses_looked.elapsed().min(limit / 2);
        self.responses_looked = Instant::now();
        self.look_for_headless(limit);
        let mut state = self.engine.lock();
        for id in 0..state.slots.len() {
            let owed = if self.engine.config.replace {
                // Its ring may be as it should be, and a time limit would wait for a task that there is not.
                if state.give_up_if_senseless(id) {
                    continue;
                }
                state.look_at_idle_ring(id);
                state.mind_half_message(id);
                state.owed(id)
            } else {
                // A process of its own is nobody's to replace; but one that has ended its thread comes to no end.
                Owed { thread: state.owed(id).thread, ..Owed::default() }
            };
            let slot = &mut state.slots[id];
            let same = Owed { since: slot.owed.since, ..owed } == slot.owed;
            let since = if same { slot.owed.since + passed } else { Duration::ZERO };
            slot.owed = Owed { since, ..owed };
            let what = match owed {
                Owed { begin: Some(_), .. } => "did not begin what it was sent",
                Owed { answer: Some(_), .. } => "did not answer",
                Owed { rest: true, .. } => "did not end a message that it had begun",
                Owed { thread: true, .. } => "did not end",
                _ => continue,
            };
            if since >= limit {
                slot.stood_still = stands_still(slot.pid);
                slot.silent = Some(match owed.thread {
                    true => "the thread that ran its tasks has ended, and the process has not".to_owned(),
                    false => format!("it {what} within {limit:?}"),
                });
                state.sched.workers[id].ready = false;
                state.slots[id].kill();
            }
        }
    }

    /// Looks now and then whether workers that have something still have their main thread. To end that by hand (`pthread_exit`, the system
    /// call) ends no process, as long as it has another thread.
    fn look_for_headless(&mut self, limit: Duration) {
        if self.threads_looked.elapsed() < limit / 4 {
            return;
        }
        self.threads_looked = Instant::now();
        let busy: Vec<(WorkerId, u32)> = {
            let state = self.engine.lock();
            let slots = state.slots.iter().zip(&state.sched.workers).enumerate();
            let busy = slots.filter(|(_, (slot, worker))| slot.child.is_some() && !worker.held.is_empty());
            busy.map(|(id, (slot, _))| (id, slot.pid)).collect()
        };
        // Files are read, so not under the lock.
        for (id, pid) in busy {
            let headless = main_thread_has_ended(pid);
            let slot = &mut self.engine.lock().slots[id];
            slot.headless = headless && slot.pid == pid;
        }
    }
}

impl State {
    /// Kills worker `id` if what it tells of its progress cannot be.
    pub(super) fn give_up_if_senseless(&mut self, id: WorkerId) -> bool {
        let slot = &self.slots[id];
        let Some(link) = slot.link.as_ref().filter(|_| matches!(slot.phase, Phase::Ready) && !slot.mute) else {
            return false;
        };
        let progress = link.progress();
        let Some(told) = self.what_cannot_be(id, progress) else {
            self.slots[id].told = progress.halves();
            return false;
        };
        // Its results may be as they should be: what it has finished is kept, and the task behind that is the one it was in.
        self.receive_from(id, Upto::Complete);
        self.give_up(id, &LinkError::broken(told));
        true
    }

    /// What is wrong with what worker `id` tells of its progress, after what it has told before and the results that it has left by now.
    pub(super) fn what_cannot_be(&self, id: WorkerId, told: Progress) -> Option<String> {
        let worker = &self.sched.workers[id];
        let sent = worker.next_ordinal;
        // A task begins before its result comes.
        let come = self.slots[id].told.max(worker.begun.saturating_mul(2).saturating_sub(1));
        match told {
            Progress { senseless: true, .. } => Some("what it tells of its progress is no word of a worker".to_owned()),
            Progress { running: Some(running), .. } if running >= sent => {
                Some(format!("it tells that it runs task number {running}, which it was not sent"))
            }
            Progress { passed, .. } if passed > sent => {
                Some(format!("it tells that {passed} tasks are behind it, and was sent {sent}"))
            }
            told if told.halves() < come => Some(format!(
                "it tells that it has begun {} tasks, and had begun {}",
                told.halves().div_ceil(2),
                come.div_ceil(2)
            )),
            _ => None,
        }
    }

    /// The task that worker `id` is in or will be in next, once all that it has told was taken in: the first of which there is no result, nor word
    /// that it was skipped.
    pub(super) fn first_without_result(&self, id: WorkerId) -> Option<u64> {
        let worker = &self.sched.workers[id];
        let next = worker.next_ordinal_held();
        (next < worker.next_ordinal).then_some(next)
    }

    /// The task that worker `id` is in, which has told `told`, if it is in one. Before a task begins, the result of the one before is there:
    /// who tells of another one, or that this one is over, and has left no result of it, is in it still.
    pub(super) fn in_task(&mut self, id: WorkerId, told: Progress) -> Option<u64> {
        self.receive_from(id, Upto::Complete);
        let told = told.passed.max(told.running.map_or(0, |running| running + 1)).max(self.said_begun(id));
        let begun = |first: &u64| told > *first;
        self.first_without_result(id).filter(begun)
    }

    /// All ordinals that worker `id` has said to begin, which it cannot take back, are below; beside what it tells in memory.
    pub(super) fn said_begun(&self, id: WorkerId) -> u64 {
        self.slots[id].link.as_ref().map_or(0, |link| link.said_begun())
    }

    fn owed(&self, id: WorkerId) -> Owed {
        let (slot, worker) = (&self.slots[id], &self.sched.workers[id]);
        let Some(link) = slot.link.as_ref().filter(|_| slot.child.is_some() && matches!(slot.phase, Phase::Ready))
        else {
            return Owed::default();
        };
        let next = worker.next_ordinal_held();
        // A task that was taken back is skipped in an instant, if it has begun with it at all.
        let at_work = |running| running >= next && worker.job_of(running).is_some();
        let begins =
            !worker.held.is_empty() && !link.progress().running.is_some_and(at_work) && link.said_begun() <= next;
        Owed {
            begin: begins.then_some(next),
            answer: (worker.unanswered > 0).then_some(slot.answers),
            rest: slot.half_message,
            thread: slot.headless,
            since: Duration::ZERO,
        }
    }
}
