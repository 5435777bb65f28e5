//! A worker is killed from outside while it works, and the answer must be right all the same.
//!
//! The pool is told that a task may be started up to three times: the one row that the worker was at is begun again
//! elsewhere, the rows it had not begun go elsewhere anyway, and those it had done stay done.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use mpexec_core::{Pool, Workers};
use rustix::process::{Pid, Signal, kill_process};

use crate::Failure;
use crate::table::grouped;
use crate::work::{HEAVY_ROWS, MAXIMUM, MINIMUM, Table, howmany_after_work, howmany_within_range};

/// The count, and which process counted.
fn howmany_and_who(row: &[i64]) -> (usize, u32) {
    (howmany_after_work(row, MINIMUM, MAXIMUM), std::process::id())
}

/// Whether the answer was right and the pool told of the death.
pub(crate) fn kill_a_worker(data: &Table, workers: usize) -> Result<bool, Failure> {
    let data = data.first(HEAVY_ROWS).rows;
    println!("Now a worker is killed in the middle of {} heavy rows.\n", grouped(data.len()));
    let (tell, told) = mpsc::channel();
    let notes = move |note: &str| {
        println!("  pool: {note}");
        if note.contains("SIGKILL") {
            // Nobody listens once the answer is checked.
            let _ = tell.send(());
        }
    };
    let pool = Pool::builder().workers(Workers::Exact(workers)).attempts(3).notes(notes).build()?;

    let mut killed = None;
    let mut counts = vec![usize::MAX; data.len()];
    let mut rows_by_worker = BTreeMap::<u32, usize>::new();
    for (done, (index, answer)) in pool.imap_unordered(howmany_and_who, data).enumerate() {
        let (count, worker) = answer?;
        counts[usize::try_from(index)?] = count;
        *rows_by_worker.entry(worker).or_default() += 1;
        if killed.is_none() && done >= data.len() / 2 {
            kill(worker)?;
            println!("  kill -9 {worker} after {} rows", grouped(done + 1));
            killed = Some(worker);
        }
    }
    // The last rows may have come before the death was seen.
    let seen = killed.is_none() || told.recv_timeout(Duration::from_secs(10)).is_ok();
    pool.close();
    pool.join_timeout(Duration::from_secs(30))?;

    for (worker, rows) in &rows_by_worker {
        let what = if killed == Some(*worker) { " and was killed" } else { "" };
        println!("  worker {worker} counted {} rows{what}", grouped(*rows));
    }
    let right = counts.iter().zip(data).all(|(&count, row)| count == howmany_within_range(row, MINIMUM, MAXIMUM));
    println!("  all {} answers are {}", grouped(data.len()), if right { "right" } else { "not right: WRONG" });
    if !seen {
        println!("  the pool did not tell of the death: WRONG");
    }
    Ok(right && seen)
}

/// `kill -9`: the worker can neither see it come nor clean up.
fn kill(worker: u32) -> Result<(), Failure> {
    let pid = Pid::from_raw(i32::try_from(worker)?).ok_or("no process has the number 0")?;
    Ok(kill_process(pid, Signal::KILL)?)
}
