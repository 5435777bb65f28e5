//! procspawn: the pool of processes that a Rust program would take today.

use anyhow::{Result, ensure};
use procspawn::Pool;

/// A pool with so many workers that has answered once.
///
/// # Errors
/// Why there is none.
pub(crate) fn start(workers: usize) -> Result<Pool, String> {
    let pool = Pool::new(workers).map_err(|error| error.to_string())?;
    call(&pool, 1).map_err(|error| error.to_string())?;
    Ok(pool)
}

/// One call.
pub(crate) fn call(pool: &Pool, number: u64) -> Result<()> {
    let answer = pool.spawn(number, |number| number + 1).join()?;
    ensure!(answer == number + 1, "procspawn answered {answer} to {number}");
    Ok(())
}

/// All at once, then all answers.
pub(crate) fn outstanding(pool: &Pool, count: u64) -> Result<()> {
    let handles: Vec<_> = (0..count).map(|number| pool.spawn(number, |number: u64| number + 1)).collect();
    for (number, handle) in (0..).zip(handles) {
        let answer: u64 = handle.join()?;
        ensure!(answer == number + 1, "procspawn answered {answer} to {number}");
    }
    Ok(())
}
