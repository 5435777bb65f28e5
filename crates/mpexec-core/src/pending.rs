//! Handles on results to come.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::jobs::{CallCell, Hook, Outcome};
use crate::engine::open::JobNews;
use crate::engine::scheduler::JobId;
use crate::error::{JobError, TaskError, WaitTimedOut};
use crate::task::TaskResult;
use crate::task::gather::{Ended, Gather, decode_all};
use crate::task::outcome::decode_outcome;

/// A result to come. Wait for it with [`get`](Pending::get), ask with [`is_ready`](Pending::is_ready), be told with
/// [`on_success`](Pending::on_success) and [`on_error`](Pending::on_error), or `.await` it in any runtime.
///
/// Dropping it detaches it: the task is run all the same and its result is dropped.
///
/// ```standalone_crate
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
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
    /// `None` only after the value was taken.
    handle: Option<Handle<T, E>>,
}

/// Most handles are of the first kind: one allocation a call, shared with the engine.
enum Handle<T, E> {
    Call(Call<T, E>),
    /// With a place for the value, for callbacks and for whoever asks how it went without taking it.
    Shared(Arc<Shared<T, E>>),
}

struct Call<T, E> {
    engine: Arc<Engine>,
    cell: Arc<CallCell>,
    decode: fn(Option<Outcome>) -> Result<T, E>,
}

struct Shared<T, E> {
    source: Source<T, E>,
    value: Mutex<Value<T, E>>,
    changed: Condvar,
}

enum Source<T, E> {
    Call(Call<T, E>),
    Job {
        engine: Arc<Engine>,
        job: JobId,
        fetch: Box<dyn Fn() -> Result<T, E> + Send + Sync>,
    },
    /// It failed before anything was sent.
    Nothing(Arc<Engine>),
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
        Pending { handle: Some(Handle::Call(Call { engine, cell, decode: decode_outcome::<R> })) }
    }
}

impl<R: TaskResult> Pending<Vec<R>, JobError> {
    pub(crate) fn of_job(
        engine: Arc<Engine>,
        job: JobId,
        total: u64,
        unencoded: Vec<Ended<R>>,
    ) -> Pending<Vec<R>, JobError> {
        let failed =
            unencoded.into_iter().filter_map(|(index, outcome)| Some(JobError { index, error: outcome.err()? }));
        let first_failed = failed.min_by_key(|failed| failed.index);
        let used = engine.clone();
        let fetch = Box::new(move || match &first_failed {
            Some(failed) => Err(failed.clone()),
            None => gather(&used, job, total),
        });
        Pending::shared(Source::Job { engine, job, fetch }, Value::Waiting)
    }
}

/// Fetches and decodes all results of a settled job.
fn gather<R: TaskResult>(engine: &Arc<Engine>, job: JobId, total: u64) -> Result<Vec<R>, JobError> {
    let mut gather = Gather::with_capacity(usize::try_from(total).unwrap_or(usize::MAX));
    let mut outcome = Ok(());
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
    fn shared(source: Source<T, E>, value: Value<T, E>) -> Pending<T, E> {
        let shared = Shared { source, value: Mutex::new(value), changed: Condvar::new() };
        Pending { handle: Some(Handle::Shared(Arc::new(shared))) }
    }

    pub(crate) fn failed(engine: Arc<Engine>, error: E) -> Pending<T, E> {
        Pending::shared(Source::Nothing(engine), Value::Ready(Err(error)))
    }

    /// The handle with a place for the value.
    fn share(&mut self) -> Arc<Shared<T, E>> {
        let shared = match self.handle.take() {
            Some(Handle::Shared(shared)) => shared,
            Some(Handle::Call(call)) => Arc::new(Shared {
                source: Source::Call(call),
                value: Mutex::new(Value::Waiting),
                changed: Condvar::new(),
            }),
            None => panic!("{TAKEN}"),
        };
        self.handle = Some(Handle::Shared(shared.clone()));
        shared
    }

    fn wait_until(&self, deadline: Option<Instant>) -> bool {
        match &self.handle {
            Some(Handle::Call(call)) => call.engine.wait_call(&call.cell, deadline),
            Some(Handle::Shared(shared)) => shared.wait(deadline),
            None => true,
        }
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// What the task ended as.
    pub fn get(mut self) -> Result<T, E> {
        self.wait_until(None);
        match self.handle.take() {
            Some(Handle::Call(call)) => (call.decode)(call.cell.take()),
            Some(Handle::Shared(shared)) => {
                shared.settle();
                shared.take()
            }
            None => panic!("{TAKEN}"),
        }
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
        self.wait_until(None);
    }

    /// Waits until the result is there, but no longer than `limit`; whether it is there.
    #[must_use]
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        self.wait_until(Some(Instant::now() + limit))
    }

    /// Whether the result is there.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        match &self.handle {
            Some(Handle::Call(call)) => call.is_ready(),
            Some(Handle::Shared(shared)) => shared.is_ready(),
            None => true,
        }
    }

    /// Whether the task ended well; `None` as long as it has not ended.
    #[must_use]
    pub fn is_successful(&mut self) -> Option<bool> {
        if !self.is_ready() {
            return None;
        }
        let shared = self.share();
        shared.settle();
        match &*shared.lock_settled() {
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

    fn on_end(mut self, callback: impl FnOnce(&Result<T, E>) + Send + 'static) -> Pending<T, E> {
        let shared = self.share();
        let kept = shared.clone();
        shared.tell(Hook::Callback(Box::new(move || {
            kept.settle();
            let lent = std::mem::replace(&mut *kept.lock_settled(), Value::Lent);
            let returned = Return { shared: &kept, value: Some(lent) };
            if let Some(Value::Ready(outcome)) = &returned.value {
                callback(outcome);
            }
        })));
        self
    }
}

const TAKEN: &str = "the result of this handle was taken already, or its Deserialize panicked";

impl<T, E> Call<T, E> {
    fn is_ready(&self) -> bool {
        if !self.cell.is_ready() {
            self.engine.lock().pump(false);
        }
        self.cell.is_ready()
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

    fn engine(&self) -> &Arc<Engine> {
        match &self.source {
            Source::Call(Call { engine, .. }) | Source::Job { engine, .. } | Source::Nothing(engine) => engine,
        }
    }

    fn is_ready(&self) -> bool {
        match &self.source {
            Source::Call(call) => call.is_ready(),
            Source::Job { engine, job, .. } => {
                let mut state = engine.lock();
                state.pump(false);
                engine.is_settled(&state, *job)
            }
            Source::Nothing(_) => true,
        }
    }

    fn wait(&self, deadline: Option<Instant>) -> bool {
        match &self.source {
            Source::Call(call) => call.engine.wait_call(&call.cell, deadline),
            Source::Job { engine, job, .. } => engine.wait_job(*job, deadline),
            Source::Nothing(_) => true,
        }
    }

    /// Decodes, once, on the first thread that asks.
    fn settle(&self) {
        let mut value = self.lock_settled();
        if matches!(*value, Value::Waiting) {
            *value = Value::Lent;
            drop(value);
            let mut returned = Return { shared: self, value: Some(Value::Taken) };
            returned.value = match &self.source {
                Source::Call(call) => Some(Value::Ready((call.decode)(call.cell.take()))),
                Source::Job { fetch, .. } => Some(Value::Ready(fetch())),
                Source::Nothing(_) => Some(Value::Taken),
            };
        }
    }

    fn take(&self) -> Result<T, E> {
        match std::mem::replace(&mut *self.lock_settled(), Value::Taken) {
            Value::Ready(outcome) => outcome,
            _ => panic!("{TAKEN}"),
        }
    }

    fn tell(&self, hook: Hook) {
        let engine = self.engine();
        match &self.source {
            Source::Call(call) => {
                if let Some(hook) = call.cell.tell(hook) {
                    engine.lock().after.push(hook);
                }
            }
            Source::Job { job, .. } => engine.tell_when_settled(*job, hook),
            Source::Nothing(_) => engine.lock().after.push(hook),
        }
        engine.listen();
    }
}

/// A handle is moved about as its parts allow: nothing in it is pinned.
impl<T, E> Unpin for Pending<T, E> {}

impl<T, E> Future for Pending<T, E> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T, E>> {
        let shared = self.get_mut().share();
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
        if let Source::Job { engine, job, .. } = &self.source {
            engine.detach(*job);
        }
    }
}

impl<T, E> std::fmt::Debug for Pending<T, E> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pending").finish_non_exhaustive()
    }
}
