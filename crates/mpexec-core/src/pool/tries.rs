//! Forms for functions that return a `Result`, with an `Err` taken as a failure; [`Pool::try_map`] stands beside `map`.

use super::call::{CallBuilder, items_of, tuples_of};
use super::{Imap, ImapUnordered, Pool};
use crate::engine::open::Stream;
use crate::error::{JobError, TaskError};
use crate::pending::Pending;
use crate::registry::TryCallable;
use crate::task::{Args, Item};

impl Pool {
    /// As [`Pool::apply`], for a function that returns a `Result`: an `Err` is a failure like any other. It may be of any
    /// error type; see [`Pool::try_map`].
    ///
    /// # Errors
    /// [`TaskError::Returned`] for an `Err`; whatever else the task ended as.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
    /// let read = |path: String| std::fs::read_to_string(path);
    /// let error = pool.try_apply(read, ("no/such/file",)).unwrap_err();
    /// assert!(error.to_string().starts_with("the task returned an error: No such file"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_apply<F, M, A>(&self, function: F, args: A) -> Result<F::Value, TaskError>
    where
        F: TryCallable<M>,
        A: Args<M>,
    {
        self.call().try_apply(function, args)
    }

    /// As [`Pool::try_apply`], but returns at once. The arguments are encoded now.
    pub fn try_apply_async<F, M, A>(&self, function: F, args: A) -> Pending<F::Value>
    where
        F: TryCallable<M>,
        A: Args<M>,
    {
        self.call().try_apply_async(function, args)
    }

    /// As [`Pool::try_map`], but returns at once. All items are encoded now.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
    /// let lengths = pool.try_map_async(|path: String| std::fs::read(path).map(|bytes| bytes.len()), ["no/such/file"]);
    /// assert_eq!(lengths.get().unwrap_err().index, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_map_async<F, M, I>(&self, function: F, items: I) -> Pending<Vec<F::Value>, JobError>
    where
        F: TryCallable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.call().try_map_async(function, items)
    }

    /// As [`Pool::try_starmap`], but returns at once. All tuples are encoded now.
    pub fn try_starmap_async<F, M, I>(&self, function: F, tuples: I) -> Pending<Vec<F::Value>, JobError>
    where
        F: TryCallable<M>,
        I: IntoIterator,
        I::Item: Args<M>,
    {
        self.call().try_starmap_async(function, tuples)
    }

    /// As [`Pool::imap`], with an `Err` as a failure of its task: [`TaskError::Returned`]. The others go on; to stop them, drop the
    /// iterator, or say how many may fail ([`max_failures`](CallBuilder::max_failures)).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Pool, TaskError, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
    /// let outcomes: Vec<_> = pool.try_imap(|text: String| text.parse::<u32>(), ["1", "two", "3"]).collect();
    /// assert!(matches!(outcomes[..], [Ok(1), Err(TaskError::Returned(_)), Ok(3)]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_imap<F, M, I>(&self, function: F, items: I) -> Imap<I::IntoIter, F::Value>
    where
        F: TryCallable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.call().try_imap(function, items)
    }

    /// As [`Pool::imap_unordered`], with an `Err` as a failure of its task; see [`Pool::try_imap`].
    pub fn try_imap_unordered<F, M, I>(&self, function: F, items: I) -> ImapUnordered<I::IntoIter, F::Value>
    where
        F: TryCallable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.call().try_imap_unordered(function, items)
    }
}

impl CallBuilder<'_> {
    /// As [`Pool::try_apply`].
    ///
    /// # Errors
    /// [`TaskError::Returned`] for an `Err`; whatever else the task ended as.
    pub fn try_apply<F, M, A>(&self, function: F, args: A) -> Result<F::Value, TaskError>
    where
        F: TryCallable<M>,
        A: Args<M>,
    {
        self.call_and_wait(&function.try_id().0, |sink| args.encode_all(sink))
    }

    /// As [`Pool::try_apply_async`].
    pub fn try_apply_async<F, M, A>(&self, function: F, args: A) -> Pending<F::Value>
    where
        F: TryCallable<M>,
        A: Args<M>,
    {
        self.call_at_once(&function.try_id().0, |sink| args.encode_all(sink))
    }

    /// As [`Pool::try_map_async`].
    pub fn try_map_async<F, M, I>(&self, function: F, items: I) -> Pending<Vec<F::Value>, JobError>
    where
        F: TryCallable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        self.scatter(&function.try_id().0, items_of(items))
    }

    /// As [`Pool::try_starmap_async`].
    pub fn try_starmap_async<F, M, I>(&self, function: F, tuples: I) -> Pending<Vec<F::Value>, JobError>
    where
        F: TryCallable<M>,
        I: IntoIterator,
        I::Item: Args<M>,
    {
        self.scatter(&function.try_id().0, tuples_of(tuples))
    }

    /// As [`Pool::try_imap`].
    pub fn try_imap<F, M, I>(&self, function: F, items: I) -> Imap<I::IntoIter, F::Value>
    where
        F: TryCallable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        Imap::new(self.open(&function.try_id().0, Some(Stream::Ordered), items_of(items)))
    }

    /// As [`Pool::try_imap_unordered`].
    pub fn try_imap_unordered<F, M, I>(&self, function: F, items: I) -> ImapUnordered<I::IntoIter, F::Value>
    where
        F: TryCallable<M>,
        I: IntoIterator,
        I::Item: Item<M>,
    {
        ImapUnordered::new(self.open(&function.try_id().0, Some(Stream::Unordered), items_of(items)))
    }
}
