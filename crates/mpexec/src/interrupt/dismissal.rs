//! The end of the workers, when the program leaves whatever it is at.

use std::time::{Duration, Instant};

use mpexec_core::Pool;

/// How long killed workers may take to be gone; on a busy machine the kernel takes its time to take one down.
const DISMISSAL: Duration = Duration::from_secs(1);

/// How often it is looked whether they are.
const LOOK: Duration = Duration::from_millis(20);

/// A worker that is just being started is in no list for so long.
const BIRTH: Duration = Duration::from_millis(100);

/// They are killed, so the wait is short; and what stays alive for all that dies with this process. The pool itself may come to no end: its callbacks
/// stand still if nobody reads what they print.
pub(super) fn of(pool: &Pool) {
    pool.terminate();
    let since = Instant::now();
    while pool.join_timeout(LOOK).is_err() && since.elapsed() < DISMISSAL {
        if pool.pids().is_empty() && since.elapsed() >= BIRTH {
            return;
        }
    }
}
