//! Chaos for a pool's workers, as an option of the builder: so users see what their own functions make of it.

use super::PoolBuilder;
use crate::config::Chaos;

impl PoolBuilder {
    /// Kills and stops workers by chance, to see whether one's own functions and calls bear it: with two
    /// [`attempts`](PoolBuilder::attempts) or more nothing may be wrong or missing.
    ///
    /// Every 5 ms each worker that has a task is killed (SIGKILL) with the chance [`Chaos::kill`], or else stopped for 50 ms with the chance
    /// [`Chaos::stop`]. What a killed worker had not begun goes to others; the task that it ran is tried again, and
    /// is spared when it has its last attempt. One that is to be tried once only ends as [`TaskError::Crashed`](crate::TaskError::Crashed). No
    /// more than three workers are killed in a row without a finished task in between, so this alone makes no crash loop.
    ///
    /// [`Pool::stats`](crate::Pool::stats) counts what was done, and names the seed that it follows from; [`notes`](PoolBuilder::notes) are
    /// told of each. The program `mpexec` has the same as `--chaos`.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use std::time::Duration;
    /// use mpexec_core::{Chaos, Pool, Workers};
    ///
    /// let chaos = Chaos::new().kill(0.2).stop(0.05).seed(7);
    /// let pool = Pool::builder().workers(Workers::Exact(2)).attempts(100).chaos(chaos).build()?;
    /// let slow_square = |n: u64| {
    ///     std::thread::sleep(Duration::from_millis(1));
    ///     n * n
    /// };
    /// let squares = pool.map(slow_square, 0..200)?;
    /// assert!(squares.into_iter().eq((0..200).map(|n| n * n)));
    ///
    /// let struck = pool.stats().chaos.expect("it was asked for");
    /// println!("seed {}: {} killed, {} stopped", struck.seed, struck.killed, struck.stopped);
    /// # assert!(struck.killed > 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A chance below 0 or above 1 is an error of [`PoolBuilder::build`], and so are workers that are threads of this process.
    pub fn chaos(mut self, chaos: Chaos) -> PoolBuilder {
        self.config.chaos = Some(chaos);
        self
    }
}
