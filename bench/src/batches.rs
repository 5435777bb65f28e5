//! Into how many batches the engine puts the tasks of some rows: what switches of process are set against.

use anyhow::{Context, Result, ensure};
use mpexec_core::{Plain, Pool, Workers};

/// Tasks of a row's quick form; of `apply` some, as each is a batch.
const CALLS: u64 = 10_000;
const OUTSTANDING: u64 = 200_000;
const MAPPED: u64 = 2_000_000;
const BLOCKS: u64 = 245;
/// Numbers in a block.
const BLOCK: usize = 5 * 4096;
/// The first jobs of a function, whose batches grow, count for nothing.
const WARM: u32 = 3;

/// Does it by a pool that takes note of batches, once the pool knows how long the tasks take; says how many tasks and batches there were.
fn counted(workers: Workers, work: impl Fn(&Pool) -> Result<()>) -> Result<(u64, u64)> {
    let pool = Pool::builder().workers(workers).record().build()?;
    ensure!(pool.wait_ready(None), "the workers became ready");
    let so_far = || -> Result<(u64, u64)> {
        let totals = pool.recording().context("the pool records")?.totals;
        Ok((totals.tasks, totals.batches))
    };
    for _ in 0..WARM {
        work(&pool)?;
    }
    let before = so_far()?;
    work(&pool)?;
    let after = so_far()?;
    Ok((after.0 - before.0, after.1 - before.1))
}

/// How many tasks a batch has, on average, of a `map` of so many that do nothing.
///
/// # Errors
/// When the pool fails.
pub(crate) fn mean_of_map(workers: Workers, tasks: u64) -> Result<f64> {
    let (tasks, batches) = counted(workers, |pool| Ok(pool.map(|n: u64| n + 1, 0..tasks).map(drop)?))?;
    Ok(tasks as f64 / batches.max(1) as f64)
}

/// Prints it, a line for each row.
///
/// # Errors
/// When a pool fails.
pub(crate) fn run() -> Result<()> {
    let calls = |pool: &Pool| (0..CALLS).try_for_each(|n| Ok(pool.apply(|n: u64| n + 1, (n,)).map(drop)?));
    let outstanding = |pool: &Pool| {
        let all: Vec<_> = (0..OUTSTANDING).map(|n| pool.apply_async(|n: u64| n + 1, (n,))).collect();
        all.into_iter().try_for_each(|one| Ok(one.get().map(drop)?))
    };
    let map = |pool: &Pool| Ok(pool.map(|n: u64| n + 1, 0..MAPPED).map(drop)?);
    let block = vec![1i64; BLOCK];
    let chunks = |pool: &Pool| {
        let blocks = (0..BLOCKS).map(|_| Plain(&block[..]));
        Ok(pool.map(|block: &[i64]| vec![1u8; block.len() / 5], blocks).map(drop)?)
    };
    let rows = [
        ("apply", counted(Workers::Exact(2), calls)?),
        ("apply-async", counted(Workers::Exact(2), outstanding)?),
        ("map", counted(Workers::Exact(2), map)?),
        ("chunks", counted(Workers::Exact(2), chunks)?),
    ];
    for (row, (tasks, batches)) in rows {
        println!("{row}: {tasks} tasks in {batches} batches");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_travel_alone_and_short_tasks_together() {
        assert!(mean_of_map(Workers::Inline, 20_000).unwrap() > 1.0);
        let calls = |pool: &Pool| (0..20).try_for_each(|n| Ok(pool.apply(|n: u64| n, (n,)).map(drop)?));
        assert_eq!(counted(Workers::Inline, calls).unwrap(), (20, 20));
    }
}
