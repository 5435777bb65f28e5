//! How much of a stream may be under way: a job whose results are handed out one by one, to a reader who may be slow.
//!
//! Results that came and were not handed out, together with those still expected, are kept within a window of bytes. How
//! large a result will be is known only by those that came, so a stream starts with one task per worker and goes by their
//! average. Should results grow faster than that, what has not started is taken back. Nothing but the sending of tasks is
//! held up; what comes is always taken in.
//!
//! A reader who wants the results in order waits for one task, the *turn*. It and a few behind it may be sent however much
//! has come of later ones: else a slow or requeued first task and large later results would wait for each other for ever.

use super::{Action, JobId, Scheduler};

/// Bytes of results that may lie unread.
pub(crate) const WINDOW: u64 = 64 << 20;
/// Bytes of results from the turn on for which there is always room.
const RESERVE: u64 = WINDOW / 4;
/// How many tasks back the average looks.
const REMEMBERED: u64 = 256;

/// One stream's account.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Bytes of results that came and were not handed out.
    unread: u64,
    /// Bytes of a result, by those that came last.
    average: f64,
    came: u64,
    /// The index that the reader waits for, if it wants them in order.
    turn: Option<u64>,
    /// What had not started was taken back, and nothing was sent since.
    held_back: bool,
}

impl Flow {
    pub(crate) fn new(ordered: bool) -> Flow {
        Flow { turn: ordered.then_some(0), ..Flow::default() }
    }

    fn came(&mut self, count: u32, bytes: u64) {
        let count = u64::from(count.max(1));
        let (sample, weight) = (bytes as f64 / count as f64, count as f64 / (self.came.min(REMEMBERED) + count) as f64);
        self.average += (sample - self.average) * weight;
        self.came += count;
        self.unread += bytes;
    }

    /// So many tasks have results of `bytes` in all; each worker may always have one.
    fn tasks_in(&self, bytes: u64, workers: u64) -> u64 {
        match self.came {
            0 => workers,
            _ => ((bytes as f64 / self.average.max(1.0)) as u64).max(workers),
        }
    }

    /// How many tasks may be sent, the first of them being `front`, while `held` are with workers.
    fn allowed(&self, held: u64, front: Option<u64>, workers: u64) -> u64 {
        let room = match WINDOW.saturating_sub(self.unread) {
            0 => 0,
            left => self.tasks_in(left, workers).saturating_sub(held),
        };
        match (self.turn, front) {
            (Some(turn), Some(front)) => room.max((turn + self.tasks_in(RESERVE, workers)).saturating_sub(front)),
            _ => room,
        }
    }

    fn overfull(&self, held: u64, workers: u64) -> bool {
        let expected = self.unread as f64 + held as f64 * self.average;
        let full = self.unread >= WINDOW || expected > (2 * WINDOW) as f64;
        full && held > self.tasks_in(RESERVE, workers)
    }
}

impl Scheduler {
    /// How many more tasks of the job may be sent, the first of them being `front`.
    pub(super) fn allowed(&self, id: JobId, front: Option<u64>) -> u64 {
        match self.jobs.get(&id) {
            Some(job) => job.flow.as_ref().map_or(u64::MAX, |flow| flow.allowed(job.held, front, self.each())),
            None => 0,
        }
    }

    fn each(&self) -> u64 {
        self.ready().max(1) as u64
    }

    /// Results of `bytes` came. `true`: so much is under way that what has not started should be held
    /// back ([`Event::HeldBack`](super::Event::HeldBack)).
    pub(crate) fn came(&mut self, id: JobId, count: u32, bytes: u64) -> bool {
        let workers = self.each();
        let Some(job) = self.jobs.get_mut(&id) else {
            return false;
        };
        let Some(flow) = &mut job.flow else {
            return false;
        };
        if bytes == 0 {
            return false;
        }
        flow.came(count, bytes);
        let overfull = !flow.held_back && flow.overfull(job.held, workers);
        flow.held_back |= overfull;
        overfull
    }

    /// The reader has handed out results of `bytes` and waits for index `turn`, if it wants them in order.
    pub(crate) fn handed_out(&mut self, id: JobId, bytes: u64, turn: u64) {
        if let Some(flow) = self.jobs.get_mut(&id).and_then(|job| job.flow.as_mut()) {
            flow.unread = flow.unread.saturating_sub(bytes);
            flow.turn = flow.turn.map(|_| turn);
        }
    }

    /// Something of the job is sent again.
    pub(super) fn flows_again(&mut self, id: JobId) {
        if let Some(flow) = self.jobs.get_mut(&id).and_then(|job| job.flow.as_mut()) {
            flow.held_back = false;
        }
    }

    /// Asks for all back that has not started.
    pub(super) fn withdraw_all(&self, id: JobId, actions: &mut Vec<Action>) {
        for (worker, state) in self.workers.iter().enumerate() {
            if let Some(lo) = state.first_unstarted_of(id) {
                actions.push(Action::Withdraw { worker, lo, hi: state.next_ordinal });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn before_the_first_result_each_worker_has_one_task() {
        let flow = Flow::new(false);
        assert_eq!((flow.allowed(0, Some(0), 4), flow.allowed(3, Some(3), 4), flow.allowed(4, Some(4), 4)), (4, 1, 0));
    }

    #[test]
    fn what_is_held_and_what_is_unread_share_the_window() {
        let mut flow = Flow::new(false);
        flow.came(4, 4 * MIB);
        assert_eq!(flow.allowed(0, Some(4), 2), 60);
        assert_eq!(flow.allowed(50, Some(4), 2), 10);
        flow.came(60, 60 * MIB);
        assert_eq!(flow.allowed(0, Some(64), 2), 0, "full");
        flow.unread -= MIB;
        assert_eq!(flow.allowed(0, Some(64), 2), 2, "one for each worker as soon as it is not full");
    }

    #[test]
    fn the_turn_and_what_is_near_it_may_always_be_sent() {
        let mut flow = Flow::new(true);
        flow.came(80, 80 * MIB);
        assert_eq!(flow.allowed(5, Some(0), 2), 16);
        assert_eq!(flow.allowed(5, Some(15), 2), 1);
        assert_eq!(flow.allowed(5, Some(16), 2), 0);
        let mut unordered = Flow::new(false);
        unordered.came(80, 80 * MIB);
        assert_eq!(unordered.allowed(5, Some(0), 2), 0, "any result will do, and some are there");
    }

    #[test]
    fn results_that_grow_are_noticed_before_all_in_flight_has_come() {
        let mut flow = Flow::new(false);
        flow.came(100_000, 100_000);
        let mut large = 0;
        while !flow.overfull(50_000 - large, 2) {
            flow.came(1, MIB);
            large += 1;
        }
        assert!(large < 5, "{large}");
        assert!(!flow.overfull(2, 2), "what runs is not taken back");
    }

    #[test]
    fn the_handle_and_the_turn_follow_the_reader() {
        let mut sched = Scheduler::new(1, u64::MAX);
        let function = super::super::Function { kind: mpexec_wire::FunctionKind::Offset, id: 1 };
        let mut job = super::super::Job::new(function, 1);
        job.flow = Some(Flow::new(true));
        sched.open_job(7, job);
        assert!(!sched.came(7, 1, 70 * MIB));
        assert_eq!((sched.allowed(7, Some(1)), sched.allowed(7, Some(0))), (0, 1));
        sched.handed_out(7, 70 * MIB, 1);
        assert_eq!(sched.allowed(7, Some(1)), 1);
    }
}
