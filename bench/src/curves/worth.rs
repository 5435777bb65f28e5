//! What is worth it: a loop, threads and processes over the same tasks, by length and size of a task.

use std::fmt::Write;
use std::hint::black_box;

use anyhow::{Context, Result, ensure};
use mpexec_core::{Plain, Pool};
use rayon::prelude::*;

use super::work::{burn, steps_in};
use crate::peers::threads;
use crate::place::Setting;
use crate::readings::middle;
use crate::report::short;
use crate::rows::pool;
use crate::stats::summary;

const LENGTHS: [(&str, f64); 6] =
    [("100 ns", 1e-7), ("1 us", 1e-6), ("10 us", 1e-5), ("100 us", 1e-4), ("1 ms", 1e-3), ("10 ms", 1e-2)];
const SIZES: [(&str, usize); 3] = [("8 B", 8), ("4 KiB", 4 << 10), ("256 KiB", 256 << 10)];
/// A reading has so much work in it, in seconds, within these numbers of tasks.
const WORK: f64 = 0.1;
const TASKS: (f64, f64) = (20.0, 100_000.0);
/// Bytes sent in a reading, at most.
const SENT: usize = 512 << 20;
const WORKERS: usize = 2;

/// The task: works, and has a look at both ends of its data.
fn task(block: &[u8], steps: u64) -> u64 {
    burn(steps) + u64::from(black_box(block[0])) + u64::from(black_box(block[block.len() - 1]))
}

pub(super) fn section(setting: &Setting) -> Result<String> {
    let (pool, rayon) = (pool(WORKERS)?, threads::rayon(WORKERS).map_err(anyhow::Error::msg)?);
    let mut text = String::from("## Is it worth it?\n\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "The same tasks by a plain loop, by rayon with {WORKERS} threads, and by `starmap` with {WORKERS} workers of a warm pool, by length of a task and size of \
         its argument. How many times as fast as the loop: rayon / mpexec.\n"
    );
    let heads: Vec<_> = SIZES.iter().map(|(name, _)| *name).collect();
    let _ = writeln!(text, "| a task works for | {} |\n|---|{}", heads.join(" | "), "---:|".repeat(SIZES.len()));
    for (name, length) in LENGTHS {
        let steps = steps_in(length);
        let _ = write!(text, "| {name} |");
        for (_, size) in SIZES {
            let block = vec![1u8; size];
            let most = TASKS.1.min((SENT / size) as f64).min(setting.size(f64::INFINITY, 2000.0));
            let count = (WORK / length).clamp(TASKS.0, most) as usize;
            let plain = middle(setting.rounds, || {
                black_box((0..count).map(|_| task(black_box(&block), steps)).sum::<u64>());
                Ok(())
            })?;
            let by_threads = middle(setting.rounds, || {
                let work = || (0..count).into_par_iter().map(|_| task(black_box(&block), steps)).sum::<u64>();
                black_box(rayon.install(work));
                Ok(())
            })?;
            let by_processes = middle(setting.rounds, || {
                let answers = pool.starmap(task, (0..count).map(|_| (Plain(&block[..]), steps)))?;
                ensure!(answers.len() == count, "{} answers", answers.len());
                Ok(())
            })?;
            let _ = write!(text, " {} / {} |", short(plain / by_threads), short(plain / by_processes));
        }
        text.push('\n');
    }
    let start = start(setting)?;
    let _ = writeln!(
        text,
        "\nA pool of {WORKERS} that is started for this one job and ended after it costs {} ms more (`build`, ready, `close`, `join`): work of less than \
         twice that is done sooner by the loop.\n",
        short(start * 1e3)
    );
    Ok(text)
}

/// From nothing to a pool that is ready, and back.
fn start(setting: &Setting) -> Result<f64> {
    let mut readings = Vec::new();
    for _ in 0..=setting.rounds {
        let begin = std::time::Instant::now();
        let pool: Pool = crate::rows::pool(WORKERS)?;
        pool.close();
        pool.join().context("ending the pool")?;
        readings.push(begin.elapsed().as_secs_f64());
    }
    Ok(summary(&readings).0)
}
