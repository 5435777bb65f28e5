//! The scheduler driven by random events beside simulated workers: whatever dies, is taken back or refused, every task
//! ends exactly once, with the right bytes, and only a task that was running is ever charged. Moving work from slow
//! workers to idle ones is here too, because it shows only over several steps.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;

/// A worker as it would be: what lies in its ring, what it runs, what it was told not to start.
#[derive(Default)]
struct Sim {
    /// Batch number, first ordinal, entries.
    ring: VecDeque<(u64, u64, Vec<u8>)>,
    /// Ordinals below have ended.
    passed: u64,
    running: Option<u64>,
    withdrawn: (u64, u64),
    /// Ended, and the coordinator has not read the result yet.
    unread: VecDeque<(u64, u32, u64)>,
    /// Taken back, and the answer is on its way, as on the socket.
    answers: VecDeque<(u64, u64)>,
}

impl Sim {
    fn task_at(&self, ordinal: u64) -> Option<(u64, u32, u64)> {
        self.ring.iter().find_map(|(batch, base, entries)| {
            let offset = ordinal.checked_sub(*base)?;
            let index = *indices(entries).get(usize::try_from(offset).unwrap())?;
            Some((*batch, offset as u32, index))
        })
    }
}

struct World {
    sched: Scheduler,
    /// What was not started is ours at once, as over shared memory; otherwise the worker answers, as on the socket.
    at_once: bool,
    sims: Vec<Sim>,
    attempts: u32,
    pushed: u64,
    /// How each task ended, and how often it was running when a worker died.
    ended: BTreeMap<u64, &'static str>,
    charged: BTreeMap<u64, u32>,
}

#[derive(Clone, Debug)]
enum Step {
    Push(u32),
    Send { room: usize },
    Refuse,
    Start(usize),
    Finish(usize),
    Receive(usize),
    Die(usize),
    Revive(usize),
    TakeBack(usize, u64),
    Answer(usize),
    Look(usize, u64),
    Measure(u64, u32),
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0..3usize;
    prop_oneof![
        2 => (1..40u32).prop_map(Step::Push),
        4 => (1..400usize).prop_map(|room| Step::Send { room }),
        1 => Just(Step::Refuse),
        6 => worker.clone().prop_map(Step::Start),
        6 => worker.clone().prop_map(Step::Finish),
        4 => worker.clone().prop_map(Step::Receive),
        1 => worker.clone().prop_map(Step::Die),
        2 => worker.clone().prop_map(Step::Revive),
        1 => (worker.clone(), 0..30u64).prop_map(|(worker, keep)| Step::TakeBack(worker, keep)),
        2 => worker.clone().prop_map(Step::Answer),
        1 => (worker, 0..2_000_000u64).prop_map(|(worker, ns)| Step::Look(worker, ns)),
        1 => (1..1_000_000u64, 1..50u32).prop_map(|(ns, count)| Step::Measure(ns, count)),
    ]
}

impl World {
    fn new(attempts: u32, at_once: bool) -> World {
        World {
            sched: ready(3, attempts),
            at_once,
            sims: (0..3).map(|_| Sim::default()).collect(),
            attempts,
            pushed: 0,
            ended: BTreeMap::new(),
            charged: BTreeMap::new(),
        }
    }

    fn end(&mut self, index: u64, how: &'static str) {
        let before = self.ended.insert(index, how);
        assert_eq!(before, None, "task {index} ended twice");
    }

    fn event(&mut self, event: Event) {
        let mut actions = Vec::new();
        self.sched.handle(event, &mut actions);
        for action in actions {
            match action {
                Action::Requeue { worker, nth, job, offset, first, count, attempt } => {
                    let held = indices(&self.sims[worker].ring[nth].2);
                    let from = offset as usize;
                    let back = run(first, count, attempt);
                    assert_eq!(held[from..from + count as usize], indices(&back.bytes), "the bytes of other tasks");
                    self.sched.push_front(job, back);
                }
                Action::Retry { worker, nth, job, offset, index, attempt } => {
                    let held = indices(&self.sims[worker].ring[nth].2);
                    let back = run(index, 1, attempt);
                    assert_eq!(
                        held[offset as usize..=offset as usize],
                        indices(&back.bytes),
                        "the bytes of another task"
                    );
                    // It waits a while: it is forgotten by nobody meanwhile.
                    self.sched.put_to_sleep(job, back);
                    assert!(!self.sched.is_idle(job) && self.sched.outstanding());
                    self.sched.awaken(job, index);
                }
                Action::Charge { index, attempt, .. } => {
                    assert_eq!(attempt, self.attempts);
                    assert_eq!(self.charged.get(&index), Some(&self.attempts), "charged too early");
                    self.end(index, "charged");
                }
                Action::Withdraw { worker, lo, hi } => self.withdraw(worker, lo, hi),
                Action::Dropped { .. } => panic!("nobody abandoned the job"),
            }
        }
    }

    /// As the engine and the worker do it: the mark is written, then what runs is read; the answer comes later.
    fn withdraw(&mut self, id: WorkerId, lo: u64, hi: u64) {
        let sim = &mut self.sims[id];
        let lo = if self.sched.workers[id].withdrawing() { lo.min(sim.withdrawn.0) } else { lo };
        sim.withdrawn = (lo, hi);
        let started = sim.running.map_or(sim.passed, |running| running + 1);
        if self.at_once {
            self.receive(id);
            self.back(id, lo.max(started), hi);
        } else {
            sim.answers.push_back((lo.max(started), hi));
            self.sched.workers[id].unanswered += 1;
        }
    }

    fn back(&mut self, id: WorkerId, from: u64, to: u64) {
        let from = from.max(self.sched.workers[id].next_ordinal_held());
        self.event(Event::TakenBack { worker: id, from, to });
        self.free(id);
    }

    fn answer(&mut self, id: WorkerId) {
        if let Some((from, to)) = self.sims[id].answers.pop_front() {
            // Results that went before the answer are read before it.
            self.receive(id);
            self.sched.workers[id].unanswered -= 1;
            self.back(id, from, to);
        }
    }

    fn send(&mut self, room: usize) -> bool {
        let Some(plan) = self.sched.plan() else {
            return false;
        };
        let cut = self.sched.cut(plan.job, plan.tasks, room).unwrap();
        let wanted: Vec<u64> = (cut.first..cut.first + u64::from(cut.count)).collect();
        assert_eq!(indices(cut.entries()), wanted);
        let (batch, base) = self.sched.sent(plan.worker, plan.job, cut.first, cut.count, cut.attempt);
        self.sims[plan.worker].ring.push_back((batch, base, cut.entries().to_vec()));
        true
    }

    fn refuse(&mut self) {
        let Some(plan) = self.sched.plan() else {
            return;
        };
        let cut = self.sched.cut(plan.job, plan.tasks, usize::MAX).unwrap();
        self.sched.sent(plan.worker, plan.job, cut.first, cut.count, cut.attempt);
        self.sched.unsent(plan.worker);
        self.sched.push_front(plan.job, cut);
    }

    /// A task that was taken back is not started: the worker says so once, and passes the rest of its batch.
    fn start(&mut self, id: WorkerId) {
        while let (None, Some((batch, offset, _))) =
            (self.sims[id].running, self.sims[id].task_at(self.sims[id].passed))
        {
            let sim = &mut self.sims[id];
            if !(sim.withdrawn.0..sim.withdrawn.1).contains(&sim.passed) {
                sim.running = Some(sim.passed);
                continue;
            }
            sim.passed = sim
                .ring
                .iter()
                .find(|held| held.0 == batch)
                .map(|held| held.1 + indices(&held.2).len() as u64)
                .unwrap();
            self.receive(id);
            if let Some((from, to)) = self.sched.workers[id].skipped(batch, offset) {
                self.event(Event::TakenBack { worker: id, from, to });
            }
        }
        self.free(id);
    }

    fn finish(&mut self, id: WorkerId) {
        let Some(ordinal) = self.sims[id].running.take() else {
            return;
        };
        let task = self.sims[id].task_at(ordinal).unwrap();
        self.sims[id].unread.push_back(task);
        self.sims[id].passed = ordinal + 1;
    }

    fn receive(&mut self, id: WorkerId) {
        while let Some((batch, offset, index)) = self.sims[id].unread.pop_front() {
            assert_eq!(self.sched.settle(id, batch, offset, 1), Ok((JOB, index)));
            self.end(index, "settled");
        }
        self.free(id);
    }

    fn free(&mut self, id: WorkerId) {
        while self.sched.workers[id].front_is_over(|| self.sims[id].passed) {
            self.sched.workers[id].pop_front();
            self.sims[id].ring.pop_front();
        }
    }

    fn die(&mut self, id: WorkerId) {
        self.receive(id);
        let running = self.sims[id].running;
        if let Some(ordinal) = running {
            let (_, _, index) = self.sims[id].task_at(ordinal).unwrap();
            *self.charged.entry(index).or_default() += 1;
        }
        self.event(Event::Lost { worker: id, running, spent: false, begun: 0 });
        self.sims[id] = Sim::default();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Push(count) => {
                self.sched.push(JOB, run(self.pushed, count, 1));
                self.pushed += u64::from(count);
            }
            Step::Send { room } => drop(self.send(room)),
            Step::Refuse => self.refuse(),
            Step::Start(id) => self.start(id),
            Step::Finish(id) => self.finish(id),
            Step::Receive(id) => self.receive(id),
            Step::Die(id) if self.sched.workers[id].ready => self.die(id),
            Step::Revive(id) if !self.sched.workers[id].ready => self.event(Event::Ready(id)),
            Step::Die(_) | Step::Revive(_) => {}
            Step::TakeBack(id, keep) => {
                let (lo, hi) = (self.sims[id].passed + keep, self.sched.workers[id].next_ordinal);
                if lo < hi {
                    self.withdraw(id, lo, hi);
                }
            }
            Step::Answer(id) => self.answer(id),
            Step::Look(worker, stalled_ns) => self.event(Event::Looked { worker, stalled_ns }),
            Step::Measure(nanos, count) => self.sched.measured(JOB, nanos, count),
        }
        let open = self.pushed - self.ended.len() as u64;
        assert_eq!(self.sched.unsettled(), open, "a task was lost or counted twice");
    }

    /// Everybody lives and works to the end.
    fn run_out(&mut self) {
        self.sched.set_input_open(JOB, false);
        for id in 0..3 {
            self.step(Step::Revive(id));
        }
        while self.sched.outstanding() {
            let (mut moved, left) = (self.send(usize::MAX), self.sched.unsettled());
            for id in 0..3 {
                moved |= !self.sims[id].answers.is_empty() || !self.sims[id].unread.is_empty();
                self.answer(id);
                self.start(id);
                moved |= self.sims[id].running.is_some();
                self.finish(id);
                self.receive(id);
                self.start(id);
            }
            moved |= self.sched.unsettled() < left;
            assert!(moved, "tasks wait and nobody will ever run them");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_task_ends_exactly_once_whatever_dies_or_is_taken_back(
        attempts in 1..4u32,
        at_once: bool,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut world = World::new(attempts, at_once);
        for step in steps {
            world.step(step);
        }
        world.run_out();
        let all: Vec<u64> = (0..world.pushed).collect();
        prop_assert!(world.ended.keys().copied().eq(all));
        let settled_after_death = world.ended.iter().filter(|(_, how)| **how == "settled");
        for (index, _) in settled_after_death {
            prop_assert!(world.charged.get(index).is_none_or(|deaths| *deaths < attempts));
        }
    }
}

/// A job whose input is all here, 101 tasks of it with worker 0, and worker 1 idle.
fn one_busy_one_idle() -> Scheduler {
    let mut sched = ready(2, 1);
    sched.measured(JOB, 10_000_000, 100);
    give(&mut sched, 0, 0, 101, 1);
    sched.set_input_open(JOB, false);
    sched
}

#[test]
fn an_idle_worker_gets_its_share_of_what_a_busy_one_has_not_started() {
    let mut sched = one_busy_one_idle();
    let actions = told(&mut sched, Event::Looked { worker: 0, stalled_ns: 0 });
    assert_eq!(actions, [Action::Withdraw { worker: 0, lo: 51, hi: 101 }], "the running one and half of the rest stay");
}

#[test]
fn a_worker_stuck_in_one_task_keeps_only_that() {
    let mut sched = one_busy_one_idle();
    let actions = told(&mut sched, Event::Looked { worker: 0, stalled_ns: 5_000_000 });
    assert_eq!(actions, [Action::Withdraw { worker: 0, lo: 1, hi: 101 }]);
}

#[test]
fn nothing_is_moved_while_it_would_not_help() {
    let looked = || Event::Looked { worker: 0, stalled_ns: 0 };
    let mut sched = one_busy_one_idle();
    give(&mut sched, 1, 101, 1, 1);
    assert_eq!(told(&mut sched, looked()), [], "nobody is idle");

    let mut sched = one_busy_one_idle();
    sched.set_input_open(JOB, true);
    assert_eq!(told(&mut sched, looked()), [], "the owner will feed the idle one");

    let mut sched = one_busy_one_idle();
    sched.push(JOB, run(101, 1, 1));
    assert_eq!(told(&mut sched, looked()), [], "there is queued work for the idle one");

    let mut sched = one_busy_one_idle();
    sched.workers[0].unanswered = 1;
    assert_eq!(told(&mut sched, looked()), [], "it was asked already");

    let mut sched = ready(2, 1);
    sched.measured(JOB, 1_000, 1);
    give(&mut sched, 0, 0, 50, 1);
    sched.set_input_open(JOB, false);
    assert_eq!(told(&mut sched, looked()), [], "done before it has moved");
}
