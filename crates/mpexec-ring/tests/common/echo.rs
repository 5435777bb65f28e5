//! A worker that answers every task with the task's own bytes, and a coordinator that counts them.
//!
//! Both sleep for real when they have nothing to do: a lost wake-up is a wait that ends by
//! [`LOST`].

use mpexec_ring::{
    PoolPage, Reason, ResultReceiver, ResultSender, TaskReceiver, TaskSender, Upto, Woken, spin, spin_budget,
    worker_wait,
};

use crate::common::{Bell, LOST, pattern, write_pattern};

/// A task that tells the worker to leave.
pub(crate) const LEAVE: u32 = 9;
/// Results per published group, at most.
const GROUP: usize = 64;

/// The worker's loop, until it is told to leave.
pub(crate) fn serve(mut tasks: TaskReceiver, mut results: ResultSender, bell: &Bell) {
    let mut ordinal = 0;
    let mut leaving = false;
    while !leaving {
        results.begin_group(1, ordinal);
        for _ in 0..GROUP {
            let Some(record) = tasks.next().expect("the coordinator is honest") else {
                break;
            };
            if record.kind == LEAVE {
                leaving = true;
                break;
            }
            results.begin(ordinal);
            let entry = 8 + record.payload.len();
            let room = loop {
                // Asked for twice: a slice that is returned from a loop is borrowed in all of it.
                if results.append_space(entry, entry).is_some() {
                    break results.append_space(entry, entry).expect("it was there just now");
                }
                if results.publish() {
                    bell.ring();
                }
                let woken = mpexec_ring::space_wait(&results, Some(LOST));
                assert_eq!(woken, Woken::Ready, "no room came: a wake-up was lost");
            };
            room[..8].copy_from_slice(&record.tag.to_le_bytes());
            room[8..].copy_from_slice(record.payload);
            results.append(entry);
            ordinal += 1;
            results.end(ordinal);
        }
        results.end_group();
        if results.publish() {
            bell.ring();
        }
        if !leaving {
            let woken = worker_wait(&tasks, &results, Reason::Tasks, Some(LOST));
            assert_eq!(woken, Woken::Ready, "no task came: a wake-up was lost");
        }
    }
}

/// What to send.
pub(crate) struct Plan<F> {
    /// So many tasks,
    pub(crate) count: u64,
    /// at most so many of them unanswered,
    pub(crate) ahead: u64,
    /// with both sides spinning a little before they sleep, or not,
    pub(crate) spins: bool,
    /// the n-th of this length.
    pub(crate) len: F,
}

/// Sends tasks and checks every answer. Then ends the worker.
pub(crate) fn drive(
    mut tasks: TaskSender,
    mut results: ResultReceiver,
    page: &PoolPage,
    bell: &Bell,
    Plan { count, ahead, spins, len }: Plan<impl Fn(u64) -> usize>,
) {
    let (mut sent, mut answered) = (0, 0);
    let mut spans = std::collections::VecDeque::new();
    let mut out = Vec::new();
    while answered < count {
        while sent < count && sent - answered < ahead {
            let bytes = len(sent);
            let Some(room) = tasks.grant(bytes, bytes) else {
                break;
            };
            write_pattern(sent, room);
            spans.push_back(tasks.commit(bytes, 1, sent));
            sent += 1;
        }
        if tasks.publish() {
            tasks.wake();
        }
        let before = answered;
        out.clear();
        while results.take(Upto::Published, &mut out).expect("the worker is honest").is_some() {}
        let mut rest = &out[..];
        while let Some((number, bytes)) = rest.split_first_chunk::<8>() {
            assert_eq!(u64::from_le_bytes(*number), answered, "answers come in order");
            let (bytes, behind) = bytes.split_at(len(answered));
            assert!(bytes == pattern(answered, bytes.len()), "answer {answered} is not the task");
            rest = behind;
            answered += 1;
            tasks.free_to(spans.pop_front().expect("an answer has a task"));
        }
        if results.release(&tasks) {
            tasks.wake();
        }
        if answered == before {
            rest_until_news(&results, page, bell, spins);
        }
    }
    tasks.grant(0, 0).expect("everything is freed");
    tasks.commit(0, LEAVE, 0);
    tasks.publish();
    tasks.wake();
}

/// The coordinator's half of the waiting rule.
fn rest_until_news(results: &ResultReceiver, page: &PoolPage, bell: &Bell, spins: bool) {
    // A worker does not spin for a coordinator that never said where it runs.
    if spins {
        let own = mpexec_ring::current_cpu();
        page.set_cpu(own);
        if spin(spin_budget(own, results.peer_cpu()), || results.has_news()) {
            return;
        }
    }
    page.set_sleeping(true);
    if !results.has_news() {
        bell.wait();
    }
    page.set_sleeping(false);
}
