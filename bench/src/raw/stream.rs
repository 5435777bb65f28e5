//! A stream of tasks through a pool in a process of its own: in memory that another row has left in the allocator a leak would find
//! room until that is full.

use std::ffi::OsString;

use anyhow::{Context, Result, ensure};
use mpexec_core::Pool;

use crate::readings::own_memory;
use crate::warm::pool;

pub(crate) const ROLE: &str = "stream";
/// Results between two looks.
const LOOK: u64 = 1 << 16;
const MIB: f64 = 1024.0 * 1024.0;

/// Argument: tasks. Prints by how many MiB this process's memory differs at most between two looks at it, from the first result on.
///
/// # Errors
/// When the argument is no number, or the pool fails.
pub(crate) fn serve(arguments: &[OsString]) -> Result<()> {
    let tasks = arguments.first().and_then(|text| text.to_str()).context("a number of tasks")?.parse()?;
    println!("{}", widest(&pool(2)?, tasks, own_memory)? / MIB);
    Ok(())
}

/// The most by which two looks differ: at the first result, at each so many, and at the last.
fn widest(pool: &Pool, tasks: u64, mut look: impl FnMut() -> Result<f64>) -> Result<f64> {
    let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut came = 0;
    for answer in pool.imap(|number: u64| number + 1, 0..tasks) {
        came += 1;
        ensure!(answer? == came, "the answers are in order");
        if came == 1 || came % LOOK == 0 || came == tasks {
            let now = look()?;
            (least, greatest) = (least.min(now), greatest.max(now));
        }
    }
    ensure!(came == tasks && tasks > 0, "{came} answers to {tasks} tasks");
    Ok(greatest - least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mpexec_core::Workers;

    #[test]
    fn what_grows_at_the_start_in_the_middle_or_at_the_end_is_seen() {
        let pool = Pool::builder().workers(Workers::Inline).build().unwrap();
        for (tasks, looks) in
            [(LOOK + 1, [1.0, 41.0, 41.0]), (LOOK + 1, [1.0, 1.0, 41.0]), (LOOK * 2, [5.0, 1.0, 41.0])]
        {
            let mut looks = looks.into_iter();
            assert_eq!(widest(&pool, tasks, || looks.next().context("one look more than there are")).unwrap(), 40.0);
            assert!(looks.next().is_none(), "a look is missing");
        }
    }
}
