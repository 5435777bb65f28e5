//! The results of calls that are made one by one ([`Flow`](crate::flow::Flow)): which of them are there, and whose turn it is.
//!
//! The thread that reads the input asks whether a call is wanted; whoever takes outcomes puts them here, and hands on what is complete, in order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mpexec_runs::{Done, Ledger, RunFolder, Slot};

use crate::failure::Failure;

/// What both sides know.
#[derive(Debug)]
pub(crate) struct Shelf {
    run: Arc<RunFolder>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    ledger: Ledger,
    /// Of calls without an outcome, by their number: where it belongs, and which of all tasks it is.
    calls: HashMap<u64, (Slot, u64)>,
    made: u64,
    seen: u64,
    ended: bool,
}

impl Shelf {
    pub(crate) fn new(run: &Arc<RunFolder>, stage: &str) -> Arc<Shelf> {
        let inner = Inner { ledger: Ledger::new(run, stage), calls: HashMap::new(), made: 0, seen: 0, ended: false };
        Arc::new(Shelf { run: Arc::clone(run), inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the next task, with these arguments, is to be called.
    pub(crate) fn wants(&self, arguments: &[u8]) -> bool {
        let mut inner = self.lock();
        let slot = inner.ledger.task(arguments.len() as u64, Some(arguments));
        inner.next(slot)
    }

    /// The same of a task whose results have this name.
    pub(crate) fn wants_named(&self, key: String) -> bool {
        let mut inner = self.lock();
        let slot = inner.ledger.task_named(key);
        inner.next(slot)
    }

    /// There are no more tasks.
    pub(crate) fn end(&self) -> Result<(), Failure> {
        let mut inner = self.lock();
        inner.ended = true;
        Ok(inner.ledger.close()?)
    }

    /// Which of all tasks a call is for.
    pub(crate) fn task_of(&self, call: u64) -> u64 {
        self.lock().calls.get(&call).map_or(call, |(_, task)| *task)
    }

    /// The result of a call; `None`: it has none that is to be kept.
    pub(crate) fn put(&self, call: u64, result: Option<Vec<u8>>) -> Result<(), Failure> {
        let mut inner = self.lock();
        match inner.calls.remove(&call) {
            Some((slot, _)) => Ok(inner.ledger.add(slot, result)?),
            None => Ok(()),
        }
    }

    /// The result of a call that is told now, and computed again by the next run.
    pub(crate) fn put_aside(&self, call: u64, result: Vec<u8>) -> Result<(), Failure> {
        let mut inner = self.lock();
        match inner.calls.remove(&call) {
            Some((slot, _)) => Ok(inner.ledger.add_aside(slot, result)?),
            None => Ok(()),
        }
    }

    /// The results whose turn it is; when the work is over, with `any`, all that are there.
    pub(crate) fn take(&self, any: bool) -> Result<Option<Done>, Failure> {
        let mut inner = self.lock();
        Ok(if any { inner.ledger.take_any()? } else { inner.ledger.take()? })
    }

    /// Waits until all is published: how many results there are, if all tasks have one that is.
    pub(crate) fn settle(&self) -> Result<Option<u64>, Failure> {
        let mut inner = self.lock();
        let ranges = inner.ledger.finish()?;
        Ok(ranges.filter(|_| inner.ended))
    }

    /// The run is done, and its output has its name.
    pub(crate) fn done(&self, ranges: u64) -> Result<(), Failure> {
        super::done(&self.run, ranges)
    }
}

impl Inner {
    fn next(&mut self, slot: Option<Slot>) -> bool {
        let (call, task) = (self.made, self.seen);
        self.seen += 1;
        if let Some(slot) = slot {
            self.calls.insert(call, (slot, task));
            self.made += 1;
        }
        slot.is_some()
    }
}
