//! Single calls: the cells in which their outcomes are left, and the table of those that are not settled.
//!
//! Cells are made in blocks: one allocation serves [`TOGETHER`] calls, and calls that follow each other lie side by side. A
//! block lives as long as a handle on any of its calls.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ids::IdMap;
use super::outcomes::{Hook, Outcome};
use super::scheduler::JobId;
use super::waiter::{Arrivals, Waiter};
use crate::error::TaskError;
use crate::os::warm;

/// Calls in one block: so many that its allocation is small beside them, so few that one handle kept for long costs little.
const TOGETHER: usize = 32;

/// So many blocks are made of pages that the kernel makes together, once there are as many.
const MANY: usize = 16;

/// The place where a call's outcome is left for its handle.
#[derive(Debug, Default)]
pub(crate) struct CallCell {
    state: Mutex<CellState>,
}

#[derive(Debug, Default)]
struct CellState {
    outcome: Option<Outcome>,
    ready: bool,
    /// The outcome, also when it has been fetched, is that it was cancelled.
    cancelled: bool,
    /// Its handle is gone.
    detached: bool,
    hooks: Vec<Hook>,
}

impl CallCell {
    fn lock(&self) -> MutexGuard<'_, CellState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves the outcome; returns who wants to be told. Only the first counts.
    pub(crate) fn settle(&self, outcome: Outcome) -> Vec<Hook> {
        let mut state = self.lock();
        if state.ready {
            return Vec::new();
        }
        state.ready = true;
        state.cancelled = matches!(&outcome, Outcome::Failed(error) if matches!(**error, TaskError::Cancelled { .. }));
        if !state.detached {
            state.outcome = Some(outcome);
        }
        std::mem::take(&mut state.hooks)
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.lock().ready
    }

    /// Fetches the outcome, once, if it is there.
    pub(crate) fn take(&self) -> Option<Outcome> {
        self.lock().outcome.take()
    }

    /// Whether it ended as cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Nobody will fetch the outcome.
    pub(crate) fn detach(&self) {
        let outcome = {
            let mut state = self.lock();
            state.detached = true;
            state.outcome.take()
        };
        drop(outcome);
    }

    /// Whether anybody holds a handle on it, or wants to be told.
    fn is_awaited(&self) -> bool {
        let state = self.lock();
        !state.detached || !state.hooks.is_empty()
    }

    /// Asks to be told; `Some(hook)` back when it is ready already.
    pub(crate) fn tell(&self, hook: Hook) -> Option<Hook> {
        let mut state = self.lock();
        if state.ready {
            return Some(hook);
        }
        let same = |old: &Hook| old.is_same(&hook);
        let old = state.hooks.iter().position(same).map(|place| state.hooks.swap_remove(place));
        state.hooks.push(hook);
        drop(state);
        // A waker is the user's: what its drop does is done without our lock.
        drop(old);
        None
    }

    /// A thread that waited for many waits no more.
    pub(crate) fn forget_arrivals(&self, arrivals: &Arc<Arrivals>) {
        self.lock().hooks.retain(|hook| !matches!(hook, Hook::Arrival(other, _) if Arc::ptr_eq(other, arrivals)));
    }

    /// A thread waits no more.
    pub(crate) fn forget(&self, waiter: &Arc<Waiter>) {
        self.lock().hooks.retain(|hook| !matches!(hook, Hook::Thread(other) if Arc::ptr_eq(other, waiter)));
    }
}

/// Cells that were made together, and what they are called by.
#[derive(Debug)]
struct Cells {
    job: JobId,
    number: u64,
    cells: [CallCell; TOGETHER],
}

/// One call's cell, shared by its handle and the engine.
#[derive(Debug)]
pub(crate) struct CallRef {
    block: Arc<Cells>,
    place: u8,
}

impl CallRef {
    /// The call's job, and its index there.
    pub(crate) fn name(&self) -> (JobId, u64) {
        (self.block.job, self.block.number * TOGETHER as u64 + u64::from(self.place))
    }
}

impl Deref for CallRef {
    type Target = CallCell;

    fn deref(&self) -> &CallCell {
        &self.block.cells[usize::from(self.place)]
    }
}

/// The cells of [`TOGETHER`] calls and, a bit each, which of them are open.
#[derive(Debug)]
struct Block {
    cells: Arc<Cells>,
    open: u32,
}

/// The calls of one function, one task each, that are not settled.
#[derive(Debug)]
pub(crate) struct Calls {
    job: JobId,
    /// Index of the next call.
    next: u64,
    /// By number; a block leaves when all its calls are settled, however old the oldest open one is.
    blocks: IdMap<Block>,
    /// Those that shall not start any more, wherever they lie; and whether they shall end if they have.
    stopping: IdMap<bool>,
}

fn place_of(index: u64) -> (u64, u8) {
    (index / TOGETHER as u64, (index % TOGETHER as u64) as u8)
}

impl Calls {
    pub(crate) fn of(job: JobId) -> Calls {
        Calls { job, next: 0, blocks: IdMap::default(), stopping: IdMap::default() }
    }

    /// Adds a call; returns its index and its cell.
    pub(crate) fn add(&mut self) -> (u64, CallRef) {
        let index = self.next;
        self.next += 1;
        let (number, place) = place_of(index);
        let job = self.job;
        if place == 0 && self.blocks.len() >= MANY && number.is_multiple_of(MANY as u64) {
            warm::next(MANY * size_of::<Cells>());
        }
        let fresh = || Block { cells: Arc::new(Cells { job, number, cells: Default::default() }), open: 0 };
        let block = self.blocks.entry(number).or_insert_with(fresh);
        block.open |= 1 << place;
        (index, CallRef { block: block.cells.clone(), place })
    }

    /// Whether the call has no outcome yet.
    pub(crate) fn is_open(&self, index: u64) -> bool {
        let (number, place) = place_of(index);
        self.blocks.get(&number).is_some_and(|block| block.open >> place & 1 == 1)
    }

    /// The call shall not start any more if it comes back unstarted; `force`: and its end, if it has started, is none of its own.
    pub(crate) fn stop(&mut self, index: u64, force: bool) {
        *self.stopping.entry(index).or_default() |= force;
    }

    /// It has started, and runs on, unless somebody else wants its end.
    pub(crate) fn let_run(&mut self, index: u64) {
        if !self.is_aborted(index) {
            self.stopping.remove(&index);
        }
    }

    pub(crate) fn is_aborted(&self, index: u64) -> bool {
        self.stopping.get(&index) == Some(&true)
    }

    pub(crate) fn is_stopping(&self, index: u64) -> bool {
        !self.stopping.is_empty() && self.stopping.contains_key(&index)
    }

    /// Leaves a call's outcome and takes it out of the table; returns who wants to be told.
    pub(crate) fn settle(&mut self, index: u64, outcome: Outcome) -> Vec<Hook> {
        let (number, place) = place_of(index);
        let Some(block) = self.blocks.get_mut(&number).filter(|block| block.open >> place & 1 == 1) else {
            return Vec::new();
        };
        block.open &= !(1 << place);
        if !self.stopping.is_empty() {
            self.stopping.remove(&index);
        }
        let told = block.cells.cells[usize::from(place)].settle(outcome);
        // The last block is still being filled.
        if block.open == 0 && number != place_of(self.next).0 {
            self.blocks.remove(&number);
        }
        told
    }

    /// Whether any of them has no outcome yet.
    pub(crate) fn any_open(&self) -> bool {
        self.blocks.values().any(|block| block.open != 0)
    }

    fn open(&self) -> impl Iterator<Item = &CallCell> {
        self.blocks.values().flat_map(|block| {
            block.cells.cells.iter().enumerate().filter(|(place, _)| block.open >> place & 1 == 1).map(|(_, cell)| cell)
        })
    }

    /// Whether anybody holds a handle on one of them, or wants to be told.
    pub(crate) fn awaited(&self) -> bool {
        self.open().any(CallCell::is_awaited)
    }

    /// Gives all calls up, each with the outcome that `outcome` makes; returns who wants to be told.
    pub(crate) fn settle_all(&mut self, mut outcome: impl FnMut() -> Outcome) -> Vec<Hook> {
        let told = self.open().flat_map(|cell| cell.settle(outcome())).collect();
        let last = place_of(self.next).0;
        self.blocks.retain(|number, _| *number == last);
        for block in self.blocks.values_mut() {
            block.open = 0;
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> Outcome {
        Outcome::Failed(Box::new(TaskError::Cancelled { reason: "test".to_owned() }))
    }

    #[test]
    fn each_call_is_settled_once_in_whatever_order() {
        let mut calls = Calls::of(1);
        let cells: Vec<_> = (0..100).map(|_| calls.add()).collect();
        for (index, cell) in cells.iter().rev() {
            assert!(calls.is_open(*index) && !cell.is_ready());
            calls.settle(*index, lost());
            assert!(!calls.is_open(*index) && cell.take().is_some());
            calls.settle(*index, lost());
            assert!(cell.take().is_none());
        }
        assert_eq!(calls.blocks.len(), 1, "only the one that is being filled");
        let (index, cell) = calls.add();
        assert_eq!(index, 100);
        calls.settle(index, lost());
        assert!(cell.is_ready());
    }

    #[test]
    fn calls_that_were_given_up_are_not_open_and_those_after_them_are() {
        let mut calls = Calls::of(1);
        let before: Vec<_> = (0..40).map(|_| calls.add()).collect();
        drop(calls.settle_all(lost));
        let (index, _after) = calls.add();
        assert!(before.iter().all(|(index, cell)| !calls.is_open(*index) && cell.is_ready()));
        assert!(calls.is_open(index) && calls.awaited());
    }

    #[test]
    fn a_call_whose_handle_is_gone_is_not_awaited_and_its_outcome_is_dropped() {
        let mut calls = Calls::of(1);
        let (index, cell) = calls.add();
        cell.detach();
        assert!(!calls.awaited());
        calls.settle(index, lost());
        assert!(cell.is_ready() && cell.take().is_none());
    }
}
