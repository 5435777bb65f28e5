//! The forms of a call with options of its own.
//!
//! The pool's own methods are these with the pool's settings, so there is one path for all.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use mpexec_wire::EncodeError;

use super::feed::{Feed, Running};
use super::options::CallOptions;
use super::streams::{Imap, ImapUnordered};
use crate::engine::Engine;
use crate::engine::functions::FunctionRef;
use crate::engine::jobs::News;
use crate::engine::open::{JobOptions, Staged, Stream};
use crate::engine::printed::Printed;
use crate::engine::recording::Pastime;
use crate::engine::scheduler::JobId;
use crate::error::{JobError, TaskError};
use crate::pending::Pending;
use crate::registry::{Callable, TryCallable};
use crate::task::gather::{Gather, Outcomes};
use crate::task::outcome::decode_outcome;
use crate::task::staging::{EntrySink, Staging};
use crate::task::{Args, Item, TaskResult};

/// A call with options of its own; see [`Pool::call`](crate::Pool::call).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Workers};
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// let squares = pool.call().chunk_size(40).attempts(3).map(|n: u64| n * n, 0..100)?;
/// assert_eq!(squares[99], 9801);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
#[must_use = "nothing is called before one of its forms is, as `map`"]
pub struct CallBuilder<'p> {
    engine: &'p Arc<Engine>,
    pub(super) options: CallOptions,
    pub(super) label: Option<&'p str>,
}

impl fmt::Debug for CallBuilder<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CallBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'p> CallBuilder<'p> {
    pub(crate) fn new(engine: &'p Arc<Engine>) -> CallBuilder<'p> {
        CallBuilder { engine, options: CallOptions::of(&engine.config), label: None }
    }

    /// As [`Pool::apply`](crate::Pool::apply).
    ///
    /// # Errors
    /// Whatever the task ended as; see [`TaskError`].
    pub fn apply<C, M, A>(&self, function: C, args: A) -> Result<C::Output, TaskError>
    where
        C: Callable<M>,
        A: Args<M>,
    {
        self.call_and_wait(&function.id().0, |sink| args.encode_all(sink))
    }

    /// One call, whose arguments `encode` writes, and its outcome.
    #[inline]
    pub(super) fn call_and_wait<R: TaskResult>(
        &self,
        function: &FunctionRef,
        encode: impl FnOnce(&mut EntrySink<'_>) -> Result<(), EncodeError>,
    ) -> Result<R, TaskError> {
        self.options.check(self.engine.transport).map_err(TaskError::Pool)?;
        let mut staged = self.stage(encode)?;
        let cell = self.engine.call_and_wait(function, self.options.terms, self.label, &mut staged)?;
        staged.recycle();
        self.engine.spending(Pastime::Decode, || decode_outcome(cell.take()))
    }

    /// As [`Pool::apply_async`](crate::Pool::apply_async).
    pub fn apply_async<C, M, A>(&self, function: C, args: A) -> Pending<C::Output>
    where
        C: Callable<M>,
        A: Args<M>,
    {
        self.call_at_once(&function.id().0, |sink| args.encode_all(sink))
    }

    /// As [`CallBuilder::call_and_wait`], but returns at once.
    pub(super) fn call_at_once<R: TaskResult>(
        &self,
        function: &FunctionRef,
        encode: impl FnOnce(&mut EntrySink<'_>) -> Result<(), EncodeError>,
    ) -> Pending<R> {
        let checked = self.options.check(self.engine.transport).map_err(TaskError::Pool);
        let called = checked.and_then(|()| self.stage(encode)).and_then(|mut staged| {
            let called = self.engine.call(function, self.options.terms, self.label, &mut staged);
            staged.recycle();
            called
        });
        match called {
            Ok(cell) => Pending::of_call(self.engine.clone(), cell),
            Err(error) => Pending::failed(self.engine.clone(), error),
        }
    }

    #[inline]
    fn stage(&self, encode: impl FnOnce(&mut EntrySink<'_>) -> Result<(), EncodeError>) -> Result<Staged, TaskError> {
        let mut staged = Staging::recycled();
        self.engine.spending(Pastime::Encode, || staged.push(self.engine.places(), encode))?;
        Ok(staged.staged)
    }

    /// As [`Pool::map`](crate::Pool::map).
    ///
    /// # Errors
    /// The first failure that came in, with its index.
    pub fn map<C, M, I>(&self, function: C, items: I) -> Result<Vec<C::Output>, JobError>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.gather(&function.id().0, items_of(items))
    }

    /// As [`Pool::starmap`](crate::Pool::starmap).
    ///
    /// # Errors
    /// As [`CallBuilder::map`].
    pub fn starmap<C, M, I>(&self, function: C, tuples: I) -> Result<Vec<C::Output>, JobError>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Args<M>,
    {
        self.gather(&function.id().0, tuples_of(tuples))
    }

    /// As [`Pool::try_map`](crate::Pool::try_map).
    ///
    /// # Errors
    /// The first failure that came in, with its index.
    pub fn try_map<F, M, I>(&self, function: F, items: I) -> Result<Vec<F::Value>, JobError>
    where
        F: TryCallable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.gather(&function.try_id().0, items_of(items))
    }

    /// As [`Pool::try_starmap`](crate::Pool::try_starmap).
    ///
    /// # Errors
    /// As [`CallBuilder::try_map`].
    pub fn try_starmap<F, M, I>(&self, function: F, tuples: I) -> Result<Vec<F::Value>, JobError>
    where
        F: TryCallable<M>,
        I: IntoIterator,
        I::Item: Args<M>,
    {
        self.gather(&function.try_id().0, tuples_of(tuples))
    }

    fn gather<I: Iterator, R: TaskResult>(&self, function: &FunctionRef, feed: Feed<I>) -> Result<Vec<R>, JobError> {
        // A call goes the shorter way. What is recorded, and what people call it, tells of a job and its index.
        if feed.total() == Some(1) && self.label.is_none() && !self.engine.config.record {
            return self.gather_one(function, feed);
        }
        let job = self.open_job(function, None, feed.total(), true).map_err(|error| JobError { index: 0, error })?;
        let mut running = Running::<I, R>::new(self.engine, job, feed, self.options.most_failures);
        let mut gather = Gather::with_capacity(running.size_hint());
        while let Some(outcomes) = running.next_outcomes(u64::MAX) {
            self.engine.spending(Pastime::Decode, || gather.take_in(outcomes))?;
        }
        gather.finish(running.brought())
    }

    /// A job of one task, as the call that it is.
    fn gather_one<I: Iterator, R: TaskResult>(
        &self,
        function: &FunctionRef,
        mut feed: Feed<I>,
    ) -> Result<Vec<R>, JobError> {
        let Some(item) = feed.next() else {
            return Ok(Vec::new());
        };
        let only = self.call_and_wait(function, |sink| feed.encode(&item, sink));
        only.map(|only| vec![only]).map_err(|error| JobError { index: 0, error })
    }

    /// As [`Pool::map_outcomes`](crate::Pool::map_outcomes).
    pub fn map_outcomes<C, M, I>(&self, function: C, items: I) -> Vec<Result<C::Output, TaskError>>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.collect(&function.id().0, items_of(items))
    }

    /// As [`Pool::starmap_outcomes`](crate::Pool::starmap_outcomes).
    pub fn starmap_outcomes<C, M, I>(&self, function: C, tuples: I) -> Vec<Result<C::Output, TaskError>>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Args<M>,
    {
        self.collect(&function.id().0, tuples_of(tuples))
    }

    fn collect<I: Iterator, R: TaskResult>(&self, function: &FunctionRef, feed: Feed<I>) -> Vec<Result<R, TaskError>> {
        self.collect_with(function, feed, None)
    }

    /// One outcome for each item; and, if asked for, what those had printed that failed with their worker.
    pub(super) fn collect_with<I: Iterator, R: TaskResult>(
        &self,
        function: &FunctionRef,
        feed: Feed<I>,
        mut printed: Option<&mut HashMap<u64, Printed>>,
    ) -> Vec<Result<R, TaskError>> {
        let job = match self.open_job(function, None, feed.total(), self.options.most_failures.is_none()) {
            Ok(job) => job,
            Err(error) => return feed.into_items().map(|_| Err(error.clone())).collect(),
        };
        let mut running = Running::<I, R>::new(self.engine, job, feed, self.options.most_failures);
        if printed.is_some() {
            running.keep_printed();
        }
        let mut outcomes = Outcomes::with_capacity(running.size_hint());
        while let Some(news) = running.next_outcomes(u64::MAX) {
            if let Some(printed) = &mut printed {
                let left = |news: &News| Some((news.first(), running.take_printed(news.first())?));
                printed.extend(news.iter().filter(|news| matches!(news, News::Failed(..))).filter_map(left));
            }
            running.failed(self.engine.spending(Pastime::Decode, || outcomes.take_in(news)));
        }
        let mut outcomes = outcomes.finish();
        if let Some((error, brought, items)) = running.broken() {
            outcomes.truncate(usize::try_from(brought).unwrap_or(usize::MAX));
            outcomes.extend(items.map(|_| Err(error.clone())));
        }
        outcomes
    }

    /// As [`Pool::map_async`](crate::Pool::map_async).
    pub fn map_async<C, M, I>(&self, function: C, items: I) -> Pending<Vec<C::Output>, JobError>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.scatter(&function.id().0, items_of(items))
    }

    /// As [`Pool::starmap_async`](crate::Pool::starmap_async).
    pub fn starmap_async<C, M, I>(&self, function: C, tuples: I) -> Pending<Vec<C::Output>, JobError>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Args<M>,
    {
        self.scatter(&function.id().0, tuples_of(tuples))
    }

    pub(super) fn scatter<I: Iterator, R: TaskResult>(
        &self,
        function: &FunctionRef,
        feed: Feed<I>,
    ) -> Pending<Vec<R>, JobError> {
        match self.open(function, None, feed) {
            Ok(running) => running.into_pending(),
            Err(error) => Pending::failed(self.engine.clone(), JobError { index: 0, error }),
        }
    }

    /// As [`Pool::imap`](crate::Pool::imap).
    pub fn imap<C, M, I>(&self, function: C, items: I) -> Imap<I::IntoIter, C::Output>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        Imap::new(self.open(&function.id().0, Some(Stream::Ordered), items_of(items)))
    }

    /// As [`Pool::imap_unordered`](crate::Pool::imap_unordered).
    pub fn imap_unordered<C, M, I>(&self, function: C, items: I) -> ImapUnordered<I::IntoIter, C::Output>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        ImapUnordered::new(self.open(&function.id().0, Some(Stream::Unordered), items_of(items)))
    }

    pub(super) fn engine(&self) -> &Engine {
        self.engine
    }

    pub(super) fn open<I: Iterator, R: TaskResult>(
        &self,
        function: &FunctionRef,
        stream: Option<Stream>,
        feed: Feed<I>,
    ) -> Result<Running<I, R>, TaskError> {
        let job = self.open_job(function, stream, feed.total(), false)?;
        Ok(Running::new(self.engine, job, feed, self.options.most_failures))
    }

    fn open_job(
        &self,
        function: &FunctionRef,
        stream: Option<Stream>,
        total: Option<u64>,
        gathers: bool,
    ) -> Result<(JobId, u32), TaskError> {
        self.options.check(self.engine.transport).map_err(TaskError::Pool)?;
        let CallOptions { terms, chunk, .. } = self.options;
        let chunk = chunk.map(|tasks| u32::try_from(tasks).unwrap_or(u32::MAX));
        self.engine.open_job(function, JobOptions { terms, label: self.label, chunk, total, stream, gathers })
    }
}

pub(super) fn items_of<M, I>(items: I) -> Feed<I::IntoIter>
where
    I: IntoIterator,
    I::Item: Item<M>,
{
    Feed::new(items.into_iter(), |item, sink| item.encode_one(sink))
}

pub(super) fn tuples_of<M, I>(tuples: I) -> Feed<I::IntoIter>
where
    I: IntoIterator,
    I::Item: Args<M>,
{
    Feed::new(tuples.into_iter(), |tuple, sink| tuple.encode_all(sink))
}
