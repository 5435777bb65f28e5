//! A pool in a process of its own: what an earlier one has left in the allocator is no memory of this one.

use std::ffi::OsString;

use anyhow::{Context, Result, ensure};
use mpexec_core::{Pool, Workers};

use crate::readings::{middle, own_memory, share_of};
use crate::stats::timed;

pub(crate) const ROLE: &str = "pool";
/// Of so many workers the memory is looked at.
const LOOKED_AT: usize = 16;

/// Arguments: workers, tasks, rounds. Prints what a task of `map` takes in nanoseconds, what a worker takes to be ready in
/// milliseconds, and its memory in KiB here and there.
///
/// # Errors
/// When the arguments are no numbers, or the pool fails.
pub(crate) fn serve(arguments: &[OsString]) -> Result<()> {
    let number = |at: usize| -> Result<u64> {
        let text = arguments.get(at).and_then(|text| text.to_str()).context("three numbers")?;
        Ok(text.parse()?)
    };
    let (count, tasks, rounds) = (number(0)?, number(1)?, u32::try_from(number(2)?)?);
    let before = own_memory()?;
    let (pool, took) = timed(|| -> Result<Pool> {
        let pool = Pool::builder().workers(Workers::Exact(usize::try_from(count)?)).build()?;
        ensure!(pool.wait_ready(None), "the workers became ready");
        Ok(pool)
    });
    let (pool, ready) = (pool?, took.as_secs_f64() * 1e3 / count as f64);
    // A few tasks for each, whose results are no memory to speak of.
    let few = count * 100;
    ensure!(pool.call().chunk_size(10).map(|number: u64| number, 0..few)?.len() as u64 == few, "the pool answers");
    let here = (own_memory()? - before) / count as f64 / 1024.0;
    let pids = pool.pids();
    let shares = pids.iter().take(LOOKED_AT).map(|pid| share_of(*pid)).collect::<Result<Vec<f64>>>()?;
    let there = shares.iter().sum::<f64>() / shares.len() as f64 / 1024.0;
    let took = middle(rounds, || {
        let answers = pool.map(|number: u64| number + 1, 0..tasks)?;
        ensure!(answers.len() as u64 == tasks, "{} answers", answers.len());
        Ok(())
    })?;
    println!("{} {ready} {here} {there}", took.seconds / tasks as f64 * 1e9);
    Ok(())
}
