//! Threads of this process: what isolation is weighed against.

use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};
use crossbeam_channel::{Receiver, Sender, bounded};

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
