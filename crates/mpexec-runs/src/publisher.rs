//! The threads that publish: a result is synced to the disk while the next are computed, and several at once, because a disk syncs many as fast as one.
//!
//! What waits is bounded in bytes and in number. The first error stays and is told to whoever asks next. What was handed over is tried all the same, also when whoever
//! did that has an error of its own and leaves: it is finished, and the next run need not compute it.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::error::RunError;
use crate::folder::{Finished, RunFolder};
use crate::records::Records;

/// So many threads publish at once,
const THREADS: usize = 4;

/// each so many results together, if so many wait,
const TOGETHER: usize = 64;

/// or so many bytes.
const BYTES_TOGETHER: usize = 16 << 20;

/// So many bytes may wait,
const MOST_BYTES: usize = 64 << 20;

/// and so many results: that is what a machine that goes down can cost at most.
const MOST: usize = 1024;

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

/// A result that is handed over.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) key: String,
    /// The hash of its arguments.
    pub(crate) input: String,
    /// Which input it comes from; `None`: any of them.
    pub(crate) reads: Option<usize>,
    pub(crate) records: Arc<Records>,
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
    pub(crate) fn publish(&mut self, result: Waiting) -> Result<(), RunError> {
        if self.threads.len() < THREADS {
            let shared = Arc::clone(&self.shared);
            let started = std::thread::Builder::new().name("mpexec-publish".into()).spawn(move || shared.work());
            match started {
                Ok(thread) => self.threads.push(thread),
                Err(_) if !self.threads.is_empty() => {}
                Err(cause) => return Err(RunError::io(self.shared.run.path(), "start a thread for it")(cause)),
            }
        }
        let length = result.records.length();
        let full = |state: &mut State| state.is_full(length) && !state.failed;
        let mut state = self.shared.room.wait_while(self.shared.lock(), full).unwrap_or_else(PoisonError::into_inner);
        state.told()?;
        state.bytes += length;
        state.open.insert(result.key.clone());
        state.queue.push_back(result);
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
    /// Whether so many bytes more have to wait.
    fn is_full(&self, bytes: usize) -> bool {
        !self.open.is_empty() && (self.open.len() >= MOST || self.bytes + bytes > MOST_BYTES)
    }

    /// What is published together.
    fn next(&mut self) -> Vec<Waiting> {
        let mut bytes = 0;
        let fits = self.queue.iter().take(TOGETHER).take_while(|one| {
            bytes += one.records.length();
            bytes <= BYTES_TOGETHER
        });
        let count = fits.count().max(1).min(self.queue.len());
        self.queue.drain(..count).collect()
    }

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
            let batch = state.next();
            drop(state);
            if batch.is_empty() {
                return;
            }
            let pieces: Vec<_> = batch.iter().map(|one| one.records.pieces()).collect();
            let results = batch.iter().zip(&pieces).map(|(one, pieces)| {
                let Waiting { key, input, reads, .. } = one;
                Finished { key, input, reads: *reads, pieces }
            });
            let (_, done) = self.run.publish_all(&results.collect::<Vec<_>>());
            let mut state = self.lock();
            for Waiting { key, records, .. } in &batch {
                state.open.remove(key);
                state.bytes -= records.length();
            }
            if let Err(error) = done {
                state.failed = true;
                state.error.get_or_insert(error);
            }
            drop(state);
            self.room.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan;

    /// The bytes of records that are none.
    fn records(bytes: Vec<u8>) -> Arc<Records> {
        Arc::new(Records::of_piece(bytes))
    }

    fn waiting(number: usize, bytes: usize) -> Waiting {
        Waiting { key: format!("rows-{number}"), input: "-".into(), reads: None, records: records(vec![0; bytes]) }
    }

    fn state(sizes: impl IntoIterator<Item = usize>) -> State {
        let queue: VecDeque<_> = sizes.into_iter().enumerate().map(|(number, bytes)| waiting(number, bytes)).collect();
        let (open, bytes) =
            (queue.iter().map(|one| one.key.clone()).collect(), queue.iter().map(|one| one.records.length()).sum());
        State { queue, open, bytes, ..State::default() }
    }

    #[test]
    fn what_waits_is_bounded_in_bytes_and_in_number_and_one_alone_may_be_of_any_length() {
        assert!(!state([]).is_full(MOST_BYTES + 1));
        assert!(state([1]).is_full(MOST_BYTES) && !state([1]).is_full(MOST_BYTES - 1));
        assert!(state(vec![0; MOST]).is_full(0) && !state(vec![0; MOST - 1]).is_full(0));
    }

    #[test]
    fn many_small_results_are_published_together_and_a_large_one_alone() {
        let taken = |sizes: &[usize]| state(sizes.iter().copied()).next().len();
        assert_eq!(taken(&vec![1; TOGETHER + 5]), TOGETHER);
        assert_eq!(taken(&[BYTES_TOGETHER + 1, 1]), 1);
        assert_eq!(taken(&[BYTES_TOGETHER, 1]), 1);
        assert_eq!(taken(&[1, BYTES_TOGETHER - 1, 1]), 2);
        assert_eq!(taken(&[]), 0);
    }

    #[test]
    fn what_was_handed_over_before_an_error_came_is_published_all_the_same() {
        let scratch = tempfile::tempdir().unwrap();
        let run =
            RunFolder::open(&scratch.path().join("run"), &crate::plan::Plan { inputs: Vec::new(), ..plan() }, false)
                .unwrap();
        let run = Arc::new(run);
        let mut publisher = Publisher::new(Arc::clone(&run));
        publisher.shared.lock().failed = true;
        let (key, input) = ("rows-000001".to_owned(), "-".to_owned());
        publisher.publish(Waiting { key, input, reads: None, records: records(b"finished".to_vec()) }).unwrap();
        drop(publisher);
        assert_eq!(run.result("rows-000001", None).unwrap(), b"finished");
    }
}
