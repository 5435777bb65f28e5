//! Threads of this process: what isolation is weighed against.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rayon::prelude::*;

/// A thread that answers over channels.
pub(crate) struct Echo {
    to: Option<Sender<u64>>,
    from: Receiver<u64>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    pub(crate) fn start() -> Echo {
        let ((to, taken), (given, from)) = (bounded::<u64>(1), bounded(1));
        let answer = move || {
            for number in taken {
                if given.send(number + 1).is_err() {
                    return;
                }
            }
        };
        Echo { to: Some(to), from, thread: Some(std::thread::spawn(answer)) }
    }

    /// There and back.
    pub(crate) fn call(&mut self, number: u64) -> Result<()> {
        self.to.as_ref().context("it is open until the drop")?.send(number)?;
        let answer = self.from.recv()?;
        ensure!(answer == number + 1, "the thread answered {answer} to {number}");
        Ok(())
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        drop(self.to.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Rayon with so many threads, asked from outside of them.
///
/// # Errors
/// Why there is none.
pub(crate) fn rayon(threads: usize) -> Result<rayon::ThreadPool, String> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| error.to_string())
}

/// One call.
pub(crate) fn call_rayon(pool: &rayon::ThreadPool, number: u64) -> Result<()> {
    let answer = pool.install(|| std::hint::black_box(number) + 1);
    ensure!(answer == number + 1, "rayon answered {answer} to {number}");
    Ok(())
}

/// Rayon over numbers, all answers kept.
pub(crate) fn map_rayon(pool: &rayon::ThreadPool, tasks: u64) -> Vec<u64> {
    pool.install(|| (0..tasks).into_par_iter().map(|number| std::hint::black_box(number) + 1).collect())
}

/// Rayon with a job for each call: what the answers add up to.
pub(crate) fn jobs_rayon(pool: &rayon::ThreadPool, calls: u64) -> u64 {
    let sum = AtomicU64::new(0);
    pool.scope(|scope| {
        for number in 0..calls {
            let sum = &sum;
            scope.spawn(move |_| {
                sum.fetch_add(std::hint::black_box(number) + 1, Ordering::Relaxed);
            });
        }
    });
    sum.into_inner()
}

/// Threads that take items from one crossbeam channel and answer over another; the answers in the order of the items.
///
/// # Errors
/// When a thread has gone.
pub(crate) fn map_crossbeam<T: Send, R: Send>(
    threads: usize,
    items: impl Iterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
) -> Result<Vec<R>> {
    let ((to, taken), (given, from)) = (unbounded::<(usize, T)>(), unbounded());
    let mut answers: Vec<(usize, R)> = std::thread::scope(|scope| -> Result<_> {
        for _ in 0..threads {
            let (taken, given, work) = (taken.clone(), given.clone(), &work);
            scope.spawn(move || {
                for (at, item) in taken {
                    if given.send((at, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(given);
        for pair in items.enumerate() {
            ensure!(to.send(pair).is_ok(), "the threads take what comes");
        }
        drop(to);
        Ok(from.iter().collect())
    })?;
    answers.sort_unstable_by_key(|(at, _)| *at);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}
