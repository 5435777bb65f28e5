//! Handles on results to come.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::jobs::{CallCell, Hook};
use crate::engine::open::JobNews;
use crate::engine::scheduler::JobId;
use crate::error::{JobError, TaskError, WaitTimedOut};
use crate::pool::feed::{Ended, Gather, decode_all};
use crate::task::TaskResult;
use crate::task::outcome::decode_outcome;

type Decode<T, E> = Box<dyn Fn() -> Result<T, E> + Send + Sync>;

/// A result to come. Wait for it with [`get`](Pending::get), ask with [`is_ready`](Pending::is_ready), be told with
/// [`on_success`](Pending::on_success) and [`on_error`](Pending::on_error), or `.await` it in any runtime.
///
/// Dropping it detaches it: the task is run all the same and its result is dropped.
///
/// ```
/// # mpexec_core::init();
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mpexec_core::{Pool, Workers};
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// let one = pool.apply_async(|a: u32, b: u32| a + b, (1, 2));
/// let all = pool.map_async(|n: u32| n * n, 0..4);
/// assert_eq!(one.get()?, 3);
/// assert_eq!(all.get()?, [0, 1, 4, 9]);
/// # Ok(())
/// # }
/// ```
#[must_use = "a Pending that is dropped detaches its task; keep it to get the result"]
pub struct Pending<T, E = TaskError> {
    shared: Arc<Shared<T, E>>,
}

struct Shared<T, E> {
    engine: Arc<Engine>,
    source: Source,
    decode: Decode<T, E>,
    value: Mutex<Value<T, E>>,
    changed: Condvar,
}

enum Source {
    Call(Arc<CallCell>),
    Job(JobId),
    /// It failed before anything was sent.
    Nothing,
}

enum Value<T, E> {
    Waiting,
    /// Being decoded, or shown to callbacks.
    Lent,
    Ready(Result<T, E>),
    Taken,
}

impl<R: TaskResult> Pending<R> {
    pub(crate) fn of_call(engine: Arc<Engine>, cell: Arc<CallCell>) -> Pending<R> {
        let source = cell.clone();
        let decode = Box::new(move || decode_outcome(source.take()));
        Pending::new(engine, Source::Call(cell), decode)
    }
}

impl<R: TaskResult> Pending<Vec<R>, JobError> {
    pub(crate) fn of_job(engine: Arc<Engine>, job: JobId, total: u64, unencoded: Vec<Ended<R>>) -> Pending<Vec<R>, JobError> {
        let failures: HashMap<u64, TaskError> =
            unencoded.into_iter().filter_map(|(index, outcome)| Some((index, outcome.err()?))).collect();
        let fetch = engine.clone();
        let decode = Box::new(move || gather(&fetch, job, total, &failures));
        Pending::new(engine, Source::Job(job), decode)
    }
}

/// Fetches and decodes all results of a settled job.
fn gather<R: TaskResult>(
    engine: &Arc<Engine>,
    job: JobId,
    total: u64,
    failures: &HashMap<u64, TaskError>,
) -> Result<Vec<R>, JobError> {
    let mut gather = Gather::with_capacity(usize::try_from(total).unwrap_or(usize::MAX));
    let local = failures.iter().min_by_key(|(index, _)| **index);
    let mut outcome = match local {
        Some((index, error)) => Err(JobError { index: *index, error: error.clone() }),
        None => Ok(()),
    };
    while outcome.is_ok() {
        match engine.next_news(job, false, None) {
            Some(JobNews::News(news)) => outcome = gather.take_in(decode_all(news)),
            Some(JobNews::Broken(error)) => outcome = Err(JobError { index: 0, error }),
            Some(JobNews::Room(_)) => {}
            Some(JobNews::Done) | None => break,
        }
    }
    engine.abandon(job);
    outcome.and_then(|()| gather.finish())
}

impl<T, E> Pending<T, E> {
    fn new(engine: Arc<Engine>, source: Source, decode: Decode<T, E>) -> Pending<T, E> {
        let shared = Shared { engine, source, decode, value: Mutex::new(Value::Waiting), changed: Condvar::new() };
        Pending { shared: Arc::new(shared) }
    }

    pub(crate) fn failed(engine: Arc<Engine>, error: E) -> Pending<T, E> {
        // Never called: the value is there from the start.
        let never: Decode<T, E> = Box::new(|| unreachable!("a handle that failed at once has nothing to decode"));
        let pending = Pending::new(engine, Source::Nothing, never);
        *pending.shared.lock() = Value::Ready(Err(error));
        pending
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// What the task ended as.
    pub fn get(self) -> Result<T, E> {
        self.shared.wait(None);
        self.shared.settle();
        self.shared.take()
    }

    /// Waits for the result, but no longer than `limit`. When that is over, the handle comes back and the task goes on.
    ///
    /// # Errors
    /// The handle and [`WaitTimedOut`].
    pub fn get_timeout(self, limit: Duration) -> Result<Result<T, E>, (Pending<T, E>, WaitTimedOut)> {
        if !self.wait_timeout(limit) {
            return Err((self, WaitTimedOut(limit)));
        }
        Ok(self.get())
    }

    /// Waits until the result is there.
    pub fn wait(&self) {
        self.shared.wait(None);
    }

    /// Waits until the result is there, but no longer than `limit`; whether it is there.
    #[must_use]
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        self.shared.wait(Some(Instant::now() + limit))
    }

    /// Whether the result is there.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.is_ready()
    }

    /// Whether the task ended well; `None` as long as it has not ended.
    #[must_use]
    pub fn is_successful(&self) -> Option<bool> {
        if !self.is_ready() {
            return None;
        }
        self.shared.settle();
        match &*self.shared.lock_settled() {
            Value::Ready(outcome) => Some(outcome.is_ok()),
            _ => None,
        }
    }
}

impl<T: Send + 'static, E: Send + 'static> Pending<T, E> {
    /// To be called with the value when the task has ended well, on the pool's callback thread; at once there if it has.
    pub fn on_success(self, callback: impl FnOnce(&T) + Send + 'static) -> Pending<T, E> {
        self.on_end(move |outcome| {
            if let Ok(value) = outcome {
                callback(value);
            }
        })
    }

    /// To be called with the error when the task has failed, on the pool's callback thread; at once there if it has.
    pub fn on_error(self, callback: impl FnOnce(&E) + Send + 'static) -> Pending<T, E> {
        self.on_end(move |outcome| {
            if let Err(error) = outcome {
                callback(error);
            }
        })
    }

    fn on_end(self, callback: impl FnOnce(&Result<T, E>) + Send + 'static) -> Pending<T, E> {
        let shared = self.shared.clone();
        self.shared.tell(Hook::Callback(Box::new(move || {
            shared.settle();
            let mut value = shared.lock_settled();
            let lent = std::mem::replace(&mut *value, Value::Lent);
            drop(value);
            let returned = Return { shared: &shared, value: Some(lent) };
            if let Some(Value::Ready(outcome)) = &returned.value {
                callback(outcome);
            }
        })));
        self
    }
}

/// Puts a lent value back, also when the callback panics.
struct Return<'a, T, E> {
    shared: &'a Shared<T, E>,
    value: Option<Value<T, E>>,
}

impl<T, E> Drop for Return<'_, T, E> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            *self.shared.lock() = value;
            self.shared.changed.notify_all();
        }
    }
}

impl<T, E> Shared<T, E> {
    fn lock(&self) -> MutexGuard<'_, Value<T, E>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value when nobody has it on loan.
    fn lock_settled(&self) -> MutexGuard<'_, Value<T, E>> {
        let mut value = self.lock();
        while matches!(*value, Value::Lent) {
            value = self.changed.wait(value).unwrap_or_else(PoisonError::into_inner);
        }
        value
    }

    fn is_ready(&self) -> bool {
        match &self.source {
            Source::Call(cell) => cell.is_ready(),
            Source::Job(job) => {
                let mut state = self.engine.lock();
                state.pump(false);
                self.engine.is_settled(&state, *job)
            }
            Source::Nothing => true,
        }
    }

    fn wait(&self, deadline: Option<Instant>) -> bool {
        match &self.source {
            Source::Call(cell) => self.engine.wait_call(cell, deadline),
            Source::Job(job) => self.engine.wait_job(*job, deadline),
            Source::Nothing => true,
        }
    }

    /// Decodes, once, on the first thread that asks.
    fn settle(&self) {
        let mut value = self.lock_settled();
        if matches!(*value, Value::Waiting) {
            *value = Value::Lent;
            drop(value);
            let mut returned = Return { shared: self, value: Some(Value::Taken) };
            returned.value = Some(Value::Ready((self.decode)()));
        }
    }

    fn take(&self) -> Result<T, E> {
        match std::mem::replace(&mut *self.lock_settled(), Value::Taken) {
            Value::Ready(outcome) => outcome,
            _ => panic!("the result of this handle was taken already, or its Deserialize panicked"),
        }
    }

    fn tell(&self, hook: Hook) {
        match &self.source {
            Source::Call(cell) => {
                if let Some(hook) = cell.tell(hook) {
                    self.engine.lock().after.push(hook);
                }
            }
            Source::Job(job) => self.engine.tell_when_settled(*job, hook),
            Source::Nothing => self.engine.lock().after.push(hook),
        }
        let mut state = self.engine.lock();
        if state.sched.outstanding() {
            self.engine.alert(&mut state);
        }
    }
}

impl<T, E> Future for Pending<T, E> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T, E>> {
        let shared = &self.shared;
        if !shared.is_ready() {
            shared.tell(Hook::Task(context.waker().clone()));
            if !shared.is_ready() {
                return Poll::Pending;
            }
        }
        shared.settle();
        Poll::Ready(shared.take())
    }
}

impl<T, E> Drop for Shared<T, E> {
    fn drop(&mut self) {
        if let Source::Job(job) = self.source {
            self.engine.detach(job);
        }
    }
}

impl<T, E> std::fmt::Debug for Pending<T, E> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pending").finish_non_exhaustive()
    }
}
