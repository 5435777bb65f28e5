//! A job from its caller's side: input is pulled and encoded as workers have room, outcomes are decoded as they come.
//!
//! Everything of the user's, the iterator, `Serialize`, `Deserialize`, runs here, on the caller's thread, with no lock held.
//! When the iterator or a `Serialize` panics, the panic is the caller's, and the input ends there: what was pulled before is
//! handed over first and has its outcomes like any other.

use std::marker::PhantomData;
use std::sync::Arc;

use mpexec_wire::EncodeError;

use super::under_way::UnderWay;
use crate::engine::Engine;
use crate::engine::jobs::News;
use crate::engine::open::{JobNews, Staged};
use crate::engine::printed::Printed;
use crate::engine::recording::Pastime;
use crate::engine::scheduler::{JobId, Run, WINDOW};
use crate::error::{JobError, TaskError};
use crate::pending::Pending;
use crate::task::TaskResult;
use crate::task::staging::{EntrySink, Staging, leave_spare, take_spare};

/// Arguments under way are kept below so many bytes, beside the limit in tasks; but each worker may have one task.
const AHEAD_BYTES: u64 = 64 << 20;
/// A batch of staged tasks is handed over at this size, however many tasks were asked for: so small that it is still in a
/// processor's second-level cache when it is copied on, beside where it comes from and where it goes to.
const STAGED_BYTES: u64 = 128 << 10;
/// How much is handed out before the engine is told, which makes room for more.
const TOLD_AT: u64 = WINDOW / 16;

/// An iterator of tasks, and how one is encoded.
pub(crate) struct Feed<I: Iterator> {
    items: I,
    encode: fn(&I::Item, &mut EntrySink<'_>) -> Result<(), EncodeError>,
}

impl<I: Iterator> Feed<I> {
    pub(crate) fn new(items: I, encode: fn(&I::Item, &mut EntrySink<'_>) -> Result<(), EncodeError>) -> Feed<I> {
        Feed { items, encode }
    }

    /// How many there are, where that is known.
    pub(crate) fn total(&self) -> Option<u64> {
        match self.items.size_hint() {
            (least, Some(most)) if least == most => Some(least as u64),
            _ => None,
        }
    }

    /// Its next item.
    pub(super) fn next(&mut self) -> Option<I::Item> {
        self.items.next()
    }

    /// Writes one of its items as a task.
    pub(super) fn encode(&self, item: &I::Item, sink: &mut EntrySink<'_>) -> Result<(), EncodeError> {
        (self.encode)(item, sink)
    }

    /// All items, not to be sent.
    pub(crate) fn into_items(self) -> I {
        self.items
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
    /// Outcomes handed out.
    read: u64,
    /// Outcomes handed out when the engine was told last, and bytes since.
    told: u64,
    untold: u64,
    under_way: UnderWay,
    /// Why the pool gave the job up, and how many tasks were brought by then.
    broken: Option<(TaskError, u64)>,
    detached: bool,
    /// Workers could take so many tasks when it was opened, if it has not brought any yet.
    room: u32,
    /// All outcomes were fetched, and the engine has forgotten the job.
    over: bool,
    /// So many more tasks may fail.
    failures_left: Option<usize>,
    /// A buffer for the next tasks.
    spare: Vec<u8>,
    result: PhantomData<fn() -> R>,
}

impl<I: Iterator, R: TaskResult> Running<I, R> {
    pub(crate) fn new(
        engine: &Arc<Engine>,
        (job, room): (JobId, u32),
        feed: Feed<I>,
        most_failures: Option<usize>,
    ) -> Running<I, R> {
        Running {
            engine: engine.clone(),
            job,
            feed,
            next_index: 0,
            input_ended: false,
            unencoded: Vec::new(),
            read: 0,
            told: 0,
            untold: 0,
            under_way: UnderWay::default(),
            broken: None,
            detached: false,
            room,
            over: false,
            failures_left: most_failures,
            spare: take_spare(),
            result: PhantomData,
        }
    }

    /// If the pool gave the job up: why, how many tasks were brought by then, and the items that were not.
    pub(crate) fn broken(&mut self) -> Option<(TaskError, u64, &mut I)> {
        let (error, brought) = self.broken.clone()?;
        Some((error, brought, &mut self.feed.items))
    }

    /// What its tasks had printed that fail with their worker is kept from now on,
    pub(crate) fn keep_printed(&self) {
        self.engine.keep_printed(self.job);
    }

    /// to be taken once.
    pub(crate) fn take_printed(&self, index: u64) -> Option<Printed> {
        self.engine.take_printed(self.job, index)
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
        let engine = self.engine.clone();
        let staged = Staging::over(std::mem::take(&mut self.spare));
        let first = self.next_index;
        let mut stopwatch = self.engine.stopwatch();
        let mut bringing = Bringing { running: self, staged, first, whole: false };
        while bringing.staged.count < tasks && bringing.staged.weight() < STAGED_BYTES {
            let items = &mut bringing.running.feed.items;
            let next = match &mut stopwatch {
                None => items.next(),
                Some(watch) => watch.input(|| items.next()),
            };
            let Some(item) = next else {
                bringing.running.input_ended = true;
                break;
            };
            let encode = bringing.running.feed.encode;
            let pushed = bringing.staged.push(engine.places(), |sink| encode(&item, sink));
            let index = bringing.running.next_index;
            bringing.running.next_index += 1;
            if let Err(error) = pushed {
                // Indices within a run follow each other, so the run ends before the gap.
                bringing.hand_over(false);
                bringing.running.unencoded.push(News::Failed(index, error));
            }
        }
        // An iterator that says it is empty need not be asked.
        let empty = bringing.running.feed.items.size_hint().1 == Some(0);
        bringing.running.input_ended |= empty;
        bringing.running.engine.fed(stopwatch);
        bringing.whole = true;
    }

    /// Whether more input may be taken while at most `window` tasks are ahead of the reader.
    fn may_feed(&self, window: u64) -> bool {
        let ahead = self.next_index - self.read;
        let (tasks, bytes) = (self.under_way.tasks(), self.under_way.bytes());
        !self.input_ended && ahead < window && (bytes < AHEAD_BYTES || tasks < self.engine.workers() as u64)
    }

    /// `count` outcomes were handed out, and memory of `bytes` went with them: that makes room in the window.
    pub(crate) fn handed_out(&mut self, count: u64, bytes: u64) {
        self.read += count;
        self.untold += bytes;
        if self.untold >= TOLD_AT {
            self.tell();
        }
    }

    /// Decodes outcomes by this.
    pub(crate) fn decoding<T>(&self, decode: impl FnOnce() -> T) -> T {
        self.engine.spending(Pastime::Decode, decode)
    }

    /// So many tasks have failed: when it is too many, the job ends.
    pub(crate) fn failed(&mut self, tasks: usize) {
        let Some(left) = self.failures_left.filter(|_| tasks > 0) else {
            return;
        };
        self.failures_left = left.checked_sub(tasks).filter(|left| *left > 0);
        if self.failures_left.is_none() {
            let reason = "as many tasks of its job had failed as may".to_owned();
            self.engine.give_up(self.job, &TaskError::Cancelled { reason });
        }
    }

    fn tell(&mut self) {
        let bytes = std::mem::take(&mut self.untold);
        self.told = self.read;
        self.engine.handed_out(self.job, bytes, self.read);
    }

    /// The next outcomes that came; `None` at the end. At most `window` tasks are ahead of those handed out.
    pub(crate) fn next_outcomes(&mut self, window: u64) -> Option<Vec<News>> {
        if self.told < self.read {
            self.tell();
        }
        loop {
            if !self.unencoded.is_empty() {
                return Some(std::mem::take(&mut self.unencoded));
            }
            if self.over || self.broken.is_some() {
                return None;
            }
            let feeding = self.may_feed(window);
            let room = std::mem::take(&mut self.room);
            let news = match feeding && room > 0 {
                true => JobNews::Room(room),
                // The wait always ends with something.
                false => self.engine.next_news(self.job, feeding, true)?,
            };
            match news {
                JobNews::Room(tasks) => {
                    let room = window - (self.next_index - self.read);
                    self.bring(u32::try_from(room).map_or(tasks, |room| tasks.min(room)));
                }
                JobNews::News(news) => {
                    for news in news.iter().filter(|_| !self.input_ended) {
                        self.under_way.settled(news.first(), news.count());
                    }
                    return Some(news);
                }
                JobNews::Last(news) => {
                    self.over = true;
                    return Some(news);
                }
                JobNews::Broken(error, lost) => {
                    let brought = self.next_index;
                    let mut indices: Vec<u64> =
                        lost.iter().flat_map(|(first, count)| *first..*first + u64::from(*count)).collect();
                    if !self.input_ended {
                        // What would have come next is told of too.
                        indices.push(self.next_index);
                        self.next_index += 1;
                    }
                    self.input_ended = true;
                    self.engine.abandon(self.job);
                    self.under_way = UnderWay::default();
                    let failed = indices.into_iter().map(|index| News::Failed(index, error.clone())).collect();
                    self.broken = Some((error, brought));
                    return Some(failed);
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
        state.sched.gathers(self.job);
        self.engine.alert(&mut state);
        drop(state);
        let unencoded = std::mem::take(&mut self.unencoded);
        Pending::of_job(self.engine.clone(), self.job, self.next_index, unencoded)
    }
}

impl<I: Iterator, R> Drop for Running<I, R> {
    fn drop(&mut self) {
        leave_spare(std::mem::take(&mut self.spare));
        if !self.detached && !self.over {
            self.engine.abandon(self.job);
        }
    }
}

/// Tasks on their way into the engine: handed over at the end, also when the end is a panic of the user's.
struct Bringing<'a, I: Iterator, R> {
    running: &'a mut Running<I, R>,
    staged: Staging,
    /// Index of the first task staged.
    first: u64,
    /// The input has not panicked.
    whole: bool,
}

impl<I: Iterator, R> Bringing<'_, I, R> {
    fn hand_over(&mut self, last: bool) {
        let running = &mut *self.running;
        let bytes = self.staged.weight();
        let Staging { staged: Staged { bytes: entries, parcels, wanted }, count, .. } =
            std::mem::take(&mut self.staged);
        if !last {
            // Otherwise there is nothing more that would have to wait.
            running.under_way.brought(self.first, count, bytes);
        }
        let run = Run { first: self.first, count, attempt: 1, bytes: entries, from: 0 };
        let spare = running.engine.bring(running.job, run, last, parcels, wanted);
        running.spare = spare.unwrap_or_default();
        self.first = running.next_index;
    }
}

impl<I: Iterator, R> Drop for Bringing<'_, I, R> {
    fn drop(&mut self) {
        if !self.whole {
            self.staged.drop_unfinished();
            self.running.input_ended = true;
        }
        self.hand_over(self.running.input_ended);
    }
}
