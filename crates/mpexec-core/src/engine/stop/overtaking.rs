//! A worker on the socket link whose guard gives tasks back while its task thread ends a task: the answer may overtake the result.
//!
//! Tried is every order of what the two threads do, how far the task thread comes, and every choice of the moments in which
//! the coordinator looks, over a real socket link with a worker that is acted here. Whatever the order: a worker is killed
//! only while it runs the task that it is to be killed for and can begin no other, so nobody else is charged, and
//! a task that may run at most once never runs twice.

use std::time::Duration;

use mpexec_wire::{
    FrameKind, FromWorker, GROUP_HEADER, GroupHeader, Progress as ProgressFrame, Status, ToWorker, decode,
};

use super::*;
use crate::engine::scheduler::{Event, Function, Job, Run, Scheduler, Terms};
use crate::engine::slot::{Overrun, Phase, Slot};
use crate::link::control::{Reader, Writer, frame_into, pair, wrap};
use crate::link::socket::SocketLink;
use crate::link::{Upto, result_header};

/// The job of the task that is to be ended, which is the first that the worker was sent,
const JOB: JobId = 7;
/// and that of those that lie behind it.
const OTHER: JobId = 8;
const TASKS: u64 = 3;
/// What a task thread does from the end of the first task on: store that it begins the next, tell, look at the marks (and begin it,
/// or skip), store, tell.
const STEPS: usize = 5;

/// Who wants the first task ended, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Why {
    Limit,
    Call,
    Job,
}

/// The worker.
struct Peer {
    reader: Reader,
    writer: Writer,
    /// What its two threads share.
    stored: u64,
    marks: (u64, u64),
    /// The guard has taken in what is asked back.
    asked: Option<(u64, u64)>,
    /// Frames that the task thread will send with its next word.
    pending: Vec<u8>,
    done: u64,
    steps: usize,
    /// The tasks whose code has run, in this order.
    begun: Vec<u64>,
    /// It passes what was taken back.
    skipping: bool,
}

impl Peer {
    fn tells(&mut self, running: u64) {
        let told = ProgressFrame { done: self.done, running }.write();
        frame_into(&mut self.pending, FrameKind::Progress, &[&told], 0).unwrap();
        self.writer.send_framed(std::mem::take(&mut self.pending), &[]).unwrap();
    }

    fn has_result(&mut self, task: u64, status: Status) {
        let mut group = [0; GROUP_HEADER];
        let first = task.saturating_sub(1) as u32;
        GroupHeader { batch: task.min(1), first, count: 1, nanos: 1, ended: 0 }.write_to(&mut group);
        let entry = result_header(0, status, false).unwrap();
        frame_into(&mut self.pending, FrameKind::Group, &[&group, &entry], 0).unwrap();
    }

    /// One step of its task thread, in the order of `worker/serve.rs` and `link/socket/worker.rs`.
    fn works(&mut self) {
        let task = self.begun.len() as u64;
        match self.steps % 3 {
            _ if self.skipping => {}
            0 => {
                self.has_result(task - 1, Status::Ok);
                (self.done, self.stored) = (task, task + 1);
            }
            1 => self.tells(task + 1),
            _ if (self.marks.0..self.marks.1).contains(&task) => {
                self.has_result(task, Status::Skipped);
                self.done = TASKS;
                self.skipping = true;
                self.tells(0);
            }
            _ => self.begun.push(task),
        }
        self.steps += 1;
    }

    /// One step of its guard: it marks what it is to give back, or answers.
    fn guards(&mut self) {
        if let Some((lo, hi)) = self.asked {
            self.writer.message(&FromWorker::GaveBack { lo: lo.max(self.stored), hi }, &[]).unwrap();
            return;
        }
        while self.asked.is_none() {
            let asked = &mut self.asked;
            let taken = self.reader.next(|kind, payload, _| {
                if kind == FrameKind::Control
                    && let ToWorker::Withdraw { lo, hi } = decode(payload).unwrap()
                {
                    *asked = Some((lo, hi));
                }
                Ok(())
            });
            if taken.unwrap().is_none() {
                assert!(self.reader.fill().unwrap(), "nothing was asked back");
            }
        }
        self.marks = self.asked.unwrap_or_default();
    }
}

/// The coordinator, and what it wants.
struct Scene {
    state: State,
    peer: Option<Peer>,
    why: Why,
    asked: Option<Hold>,
    decided: bool,
}

impl Scene {
    /// The worker has told that it runs the first task, and all behind it was asked back.
    fn new(why: Why) -> Scene {
        let mut scene = Scene::before(why, TASKS as u32 - 1);
        scene.begins();
        assert_eq!(scene.state.sched.workers[0].unanswered, 1);
        scene
    }

    /// The worker has told that it runs the first task; so many lie behind it.
    fn before(why: Why, behind: u32) -> Scene {
        let (ours, theirs) = pair().unwrap();
        let theirs = wrap(theirs);
        let link = SocketLink::new(ours.clone(), Reader::new(ours.clone(), false), Writer::new(ours, false), 1 << 20);
        let mut peer = Peer {
            reader: Reader::new(theirs.clone(), false),
            writer: Writer::new(theirs, false),
            stored: 1,
            marks: (0, 0),
            asked: None,
            pending: Vec::new(),
            done: 0,
            steps: 0,
            begun: vec![0],
            skipping: false,
        };
        let mut state = State::default();
        state.sched = Scheduler::new(1, u64::MAX);
        state.slots.push(Slot { phase: Phase::Ready, link: Some(Box::new(link)), ..Slot::default() });
        state.handle(Event::Ready(0), |_, _, _| {});
        let terms = Terms { attempts: 1, limit: None, cpu_limit: None, memory: None, retry_after: None, once: true };
        for (id, first, count) in [(JOB, 0, 1), (OTHER, 1, behind)].into_iter().filter(|(.., count)| *count > 0) {
            let mut job = Job::on(Function { kind: mpexec_wire::FunctionKind::Offset, id: 1 }, terms);
            job.calls = id == JOB && why == Why::Call;
            let mut calls = Calls::of(JOB);
            drop(calls.add());
            let calls = job.calls.then_some(calls);
            state.sched.open_job(id, job);
            state.jobs.insert(id, JobState { calls, ..JobState::default() });
            let bytes = [0; 8].repeat(count as usize);
            assert!(state.send(0, id, &Run { first, count, attempt: 1, bytes, from: 0 }).unwrap());
        }
        peer.tells(1);
        state.receive_from(0, Upto::Complete);
        Scene { state, peer: Some(peer), why, asked: None, decided: false }
    }

    /// The first task is to be ended.
    fn begins(&mut self) {
        let state = &mut self.state;
        match self.why {
            Why::Limit => {
                state.expire(0, 0, Overrun::Time(Duration::from_secs(1)));
                // Its patience never ends here, however slow this machine is.
                if let Some(expiring) = &mut state.slots[0].expiring {
                    expiring.asked = Instant::now() + Duration::from_secs(1_000);
                }
            }
            Why::Call => assert!(!state.try_stop(JOB, 0, (true, false), &mut self.asked)),
            Why::Job => {
                state.break_job(JOB, &cancelled());
                self.asked = Some(state.close(0, true));
            }
        }
    }

    /// What whoever turns the crank does now and then.
    fn looks(&mut self) {
        if self.decided {
            return;
        }
        let state = &mut self.state;
        state.receive_from(0, Upto::Complete);
        self.decided = match self.why {
            Why::Limit => {
                state.end_overrun(0);
                state.slots[0].expiring.is_none() || state.slots[0].sentenced
            }
            Why::Call => state.try_stop(JOB, 0, (true, false), &mut self.asked),
            Why::Job => state.try_stop_share(JOB, self.asked.unwrap(), (true, false)),
        };
    }

    /// The worker's process is gone; what it has told is taken in, and who is charged for its death is told.
    fn is_buried(&mut self) -> (Vec<u64>, Vec<u64>) {
        let peer = self.peer.take().unwrap();
        let begun = peer.begun.clone();
        drop(peer);
        let state = &mut self.state;
        state.receive_from(0, Upto::Complete);
        let running = state.was_in(0);
        assert!(!state.slots[0].link.as_ref().unwrap().is_cut());
        let passed = state.slots[0].link.as_ref().unwrap().progress().passed;
        let mut charged = Vec::new();
        let lost = Event::Lost { worker: 0, running, spent: true, begun: passed };
        state.handle(lost, |_, _, index| charged.push(index));
        (begun, charged)
    }
}

/// Every order of `own` steps of the task thread and two of the guard, as bits: 1 is the guard's.
fn orders(own: usize) -> impl Iterator<Item = u32> {
    (0..1 << (own + 2)).filter(|order: &u32| order.count_ones() == 2)
}

/// Whether the worker was killed; that strikes `later` steps after it was decided.
fn is_played(why: Why, own: usize, order: u32, looks: u32, later: usize) -> bool {
    let mut scene = Scene::new(why);
    for step in 0..own + 2 {
        let peer = scene.peer.as_mut().unwrap();
        if order >> step & 1 == 1 {
            peer.guards()
        } else {
            peer.works()
        }
        if looks >> step & 1 == 1 {
            scene.looks();
        }
        if scene.state.slots[0].sentenced {
            break;
        }
    }
    scene.looks();
    let sentenced = scene.state.slots[0].sentenced;
    if own == 0 {
        assert!(sentenced, "a task that does not end is ended");
    }
    if sentenced {
        // The kill strikes a little later.
        (0..later).for_each(|_| scene.peer.as_mut().unwrap().works());
    } else if !scene.decided {
        // The result was not told yet.
        (0..2).for_each(|_| scene.peer.as_mut().unwrap().works());
        scene.looks();
        assert!(scene.decided && !scene.state.slots[0].sentenced, "it has ended just in time");
    }
    let (begun, charged) = scene.is_buried();
    if sentenced {
        assert_eq!(begun, [0], "it began another task");
        assert!(charged.is_empty() || charged == [0], "another task is charged: {charged:?}");
    }
    // What waits to be run again has never been begun; and a job that was broken up has nothing that waits.
    for index in 0..TASKS {
        let job = scene.state.sched.job(if index == 0 { JOB } else { OTHER }).unwrap();
        let holds = |run: &Run| (run.first..run.first + u64::from(run.count)).contains(&index);
        let queued = job.queue.iter().filter(|run| holds(run)).count();
        let ran = usize::from(begun.contains(&index));
        // One that it told to begin, and died before it did, is charged: that it had not run is not certain.
        let told = usize::from(ran == 0 && charged.contains(&index));
        assert_eq!(
            queued + ran + told,
            1,
            "task {index} waits {queued} times, has run {ran} times; charged: {charged:?}"
        );
    }
    sentenced
}

fn all_are_played(why: Why) {
    for own in 0..=STEPS {
        for order in orders(own) {
            for looks in 0..1 << (own + 2) {
                let killed = is_played(why, own, order, looks, 0);
                (1..=2).filter(|_| killed).for_each(|later| assert!(is_played(why, own, order, looks, later)));
            }
        }
    }
}

#[test]
fn a_kill_at_a_limit_strikes_no_other_task_whatever_overtakes_what() {
    all_are_played(Why::Limit);
}

#[test]
fn an_abort_of_a_call_strikes_no_other_task_whatever_overtakes_what() {
    all_are_played(Why::Call);
}

#[test]
fn an_abort_of_a_job_strikes_no_other_task_whatever_overtakes_what() {
    all_are_played(Why::Job);
}

#[test]
fn one_that_never_sends_the_result_it_owes_is_killed_when_patience_ends() {
    let mut scene = Scene::new(Why::Limit);
    let peer = scene.peer.as_mut().unwrap();
    peer.works();
    peer.guards();
    peer.guards();
    scene.looks();
    assert!(!scene.decided, "the result of the first task is on its way");
    scene.state.slots[0].expiring.as_mut().unwrap().asked = Instant::now().checked_sub(2 * PATIENCE).unwrap();
    scene.looks();
    assert!(scene.state.slots[0].sentenced);
}

#[test]
fn one_whose_result_has_come_and_was_not_taken_in_is_not_killed_for_its_limit() {
    for behind in [0, 2] {
        let mut scene = Scene::before(Why::Limit, behind);
        let peer = scene.peer.as_mut().unwrap();
        peer.has_result(0, Status::Ok);
        (peer.done, peer.stored) = (1, 2 * u64::from(behind > 0));
        peer.tells(peer.stored);
        // Whoever has the baton has not come to it.
        scene.begins();
        let slot = &scene.state.slots[0];
        assert!(slot.expiring.is_none() && !slot.sentenced, "with {behind} behind it");
        assert_eq!(scene.state.sched.workers[0].closed, 0, "it may have tasks again");
    }
}
