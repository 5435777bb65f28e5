//! A pool that is warm.

use anyhow::{Result, ensure};
use mpexec_core::{Pool, Workers};

/// A pool whose workers have all answered.
pub(crate) fn pool(workers: usize) -> Result<Pool> {
    let pool = Pool::builder().workers(Workers::Exact(workers)).build()?;
    ensure!(pool.wait_ready(None), "the workers became ready");
    ensure!(pool.map(|number: u64| number + 1, 0..100)?.len() == 100, "the pool answers");
    Ok(pool)
}
