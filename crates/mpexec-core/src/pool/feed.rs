//! A job from its caller's side: input is pulled and encoded as workers have room, outcomes are decoded as they come.
//!
//! Everything of the user's, the iterator, `Serialize`, `Deserialize`, runs here, on the caller's thread, with no lock held.

use std::marker::PhantomData;
use std::sync::Arc;

use mpexec_wire::EncodeError;

use crate::engine::Engine;
use crate::engine::jobs::News;
use crate::engine::open::{JobNews, JobOptions, Staged};
use crate::engine::scheduler::{JobId, Run};
use crate::error::{JobError, TaskError};
use crate::pending::Pending;
use crate::registry::Callable;
use crate::task::TaskResult;
use crate::task::staging::{EntrySink, Staging};

/// Encoded input ahead of its outcomes is kept below this many bytes, beside the limit in tasks.
const AHEAD_BYTES: u64 = 64 << 20;
/// A batch of staged tasks is handed over at this size, however many tasks were asked for.
const STAGED_BYTES: usize = 256 << 10;

/// An iterator of tasks, and how one is encoded.
pub(crate) struct Feed<I: Iterator> {
    items: I,
    encode: fn(&I::Item, &mut EntrySink<'_>) -> Result<(), EncodeError>,
}

impl<I: Iterator> Feed<I> {
    pub(crate) fn new(items: I, encode: fn(&I::Item, &mut EntrySink<'_>) -> Result<(), EncodeError>) -> Feed<I> {
        Feed { items, encode }
    }
}

/// A job that its caller feeds and reads. Dropping it abandons the job.
pub(crate) struct Running<I: Iterator, R> {
    engine: Arc<Engine>,
    job: JobId,
    feed: Feed<I>,
    next_index: u64,
    input_ended: bool,
    /// Tasks that could not even be encoded.
    unencoded: Vec<News>,
    /// Outcomes fetched, and bytes brought, for the window.
    fetched: u64,
    bytes: u64,
    detached: bool,
    /// A buffer for the next tasks.
    spare: Vec<u8>,
    result: PhantomData<fn() -> R>,
}

impl<I: Iterator, R: TaskResult> Running<I, R> {
    pub(crate) fn open<C, M>(engine: &Arc<Engine>, function: &C, feed: Feed<I>) -> Result<Running<I, R>, TaskError>
    where
        C: Callable<M>,
    {
        let total = match feed.items.size_hint() {
            (least, Some(most)) if least == most => Some(least as u64),
            _ => None,
        };
        let options = JobOptions { attempts: engine.config.attempts, chunk: None, total };
        let job = engine.open_job(&function.id().0, options)?;
        Ok(Running {
            engine: engine.clone(),
            job,
            feed,
            next_index: 0,
            input_ended: false,
            unencoded: Vec::new(),
            fetched: 0,
            bytes: 0,
            detached: false,
            spare: Vec::new(),
            result: PhantomData,
        })
    }

    /// How many tasks were brought so far.
    pub(crate) fn brought(&self) -> u64 {
        self.next_index
    }

    /// A lower bound of how many tasks there will be.
    pub(crate) fn size_hint(&self) -> usize {
        self.feed.items.size_hint().0
    }

    /// Encodes up to `tasks` tasks and hands them over.
    fn bring(&mut self, tasks: u32) {
        let largest = self.engine.largest_payload();
        let mut staged = Staging::over(std::mem::take(&mut self.spare));
        let mut first = self.next_index;
        while staged.count < tasks && staged.len() < STAGED_BYTES {
            let Some(item) = self.feed.items.next() else {
                self.input_ended = true;
                break;
            };
            let encode = self.feed.encode;
            let pushed = staged.push(largest, |sink| encode(&item, sink));
            let index = self.next_index;
            self.next_index += 1;
            if let Err(error) = pushed {
                // Indices within a run follow each other, so the run ends before the gap.
                self.hand_over(&mut staged, first, false);
                first = self.next_index;
                self.unencoded.push(News::Failed(index, error));
            }
        }
        // An iterator that says it is empty need not be asked.
        self.input_ended |= self.feed.items.size_hint().1 == Some(0);
        self.hand_over(&mut staged, first, self.input_ended);
    }

    fn hand_over(&mut self, staged: &mut Staging, first: u64, last: bool) {
        let Staging { staged: Staged { bytes, parcels }, count } = std::mem::take(staged);
        self.bytes += bytes.len() as u64;
        let spare = self.engine.bring(self.job, Run { first, count, attempt: 1, bytes, from: 0 }, last, parcels);
        self.spare = spare.unwrap_or_default();
    }

    /// Whether more input may be taken while `window` tasks are ahead of the reader's `read`.
    fn may_feed(&self, window: u64) -> bool {
        let ahead = self.next_index - self.fetched;
        let each = self.bytes / self.next_index.max(1);
        !self.input_ended && ahead < window && (ahead < 64 || ahead.saturating_mul(each) < AHEAD_BYTES)
    }

    /// Outcomes that were read by the caller make room in the window.
    pub(crate) fn read(&mut self, count: u64) {
        self.fetched += count;
    }

    /// The next outcomes that came; `None` at the end. At most `window` tasks are ahead of those [`Running::read`].
    pub(crate) fn next_outcomes(&mut self, window: u64) -> Option<Vec<News>> {
        loop {
            if !self.unencoded.is_empty() {
                return Some(std::mem::take(&mut self.unencoded));
            }
            let feeding = self.may_feed(window);
            // Without a deadline the wait always ends with something.
            match self.engine.next_news(self.job, feeding, None)? {
                JobNews::Room(tasks) => {
                    let room = window - (self.next_index - self.fetched);
                    self.bring(u32::try_from(room).map_or(tasks, |room| tasks.min(room)));
                }
                JobNews::News(news) => return Some(news),
                JobNews::Broken(error) => {
                    self.input_ended = true;
                    let index = self.fetched;
                    self.engine.abandon(self.job);
                    return Some(vec![News::Failed(index, error)]);
                }
                JobNews::Done if self.input_ended => return None,
                // The window is full and everything in it was fetched: the caller reads, then asks again.
                JobNews::Done => return Some(Vec::new()),
            }
        }
    }

    /// Brings all input now; what comes is fetched by the handle.
    pub(crate) fn into_pending(mut self) -> Pending<Vec<R>, JobError> {
        while !self.input_ended {
            self.bring(u32::MAX);
        }
        self.detached = true;
        let mut state = self.engine.lock();
        if let Some(job) = state.jobs.get_mut(&self.job) {
            job.quiet = true;
        }
        self.engine.alert(&mut state);
        drop(state);
        let unencoded = std::mem::take(&mut self.unencoded);
        Pending::of_job(self.engine.clone(), self.job, self.next_index, unencoded)
    }
}

impl<I: Iterator, R> Drop for Running<I, R> {
    fn drop(&mut self) {
        if !self.detached {
            self.engine.abandon(self.job);
        }
    }
}
