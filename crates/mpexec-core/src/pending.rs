//! Handles on results to come.

pub(crate) mod many;
mod shared;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::engine::waiter::{Arrivals, deadline_after};

use crate::engine::Engine;
use crate::engine::calls::CallRef;
use crate::engine::jobs::News;
use crate::engine::outcomes::Hook;
use crate::engine::scheduler::JobId;
use crate::error::{JobError, TaskError, WaitTimedOut};
use crate::task::TaskResult;
use crate::task::outcome::decode_outcome;
use shared::{Call, Shared, Source, TAKEN, Value, gather};

/// A result to come. Wait for it with [`get`](Pending::get), ask with [`is_ready`](Pending::is_ready), be told with
/// [`on_success`](Pending::on_success) and [`on_error`](Pending::on_error), or `.await` it in any runtime.
///
/// Dropping it detaches it: the task is run all the same and its result is dropped.
///
/// ```
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

impl<R: TaskResult> Pending<R> {
    pub(crate) fn of_call(engine: Arc<Engine>, cell: CallRef) -> Pending<R> {
        Pending { handle: Some(Handle::Call(Call { engine, cell, decode: decode_outcome::<R> })) }
    }
}

impl<R: TaskResult> Pending<Vec<R>, JobError> {
    pub(crate) fn of_job(
        engine: Arc<Engine>,
        job: JobId,
        total: u64,
        unencoded: Vec<News>,
    ) -> Pending<Vec<R>, JobError> {
        let failed = unencoded.into_iter().filter_map(|news| match news {
            News::Failed(index, error) => Some(JobError { index, error }),
            _ => None,
        });
        let first_failed = failed.min_by_key(|failed| failed.index);
        let used = engine.clone();
        let fetch = Box::new(move || match &first_failed {
            Some(failed) => Err(failed.clone()),
            None => gather(&used, job, total),
        });
        Pending::shared(Source::Job { engine, job, fetch }, Value::Waiting)
    }
}

impl<T, E> Pending<T, E> {
    fn shared(source: Source<T, E>, value: Value<T, E>) -> Pending<T, E> {
        let shared = Shared::new(source, value);
        Pending { handle: Some(Handle::Shared(Arc::new(shared))) }
    }

    pub(crate) fn failed(engine: Arc<Engine>, error: E) -> Pending<T, E> {
        Pending::shared(Source::Nothing(engine), Value::Ready(Err(error)))
    }

    /// The handle with a place for the value.
    fn share(&mut self) -> Arc<Shared<T, E>> {
        let shared = match self.handle.take() {
            Some(Handle::Shared(shared)) => shared,
            Some(Handle::Call(call)) => Arc::new(Shared::new(Source::Call(call), Value::Waiting)),
            None => panic!("{TAKEN}"),
        };
        self.handle = Some(Handle::Shared(shared.clone()));
        shared
    }

    fn engine(&self) -> Option<&Arc<Engine>> {
        match &self.handle {
            Some(Handle::Call(call)) => Some(&call.engine),
            Some(Handle::Shared(shared)) => Some(shared.engine()),
            None => None,
        }
    }

    /// `number` arrives when it is ready, at once if it is.
    fn arrive(&self, arrivals: &Arc<Arrivals>, number: usize) {
        let hook = Hook::Arrival(arrivals.clone(), number);
        match &self.handle {
            Some(Handle::Call(call)) => {
                if call.cell.tell(hook).is_some() {
                    arrivals.add(number);
                }
            }
            Some(Handle::Shared(shared)) => shared.tell_quietly(hook),
            None => arrivals.add(number),
        }
    }

    fn forget_arrivals(&self, arrivals: &Arc<Arrivals>) {
        match &self.handle {
            Some(Handle::Call(call)) => call.cell.forget_arrivals(arrivals),
            Some(Handle::Shared(shared)) => shared.forget_arrivals(arrivals),
            None => {}
        }
    }

    fn wait_until(&self, deadline: Option<Instant>) -> bool {
        match &self.handle {
            Some(Handle::Call(call)) => call.engine.wait_call(&call.cell, deadline),
            Some(Handle::Shared(shared)) => shared.wait(deadline),
            None => true,
        }
    }

    /// Waits for the result, and for the callbacks of this handle, which see it first: whoever holds a lock that one of these wants must not
    /// wait so.
    ///
    /// # Errors
    /// What the task ended as.
    pub fn get(mut self) -> Result<T, E> {
        if let Some(Handle::Call(call)) = &self.handle
            && let Some(outcome) = call.cell.take()
        {
            return (call.decode)(Some(outcome));
        }
        self.wait_until(None);
        match self.handle.take() {
            Some(Handle::Call(call)) => (call.decode)(call.cell.take()),
            // Without a limit the value comes.
            Some(Handle::Shared(shared)) => shared.take(None).unwrap_or_else(|| panic!("{TAKEN}")),
            None => panic!("{TAKEN}"),
        }
    }

    /// Waits for the result, but no longer than `limit`. When that is over, the handle comes back and the task goes on.
    ///
    /// # Errors
    /// The handle and [`WaitTimedOut`].
    pub fn get_timeout(self, limit: Duration) -> Result<Result<T, E>, (Pending<T, E>, WaitTimedOut)> {
        let deadline = deadline_after(limit);
        if !self.wait_until(deadline) {
            return Err((self, WaitTimedOut(limit)));
        }
        match &self.handle {
            // The value is there; callbacks that have not seen it have the rest of the time.
            Some(Handle::Shared(shared)) => shared.take(deadline).ok_or((self, WaitTimedOut(limit))),
            _ => Ok(self.get()),
        }
    }

    /// Waits until the result is there.
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// Waits until the result is there, but no longer than `limit`; whether it is there.
    #[must_use]
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        self.wait_until(deadline_after(limit))
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

    /// Sees to it that what has not started never starts. `true`: the handle ends as
    /// [`TaskError::Cancelled`]; `false`: it runs or has ended, and nothing was changed.
    ///
    /// A call that lies in a worker's batch behind another counts as not started. Of a whole job (`map_async`) the tasks
    /// that run now run on, and their results are dropped.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use std::time::Duration;
    /// use mpexec_core::{Pool, TaskError, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
    /// let slow = |ms: u64| std::thread::sleep(Duration::from_millis(ms));
    /// let running = pool.apply_async(slow, (60_000u64,));
    /// let queued = pool.apply_async(slow, (60_000u64,));
    /// assert!(queued.cancel());
    /// assert!(matches!(queued.get(), Err(TaskError::Cancelled { .. })));
    /// assert!(running.abort());
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancel(&self) -> bool {
        self.stop(false)
    }

    /// As [`cancel`](Pending::cancel), and what runs is stopped too: its worker is killed and replaced. No other task is
    /// harmed. `false` only when it had ended already. A worker that the system cannot end now (it waits for a device or a server, or is in
    /// a frozen cgroup) is waited for three seconds and no longer.
    pub fn abort(&self) -> bool {
        self.stop(true)
    }

    fn stop(&self, force: bool) -> bool {
        match &self.handle {
            Some(Handle::Call(call)) => call.engine.stop_call(&call.cell, force),
            Some(Handle::Shared(shared)) => shared.stop(force),
            None => false,
        }
    }

    /// Whether the task ended well; `None` as long as it has not ended.
    #[must_use]
    pub fn is_successful(&mut self) -> Option<bool> {
        if !self.is_ready() {
            return None;
        }
        self.share().is_successful()
    }
}

impl<T: Send + 'static, E: Send + 'static> Pending<T, E> {
    /// To be called with the value when the task has ended well, on the pool's callback thread; at once there if it has. The value can be taken
    /// ([`get`](Pending::get)) when it has returned.
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
        shared.add_callback(Box::new(callback));
        let kept = shared.clone();
        shared.tell(Hook::Callback(Box::new(move || kept.run_callbacks())));
        self
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
        shared.poll_take(context.waker())
    }
}

impl<T, E> std::fmt::Debug for Pending<T, E> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pending").finish_non_exhaustive()
    }
}
