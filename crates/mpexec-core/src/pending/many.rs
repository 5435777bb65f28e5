//! Waiting for many handles at once: for the first, for the first that fails, for all; or for each as it comes.
//!
//! A handle that becomes ready puts its number into one queue, so that waiting for the next costs the same whether ten are
//! outstanding or a million.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Pending;
use crate::engine::Engine;
use crate::engine::waiter::{Arrivals, deadline_after};

/// When [`wait_many`] has waited long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// One is ready.
    Any,
    /// One has failed, or all are ready.
    FirstError,
    /// All are ready.
    All,
}

/// What [`wait_many`] found: each handle's number is in exactly one of the two lists, which ascend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waited {
    /// These are ready.
    pub done: Vec<usize>,
    /// These were not when the wait ended.
    pub not_done: Vec<usize>,
    /// The first that was found to have failed. Only [`Until::FirstError`] looks for it.
    pub error: Option<usize>,
}

/// Waits for many handles, of one pool or of several, for at most `limit` (`None`: as long as it takes).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use std::time::Duration;
/// use mpexec_core::{Pool, Until, Workers, wait_many};
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// let mut handles: Vec<_> = (0..10u64).map(|n| pool.apply_async(|n: u64| n * n, (n,))).collect();
/// let waited = wait_many(&mut handles, Until::All, Some(Duration::from_secs(60)));
/// assert_eq!((waited.done.len(), waited.not_done.len()), (10, 0));
/// # Ok(())
/// # }
/// ```
pub fn wait_many<T, E>(handles: &mut [Pending<T, E>], until: Until, limit: Option<Duration>) -> Waited {
    let (waited, _) = wait(handles, until, limit);
    waited
}

/// Also the handle that ended the wait.
fn wait<T, E>(handles: &mut [Pending<T, E>], until: Until, limit: Option<Duration>) -> (Waited, Option<usize>) {
    let mut queue = Queue::over(handles, limit.and_then(deadline_after));
    let (mut waited, mut decided) = (Waited::default(), None);
    let mut done = vec![false; handles.len()];
    let mut left = handles.len();
    while left > 0 {
        let Some(number) = queue.next(handles.iter()) else {
            break;
        };
        if std::mem::replace(&mut done[number], true) {
            continue;
        }
        left -= 1;
        let enough = match until {
            Until::Any => true,
            Until::All => false,
            Until::FirstError => handles[number].is_successful() == Some(false),
        };
        if enough {
            decided = Some(number);
            waited.error = decided.filter(|_| until == Until::FirstError);
            break;
        }
    }
    for (number, handle) in handles.iter().enumerate() {
        if done[number] || handle.is_ready() {
            waited.done.push(number);
        } else {
            handle.forget_arrivals(&queue.arrivals);
            waited.not_done.push(number);
        }
    }
    (waited, decided)
}

/// Waits until one of the handles is ready; its number. `None` when there are none.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Workers, wait_any};
/// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
/// let mut handles = vec![pool.apply_async(|n: u64| n + 1, (1,)), pool.apply_async(|n: u64| n + 1, (2,))];
/// let first = wait_any(&mut handles).expect("there are two");
/// assert_eq!(handles.remove(first).get()?, first as u64 + 2);
/// # Ok(())
/// # }
/// ```
pub fn wait_any<T, E>(handles: &mut [Pending<T, E>]) -> Option<usize> {
    wait(handles, Until::Any, None).1
}

/// Waits until all handles are ready.
pub fn wait_all<T, E>(handles: &mut [Pending<T, E>]) {
    wait_many(handles, Until::All, None);
}

/// Waits until one of the handles has failed, and tells which; `None` when all ended well.
pub fn wait_first_error<T, E>(handles: &mut [Pending<T, E>]) -> Option<usize> {
    wait_many(handles, Until::FirstError, None).error
}

/// The results of many handles, each with its handle's number, in the order in which they become ready.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Workers, as_completed};
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// let squares = as_completed((0..100u64).map(|n| pool.apply_async(|n: u64| n * n, (n,))));
/// for (number, square) in squares {
///     assert_eq!(square?, (number * number) as u64);
/// }
/// # Ok(())
/// # }
/// ```
pub fn as_completed<T, E>(handles: impl IntoIterator<Item = Pending<T, E>>) -> AsCompleted<T, E> {
    let handles: Vec<_> = handles.into_iter().collect();
    let queue = Queue::over(&handles, None);
    AsCompleted { left: handles.len(), handles: handles.into_iter().map(Some).collect(), queue }
}

/// See [`as_completed`].
#[derive(Debug)]
pub struct AsCompleted<T, E> {
    handles: Vec<Option<Pending<T, E>>>,
    left: usize,
    queue: Queue,
}

impl<T, E> Iterator for AsCompleted<T, E> {
    type Item = (usize, Result<T, E>);

    fn next(&mut self) -> Option<(usize, Result<T, E>)> {
        while self.left > 0 {
            if !self.queue.arrivals.wake_this_thread() {
                // It was sent to another thread, which is the one to be woken from now on.
                let old = std::mem::replace(&mut self.queue.arrivals, Arrivals::new());
                for (number, handle) in self.handles.iter().enumerate() {
                    if let Some(handle) = handle {
                        handle.forget_arrivals(&old);
                        handle.arrive(&self.queue.arrivals, number);
                    }
                }
            }
            let number = self.queue.next(self.handles.iter().flatten())?;
            if let Some(handle) = self.handles[number].take() {
                self.left -= 1;
                return Some((number, handle.get()));
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T, E> ExactSizeIterator for AsCompleted<T, E> {}
impl<T, E> std::iter::FusedIterator for AsCompleted<T, E> {}

/// The numbers of handles in the order in which they become ready.
#[derive(Debug)]
struct Queue {
    arrivals: Arc<Arrivals>,
    deadline: Option<Instant>,
    /// All handles' pool, when it is one.
    engine: Option<Arc<Engine>>,
}

impl Queue {
    fn over<T, E>(handles: &[Pending<T, E>], deadline: Option<Instant>) -> Queue {
        let arrivals = Arrivals::new();
        for (number, handle) in handles.iter().enumerate() {
            handle.arrive(&arrivals, number);
        }
        let mut engines = handles.iter().filter_map(Pending::engine);
        let first = engines.next();
        let engine = first.filter(|first| engines.all(|engine| Arc::ptr_eq(engine, first))).cloned();
        Queue { arrivals, deadline, engine }
    }

    /// The next number, once each. `None`: the time was up.
    fn next<'h, T: 'h, E: 'h>(&mut self, handles: impl Iterator<Item = &'h Pending<T, E>>) -> Option<usize> {
        if let Some(number) = self.arrivals.take() {
            return Some(number);
        }
        if let Some(engine) = &self.engine {
            return engine.drive(self.deadline, |_, _| self.arrivals.take());
        }
        // Of several pools none can be driven without neglecting the others: their supervisors do it.
        handles.filter_map(Pending::engine).for_each(|engine| engine.listen());
        loop {
            if let Some(number) = self.arrivals.take() {
                return Some(number);
            }
            let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return None;
            }
            self.arrivals.sleep(left);
        }
    }
}
