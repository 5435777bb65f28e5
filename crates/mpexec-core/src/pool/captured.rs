//! Calls that bring what their tasks printed.

use std::collections::HashMap;
use std::fmt;

use mpexec_wire::{Captured as Carried, Status};

use super::call::{CallBuilder, items_of, tuples_of};
use super::feed::Feed;
use super::{ImapUnordered, Pool};
use crate::engine::open::Stream;
use crate::engine::printed::Printed;
use crate::error::{PoolError, TaskError};
use crate::registry::Callable;
use crate::task::outcome::decode_result;
use crate::task::{Args, Item, TaskResult};

/// What a task ended as and what it printed; see [`Pool::apply_captured`].
#[derive(Clone, Debug)]
pub struct Captured<R> {
    /// What it returned or failed as.
    pub outcome: Result<R, TaskError>,
    /// The beginning of what it wrote to standard output, as many bytes as the pool keeps.
    pub stdout: Vec<u8>,
    /// The beginning of what it wrote to standard error, as many bytes as the pool keeps.
    pub stderr: Vec<u8>,
    /// How many bytes more it wrote to standard output.
    pub stdout_cut: u64,
    /// How many bytes more it wrote to standard error.
    pub stderr_cut: u64,
}

impl<R> Captured<R> {
    fn failed(error: TaskError) -> Captured<R> {
        Captured { outcome: Err(error), stdout: Vec::new(), stderr: Vec::new(), stdout_cut: 0, stderr_cut: 0 }
    }
}

impl<R> Captured<R> {
    /// Of a task that failed, and what it had printed by then.
    fn died(error: TaskError, printed: Option<Printed>) -> Captured<R> {
        let Printed { stdout, stderr, stdout_cut, stderr_cut } = printed.unwrap_or_default();
        Captured { outcome: Err(error), stdout, stderr, stdout_cut, stderr_cut }
    }
}

impl<R: TaskResult> Captured<R> {
    /// Runs the user's `Deserialize`.
    fn of(carried: Carried) -> Captured<R> {
        let Carried { status, result, stdout, stderr, stdout_cut, stderr_cut } = carried;
        let outcome = match Status::try_from(status) {
            Ok(status) => decode_result(status, &result),
            Err(error) => Err(TaskError::ResultUndecodable { message: error.to_string() }),
        };
        Captured { outcome, stdout, stderr, stdout_cut, stderr_cut }
    }
}

/// Results with what was printed and their indices, as they finish; see [`Pool::imap_captured`]. Dropping it ends the job.
pub struct ImapCaptured<I: Iterator, R: TaskResult> {
    inner: ImapUnordered<I, Carried>,
    result: std::marker::PhantomData<fn() -> R>,
}

impl<I: Iterator, R: TaskResult> fmt::Debug for ImapCaptured<I, R> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("ImapCaptured").field(&self.inner).finish()
    }
}

impl<I: Iterator, R: TaskResult> Iterator for ImapCaptured<I, R> {
    type Item = (u64, Captured<R>);

    fn next(&mut self) -> Option<(u64, Captured<R>)> {
        let (index, outcome) = self.inner.next()?;
        let captured = match outcome {
            Ok(carried) => Captured::of(carried),
            Err(error) => Captured::died(error, self.inner.left_behind(index)),
        };
        Some((index, captured))
    }
}

impl<I: Iterator, R: TaskResult> std::iter::FusedIterator for ImapCaptured<I, R> {}

impl Pool {
    /// As [`Pool::apply`], and brings what the task printed; of one that takes its worker down, all until then. The pool must
    /// have been built with [`capture_output`](crate::PoolBuilder::capture_output).
    ///
    /// What the task's own children and threads print while it runs is its own too. A function of another worker program
    /// cannot be called so.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, TaskError, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(1)).capture_output(1 << 20).build()?;
    /// let speak = |n: u32| {
    ///     println!("dividing by {n}");
    ///     eprintln!("carefully");
    ///     100 / n
    /// };
    /// let captured = pool.apply_captured(speak, (5,));
    /// assert_eq!(captured.outcome?, 20);
    /// assert_eq!((&captured.stdout[..], &captured.stderr[..]), (&b"dividing by 5\n"[..], &b"carefully\n"[..]));
    /// let captured = pool.apply_captured(speak, (0,));
    /// assert!(matches!(captured.outcome, Err(TaskError::Panicked { .. })));
    /// assert_eq!(captured.stdout, b"dividing by 0\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn apply_captured<C, M, A>(&self, function: C, args: A) -> Captured<C::Output>
    where
        C: Callable<M>,
        A: Args<M>,
    {
        self.call().apply_captured(function, args)
    }

    /// As [`Pool::imap_unordered`], and brings what each task printed; see [`Pool::apply_captured`].
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(2)).capture_output(1 << 20).build()?;
    /// for (index, captured) in pool.imap_captured(|n: u64| println!("task {n}"), 0..10) {
    ///     assert_eq!(captured.stdout, format!("task {index}\n").into_bytes());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn imap_captured<C, M, I>(&self, function: C, items: I) -> ImapCaptured<I::IntoIter, C::Output>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.call().imap_captured(function, items)
    }

    /// As [`Pool::map_outcomes`], and brings what each task printed, in the order of the items; see [`Pool::apply_captured`].
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(2)).capture_output(1 << 20).build()?;
    /// let all = pool.map_captured(|n: u64| { print!("{n}!"); n * n }, 0..10);
    /// assert_eq!((&all[7].stdout[..], all[7].outcome.as_ref().ok()), (&b"7!"[..], Some(&49)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn map_captured<C, M, I>(&self, function: C, items: I) -> Vec<Captured<C::Output>>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.call().map_captured(function, items)
    }
}

impl CallBuilder<'_> {
    /// As [`Pool::apply_captured`].
    pub fn apply_captured<C, M, A>(&self, function: C, args: A) -> Captured<C::Output>
    where
        C: Callable<M>,
        A: Args<M>,
    {
        let mut one = self.capturing(&function, tuples_of(std::iter::once(args)));
        let missing = || Captured::failed(TaskError::Cancelled { reason: "it has no outcome".to_owned() });
        one.next().map_or_else(missing, |(_, captured)| captured)
    }

    /// As [`Pool::imap_captured`].
    pub fn imap_captured<C, M, I>(&self, function: C, items: I) -> ImapCaptured<I::IntoIter, C::Output>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.capturing(&function, items_of(items))
    }

    /// As [`Pool::map_captured`].
    pub fn map_captured<C, M, I>(&self, function: C, items: I) -> Vec<Captured<C::Output>>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        let feed = items_of(items);
        if let Err(error) = self.must_capture() {
            // One by one: what an iterator says of its length may be anything.
            let mut failed = Vec::new();
            feed.into_items().for_each(|_| failed.push(Captured::failed(error.clone())));
            return failed;
        }
        let mut printed = HashMap::new();
        let all = self.collect_with::<_, Carried>(&function.captured_id().0, feed, Some(&mut printed));
        let captured = |(index, outcome)| match outcome {
            Ok(carried) => Captured::of(carried),
            Err(error) => Captured::died(error, printed.remove(&index)),
        };
        (0..).zip(all).map(captured).collect()
    }

    /// # Errors
    /// The pool's workers do not print to memory.
    fn must_capture(&self) -> Result<(), TaskError> {
        match self.engine().config.capture {
            Some(_) => Ok(()),
            None => Err(TaskError::Pool(PoolError::BadSetting {
                setting: "capture_output",
                value: "left unset for this call".to_owned(),
                remedy: "set it on the pool's builder: workers print to memory from their start, or never",
            })),
        }
    }

    fn capturing<C, M, I>(&self, function: &C, feed: Feed<I>) -> ImapCaptured<I, C::Output>
    where
        C: Callable<M>,
        I: Iterator,
    {
        let opened = self.must_capture();
        let opened = opened.and_then(|()| self.open(&function.captured_id().0, Some(Stream::Unordered), feed));
        if let Ok(running) = &opened {
            running.keep_printed();
        }
        ImapCaptured { inner: ImapUnordered::new(opened), result: std::marker::PhantomData }
    }
}
