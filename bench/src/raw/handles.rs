//! Calls outstanding in a process of its own: what fewer of them have left in the allocator is no memory of these.

use std::ffi::OsString;

use anyhow::{Context, Result, ensure};
use mpexec_core::{Pool, Workers};

use crate::readings::{middle, own_memory};

pub(crate) const ROLE: &str = "handles";

/// Arguments: calls, rounds. Prints what a call takes in nanoseconds, what its handle takes in bytes, and 1 if there is one reading only.
///
/// # Errors
/// When the arguments are no numbers, or the pool fails.
pub(crate) fn serve(arguments: &[OsString]) -> Result<()> {
    let number = |at: usize| -> Result<u64> {
        let text = arguments.get(at).and_then(|text| text.to_str()).context("two numbers")?;
        Ok(text.parse()?)
    };
    let (calls, rounds) = (number(0)?, u32::try_from(number(1)?)?);
    let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
    ensure!(pool.wait_ready(None), "the workers became ready");
    ensure!(pool.map(|number: u64| number + 1, 0..100)?.len() == 100, "the pool answers");
    let before = own_memory()?;
    // All of them at once are the most that there is, and are so each time; the first time the memory is fresh.
    let mut most = 0.0f64;
    let took = middle(rounds, || {
        let pending: Vec<_> = (0..calls).map(|number| pool.apply_async(|number: u64| number + 1, (number,))).collect();
        if most == 0.0 {
            most = own_memory()?;
        }
        let mut sum = 0;
        for one in pending {
            sum += one.get()?;
        }
        ensure!(sum == calls * (calls + 1) / 2, "the answers add up");
        Ok(())
    })?;
    let each = (most - before).max(0.0) / calls as f64;
    println!("{} {each} {}", took.seconds / calls as f64 * 1e9, u8::from(took.once));
    Ok(())
}
