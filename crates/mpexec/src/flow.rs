//! Calls that are made as their input comes and whose outcomes are handed on as they come: neither waits for the other.
//!
//! One thread reads the input and makes a call of each piece; it may stand still in the middle of a pipe. The main thread waits for
//! the oldest call, which moves all of them on. A [`Collector`] hears of each outcome as it arrives, and gets them handed on one at a time, in
//! order or as they are ready: so what is counted, and what ends the work, never waits for the turn of what is printed. Calls
//! and outcomes that wait are counted, by number and by bytes, so an input without an end needs no memory without an end. To stop, what has
//! not begun is cancelled; what runs may come to its end, or is killed.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use mpexec_core::{Pending, TaskError};

use crate::failure::Failure;
use crate::numbers::grouped;

/// So many calls may be open, or have an outcome whose turn has not come.
const MOST_CALLS: u64 = 4096;

/// So many bytes they may have.
const MOST_BYTES: u64 = 64 << 20;

/// What is done with outcomes.
pub(crate) trait Collector<R>: Send + 'static {
    /// Hears that a call has its outcome, whosever turn it is.
    ///
    /// # Errors
    /// The [`Failure`] that ends the work: what runs is killed.
    fn arrives(&mut self, index: u64, outcome: Result<&R, &TaskError>) -> Result<Next, Failure>;

    /// Takes the outcome of a call, whose turn it is: it arrived now or before.
    ///
    /// # Errors
    /// As [`arrives`](Collector::arrives).
    fn take(&mut self, index: u64, outcome: Result<&R, &TaskError>) -> Result<Next, Failure>;

    /// About how many bytes a result has.
    fn weight(result: &R) -> u64;
}

/// What is done after an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Next {
    GoOn,
    /// Nothing new is begun.
    Finish,
    /// What runs is killed.
    Kill,
}

/// Hears how a try of the call of this number has ended; if it may, it makes the call again.
type Again<R> = Box<dyn Fn(u64, Result<&R, &TaskError>, bool) -> Option<Pending<R>> + Send + Sync>;

/// The work, from all sides.
pub(crate) struct Flow<R: 'static, C> {
    ordered: bool,
    /// So many calls at most have no outcome.
    most_open: usize,
    state: Mutex<State<R>>,
    /// Something was handed on.
    room: Condvar,
    /// A call was made, or something was handed on.
    news: Condvar,
    /// Locked before the state, and never under it.
    collector: Mutex<C>,
    again: OnceLock<Again<R>>,
}

struct State<R: 'static> {
    /// The calls without an outcome; one that is just being made has no handle yet.
    open: BTreeMap<u64, Option<Arc<Pending<R>>>>,
    /// Outcomes whose turn has not come.
    early: BTreeMap<u64, Result<R, TaskError>>,
    /// How many calls were made, and how many outcomes handed on. In order, the latter is whose turn it is.
    made: u64,
    gone: u64,
    /// Calls that were not begun, because the work was stopped.
    skipped: u64,
    bytes: u64,
    /// There is no more input, or no more of it is read.
    ended: bool,
    /// It was read to its end.
    read_out: bool,
    stop: Next,
    failure: Option<Failure>,
}

impl<R, C> Flow<R, C>
where
    R: Clone + Send + Sync + 'static,
    C: Collector<R>,
{
    /// Nothing is made yet. `ordered`: the collector gets outcomes in the order of the calls.
    pub(crate) fn new(ordered: bool, collector: C) -> Arc<Flow<R, C>> {
        Flow::narrow(ordered, usize::MAX, collector)
    }

    /// The same with so many calls under way at most: with one for each worker, none waits behind another, and so they begin in order.
    pub(crate) fn narrow(ordered: bool, most_open: usize, collector: C) -> Arc<Flow<R, C>> {
        let state = State {
            open: BTreeMap::new(),
            early: BTreeMap::new(),
            made: 0,
            gone: 0,
            skipped: 0,
            bytes: 0,
            ended: false,
            read_out: false,
            stop: Next::GoOn,
            failure: None,
        };
        let (room, news) = (Condvar::new(), Condvar::new());
        Arc::new(Flow {
            ordered,
            most_open,
            state: Mutex::new(state),
            room,
            news,
            collector: Mutex::new(collector),
            again: OnceLock::new(),
        })
    }

    /// What every try of a call ends as is heard by `again` first. It may make the call once more where its last argument says so: as long as the work
    /// is not stopped.
    pub(crate) fn try_again(
        &self,
        again: impl Fn(u64, Result<&R, &TaskError>, bool) -> Option<Pending<R>> + Send + Sync + 'static,
    ) {
        // It is said once, before the first call.
        let _ = self.again.set(Box::new(again));
    }

    /// Makes a call of each piece of `source` by `call`, on a thread of its own. `None` from the source is its end, an error ends the work
    /// when the calls before it have come to their end.
    ///
    /// # Errors
    /// A [`Failure`] if there can be no such thread.
    pub(crate) fn feed<I: AsRef<[u8]>>(
        self: &Arc<Self>,
        mut source: impl FnMut() -> Result<Option<I>, Failure> + Send + 'static,
        mut call: impl FnMut(u64, &[u8]) -> Pending<R> + Send + 'static,
    ) -> Result<(), Failure> {
        let flow = Arc::clone(self);
        let feeding = std::thread::Builder::new().name("mpexec-input".into()).spawn(move || {
            let flow = Feeding(flow);
            while flow.has_room() {
                let piece = match source() {
                    Ok(Some(piece)) => piece,
                    Ok(None) => {
                        flow.lock().read_out = true;
                        break;
                    }
                    Err(failure) => {
                        flow.lock().failure.get_or_insert(failure);
                        break;
                    }
                };
                flow.make(piece.as_ref(), &mut call);
            }
        });
        feeding.map(drop).map_err(|error| Failure::task(format!("cannot start a thread for the input: {error}")))
    }

    fn has_room(&self) -> bool {
        let full = |state: &mut State<R>| {
            let waiting = state.made - state.gone - state.skipped;
            let full = waiting >= MOST_CALLS || waiting > 0 && state.bytes >= MOST_BYTES;
            state.stop == Next::GoOn && (full || state.open.len() >= self.most_open)
        };
        let state = self.room.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        state.stop == Next::GoOn
    }

    fn make(self: &Arc<Self>, piece: &[u8], call: &mut impl FnMut(u64, &[u8]) -> Pending<R>) {
        let weight = piece.len() as u64;
        let index = {
            let mut state = self.lock();
            let index = state.made;
            state.made += 1;
            state.bytes += weight;
            state.open.insert(index, None);
            index
        };
        let handle = call(index, piece);
        self.follow(index, weight, handle);
    }

    /// A call was made: what comes of it is heard.
    fn follow(self: &Arc<Self>, index: u64, weight: u64, handle: Pending<R>) {
        let (good, bad) = (Arc::clone(self), Arc::clone(self));
        let handle = handle.on_success(move |result| good.over(index, weight, Ok(result)));
        let handle = Arc::new(handle.on_error(move |error| bad.over(index, weight, Err(error))));
        let stop = {
            let mut state = self.lock();
            if let Some(open) = state.open.get_mut(&index) {
                *open = Some(Arc::clone(&handle));
            }
            state.stop
        };
        end(&handle, stop);
        self.news.notify_all();
    }

    /// A call has its outcome.
    fn over(self: &Arc<Self>, index: u64, weight: u64, outcome: Result<&R, &TaskError>) {
        let may = self.lock().stop == Next::GoOn;
        if let Some(handle) = self.again.get().and_then(|again| again(index, outcome, may)) {
            return self.follow(index, weight, handle);
        }
        let mut collector = self.collector.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut state = self.lock();
            state.open.remove(&index);
            state.bytes -= weight;
        }
        self.hear(outcome, || collector.arrives(index, outcome));
        let mut state = self.lock();
        if self.ordered && index != state.gone + state.skipped {
            state.bytes += outcome.map_or(0, C::weight);
            state.early.insert(index, outcome.cloned().map_err(Clone::clone));
            drop(state);
        } else {
            drop(state);
            self.hand_on(&mut collector, index, outcome);
            self.hand_on_the_early(&mut collector);
        }
        self.room.notify_all();
        self.news.notify_all();
    }

    /// Those whose turn has come with the one before them.
    fn hand_on_the_early(&self, collector: &mut C) {
        loop {
            let mut state = self.lock();
            let turn = state.gone + state.skipped;
            let Some(outcome) = state.early.remove(&turn) else { return };
            state.bytes -= outcome.as_ref().map_or(0, C::weight);
            drop(state);
            self.hand_on(collector, turn, outcome.as_ref());
        }
    }

    fn hand_on(&self, collector: &mut C, index: u64, outcome: Result<&R, &TaskError>) {
        let taken = self.hear(outcome, || collector.take(index, outcome));
        let mut state = self.lock();
        *(if taken { &mut state.gone } else { &mut state.skipped }) += 1;
    }

    /// Does what the collector says of the outcome; false if it is not asked, because the work was stopped before the call had begun, or is killed for a failure.
    fn hear(&self, outcome: Result<&R, &TaskError>, asked: impl FnOnce() -> Result<Next, Failure>) -> bool {
        let is_over = {
            let state = self.lock();
            state.stop != Next::GoOn && matches!(outcome, Err(TaskError::Cancelled { .. }))
                || state.failure.is_some() && state.stop == Next::Kill
        };
        if is_over {
            return false;
        }
        let next = asked().unwrap_or_else(|failure| {
            self.lock().failure = Some(failure);
            Next::Kill
        });
        self.stop(next);
        true
    }

    /// From now on nothing new is begun, and with [`Next::Kill`] what runs is killed.
    pub(crate) fn stop(&self, how: Next) {
        let open: Vec<_> = {
            let mut state = self.lock();
            if how <= state.stop {
                return;
            }
            state.stop = how;
            state.open.values().flatten().map(Arc::clone).collect()
        };
        // The latest first, or a worker would begin with one while those before it are cancelled.
        open.iter().rev().for_each(|handle| end(handle, how));
        self.room.notify_all();
        self.news.notify_all();
    }

    /// Waits until no call runs, but no longer than so; whether none does. Outcomes may wait yet for somebody who takes what is handed on.
    pub(crate) fn is_over_within(&self, limit: Duration) -> bool {
        let since = Instant::now();
        let left = || limit.saturating_sub(since.elapsed());
        loop {
            let state = self.lock();
            let runs = |handle: &&Option<Arc<Pending<R>>>| handle.as_ref().is_none_or(|handle| !handle.is_ready());
            match state.open.values().find(runs) {
                None => return true,
                Some(_) if left().is_zero() => return false,
                Some(Some(handle)) => {
                    let handle = Arc::clone(handle);
                    drop(state);
                    let _ = handle.wait_timeout(left());
                }
                // It is just being made, of which there is news.
                Some(None) => drop(self.news.wait_timeout(state, left())),
            }
        }
    }

    /// Waits until all is over. Returns how many calls were not begun because the work was stopped.
    ///
    /// # Errors
    /// The [`Failure`] that ended it.
    pub(crate) fn wait(&self) -> Result<u64, Failure> {
        let mut state = self.lock();
        loop {
            let over = state.made == state.gone + state.skipped;
            if over && (state.ended || state.stop != Next::GoOn) {
                let skipped = state.skipped;
                return state.failure.take().map_or(Ok(skipped), Err);
            }
            let oldest = state.open.values().flatten().find(|handle| !handle.is_ready()).map(Arc::clone);
            state = match oldest {
                Some(handle) => {
                    drop(state);
                    handle.wait();
                    self.lock()
                }
                None => self.news.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Of work that was stopped: what is missing, for the end of a sentence. `left`: so many are known not to have been begun, or, if `known`,
    /// so many there are.
    pub(crate) fn missing(&self, left: u64, known: bool, begun: &str) -> String {
        let more = |least: &str| format!("; {least}{} more were not {begun}", grouped(left));
        match (left, known || self.lock().read_out) {
            (0, true) => String::new(),
            (0, false) => "; the input was not read to its end".to_owned(),
            (_, true) => more(""),
            (_, false) => more("at least ") + ", as the input was not read to its end",
        }
    }

    /// The collector, to ask it at the end.
    pub(crate) fn collector(&self) -> MutexGuard<'_, C> {
        self.collector.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that the input has ended when it goes, in whatever way: nobody is to wait for a thread that has panicked.
struct Feeding<R: Clone + Send + Sync + 'static, C: Collector<R>>(Arc<Flow<R, C>>);

impl<R: Clone + Send + Sync + 'static, C: Collector<R>> Deref for Feeding<R, C> {
    type Target = Arc<Flow<R, C>>;

    fn deref(&self) -> &Arc<Flow<R, C>> {
        &self.0
    }
}

impl<R: Clone + Send + Sync + 'static, C: Collector<R>> Drop for Feeding<R, C> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        if std::thread::panicking() {
            state.failure.get_or_insert(Failure::task("the thread that reads the input has panicked"));
            // The call that it was about to make never comes.
            let made = state.open.len();
            state.open.retain(|_, handle| handle.is_some());
            state.skipped += (made - state.open.len()) as u64;
        }
        drop(state);
        self.0.news.notify_all();
    }
}

fn end<R>(handle: &Pending<R>, how: Next) {
    match how {
        Next::GoOn => {}
        Next::Finish => drop(handle.cancel()),
        Next::Kill => drop(handle.abort()),
    }
}

#[cfg(test)]
mod tests;
