//! The threads that publish: a result is synced to the disk while the next are computed, and several at once, because a disk syncs many as fast as one.
//!
//! What waits is bounded in bytes. The first error stays and is told to whoever asks next; what comes after it is dropped.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::error::RunError;
use crate::folder::RunFolder;

/// So many results are synced at once.
const THREADS: usize = 4;

/// So many bytes may wait.
const MOST_BYTES: usize = 64 << 20;

/// Publishes the results of a run, behind the back of whoever computes them.
#[derive(Debug)]
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    run: Arc<RunFolder>,
    state: Mutex<State>,
    /// There is something to publish, or nothing more will come.
    work: Condvar,
    /// Something was published.
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Waiting>,
    /// What waits or is being published.
    open: HashSet<String>,
    bytes: usize,
    over: bool,
    failed: bool,
    error: Option<RunError>,
}

#[derive(Debug)]
struct Waiting {
    key: String,
    input: String,
    bytes: Arc<Vec<u8>>,
}

impl Publisher {
    /// No thread is started before there is something to publish.
    pub(crate) fn new(run: Arc<RunFolder>) -> Publisher {
        let shared = Shared { run, state: Mutex::default(), work: Condvar::new(), room: Condvar::new() };
        Publisher { shared: Arc::new(shared), threads: Vec::new() }
    }

    /// Hands a result over; waits while too much waits already.
    ///
    /// # Errors
    /// That of an earlier result, or of the system that gives no thread.
    pub(crate) fn publish(&mut self, key: &str, input: String, bytes: &Arc<Vec<u8>>) -> Result<(), RunError> {
        if self.threads.len() < THREADS {
            let shared = Arc::clone(&self.shared);
            let started = std::thread::Builder::new().name("mpexec-publish".into()).spawn(move || shared.work());
            match started {
                Ok(thread) => self.threads.push(thread),
                Err(_) if !self.threads.is_empty() => {}
                Err(cause) => return Err(RunError::io(self.shared.run.path(), "start a thread for it")(cause)),
            }
        }
        let full = |state: &mut State| state.bytes > 0 && state.bytes + bytes.len() > MOST_BYTES && !state.failed;
        let mut state = self.shared.room.wait_while(self.shared.lock(), full).unwrap_or_else(PoisonError::into_inner);
        state.told()?;
        state.bytes += bytes.len();
        state.open.insert(key.to_owned());
        state.queue.push_back(Waiting { key: key.to_owned(), input, bytes: Arc::clone(bytes) });
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }

    /// Waits until this result, or with `None` all results, are published.
    ///
    /// # Errors
    /// The first that came.
    pub(crate) fn wait(&self, key: Option<&str>) -> Result<(), RunError> {
        let open =
            |state: &mut State| !state.failed && key.map_or(!state.open.is_empty(), |key| state.open.contains(key));
        let state = self.shared.room.wait_while(self.shared.lock(), open);
        state.unwrap_or_else(PoisonError::into_inner).told()
    }
}

impl Drop for Publisher {
    /// What was handed over is published.
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has published nothing wrong.
            let _ = thread.join();
        }
    }
}

impl State {
    fn told(&mut self) -> Result<(), RunError> {
        self.error.take().map_or(Ok(()), Err)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let idle = |state: &mut State| state.queue.is_empty() && !state.over;
            let mut state = self.work.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
            let Some(Waiting { key, input, bytes }) = state.queue.pop_front() else { return };
            let failed = state.failed;
            drop(state);
            let done = if failed { Ok(()) } else { self.run.publish(&key, &input, &bytes).map(drop) };
            let mut state = self.lock();
            state.open.remove(&key);
            state.bytes -= bytes.len();
            if let Err(error) = done {
                state.failed = true;
                state.error.get_or_insert(error);
            }
            drop(state);
            self.room.notify_all();
        }
    }
}
