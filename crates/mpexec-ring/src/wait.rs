//! How a worker waits: a short spin only if the coordinator runs elsewhere, then the futex.
//!
//! Two processes on one core that spin for each other only steal each other's time, so the spin
//! depends on where the other one last ran. `sched_yield` is never used: under load it gives the
//! core away for a whole time slice of somebody else.

use std::hint;
use std::time::{Duration, Instant};

use crate::cells::sleep_until;
use crate::futex;
use crate::result_sender::ResultSender;
use crate::task_receiver::TaskReceiver;

/// The longest spin: about what waking a halted core costs.
const SPIN: Duration = Duration::from_micros(20);
/// Looks between two readings of the clock.
const LOOKS: u32 = 64;

/// What a worker waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A published record in the task ring.
    Tasks,
    /// Room in the result ring, after `grant` or `append_space` gave `None`.
    Space,
}

/// Why the wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// What was waited for has come.
    Ready,
    /// The time is up.
    TimedOut,
}

/// Waits until there is what `reason` says, or until `timeout` has passed (`None`: for ever).
///
/// Publish results before waiting, or the coordinator cannot see them.
///
/// ```
/// use std::time::Duration;
/// use mpexec_ring::{PoolPage, Reason, Woken, in_process, worker_wait};
/// # fn main() -> std::io::Result<()> {
/// let page = PoolPage::create()?;
/// let (mut tasks, _, receiver, results) = in_process(1 << 16, &page)?;
/// let soon = Some(Duration::from_millis(1));
/// assert_eq!(worker_wait(&receiver, &results, Reason::Tasks, soon), Woken::TimedOut);
/// tasks.grant(0, 0).expect("an empty ring has room");
/// tasks.commit(0, 1, 0);
/// tasks.publish();
/// assert_eq!(worker_wait(&receiver, &results, Reason::Tasks, None), Woken::Ready);
/// # Ok(())
/// # }
/// ```
pub fn worker_wait(tasks: &TaskReceiver, results: &ResultSender, reason: Reason, timeout: Option<Duration>) -> Woken {
    match reason {
        Reason::Tasks => wait(results, || tasks.has_news(), timeout),
        Reason::Space => space_wait(results, timeout),
    }
}

/// As [`worker_wait`] with [`Reason::Space`], for a worker that still borrows a record of its task
/// ring.
pub fn space_wait(results: &ResultSender, timeout: Option<Duration>) -> Woken {
    wait(results, || results.has_space_news(), timeout)
}

fn wait(results: &ResultSender, ready: impl Fn() -> bool + Copy, timeout: Option<Duration>) -> Woken {
    if ready() {
        return Woken::Ready;
    }
    let own_cpu = current_cpu();
    results.set_cpu(own_cpu);
    let deadline = timeout.map(|timeout| (Instant::now(), timeout));
    let left = || deadline.map(|(start, timeout)| timeout.saturating_sub(start.elapsed()));

    let budget = spin_budget(own_cpu, results.coordinator_cpu());
    if spin(budget.min(timeout.unwrap_or(budget)), ready) {
        return Woken::Ready;
    }
    let word = results.task_cells().signal_word();
    let in_time = sleep_until(results.task_cells(), results.cells(), ready, |seen| {
        let left = left();
        if left == Some(Duration::ZERO) {
            return false;
        }
        futex::wait(word, seen, left);
        true
    });
    results.set_cpu(current_cpu());
    if in_time { Woken::Ready } else { Woken::TimedOut }
}

/// Looks until `ready`, for at most `budget`; tells whether it was.
///
/// The coordinator's waiting side uses it too, with its own [`spin_budget`].
pub fn spin(budget: Duration, mut ready: impl FnMut() -> bool) -> bool {
    if budget.is_zero() {
        return ready();
    }
    let start = Instant::now();
    loop {
        for _ in 0..LOOKS {
            if ready() {
                return true;
            }
            hint::spin_loop();
        }
        if start.elapsed() >= budget {
            return false;
        }
    }
}

/// How long to spin for a peer that last ran on `peer_cpu`: nothing if that is this CPU or not
/// known (`u32::MAX`), else about 20 us.
///
/// ```
/// use std::time::Duration;
/// use mpexec_ring::spin_budget;
/// assert_eq!(spin_budget(0, 0), Duration::ZERO);
/// assert_eq!(spin_budget(0, u32::MAX), Duration::ZERO);
/// assert!(spin_budget(0, 1) <= Duration::from_micros(20));
/// ```
pub fn spin_budget(own_cpu: u32, peer_cpu: u32) -> Duration {
    if peer_cpu == u32::MAX || own_cpu == peer_cpu { Duration::ZERO } else { SPIN }
}

/// The CPU this thread runs on now; it may be another one a moment later.
pub fn current_cpu() -> u32 {
    u32::try_from(rustix::thread::sched_getcpu()).unwrap_or(u32::MAX)
}
