//! A result to come with a place for its value: for callbacks, and for whoever asks how it went without taking it.
//!
//! The value is decoded once, by whoever needs it first, and lent to the callbacks one after another; no lock is held while
//! anything of the user's runs. It can be taken when every callback has seen it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::callbacks;
use crate::engine::calls::CallRef;
use crate::engine::forks::this_process;
use crate::engine::open::JobNews;
use crate::engine::outcomes::{Hook, Outcome};
use crate::engine::recording::Pastime;
use crate::engine::scheduler::JobId;
use crate::engine::waiter::Arrivals;
use crate::error::{JobError, PoolError};
use crate::task::TaskResult;
use crate::task::gather::Gather;

pub(super) struct Call<T, E> {
    pub(super) engine: Arc<Engine>,
    pub(super) cell: CallRef,
    pub(super) decode: fn(Option<Outcome>) -> Result<T, E>,
}

pub(super) struct Shared<T, E> {
    source: Source<T, E>,
    value: Mutex<Value<T, E>>,
    /// Not run yet, and in which process they were given.
    callbacks: Mutex<(u32, Vec<Callback<T, E>>)>,
    /// Futures that wait for the value to come back from callbacks.
    wakers: Mutex<Vec<Waker>>,
    ended_well: OnceLock<bool>,
    changed: Condvar,
}

pub(super) type Callback<T, E> = Box<dyn FnOnce(&Result<T, E>) + Send>;

pub(super) enum Source<T, E> {
    Call(Call<T, E>),
    Job {
        engine: Arc<Engine>,
        job: JobId,
        fetch: Box<dyn Fn() -> Result<T, E> + Send + Sync>,
    },
    /// It failed before anything was sent.
    Nothing(Arc<Engine>),
}

pub(super) enum Value<T, E> {
    Waiting,
    /// Being decoded, or shown to callbacks, in this process.
    Lent(u32),
    Ready(Result<T, E>),
    Taken,
}

pub(super) const TAKEN: &str = "the result of this handle was taken already";

impl<T, E> Value<T, E> {
    /// Whether somebody has it, who will put it back.
    fn is_lent(&self) -> bool {
        match self {
            // There is no value, and to wait for it would be to hang.
            Value::Lent(process) if *process != this_process() => {
                panic!("a thread of the parent had this result when it forked this process: {}", PoolError::Forked)
            }
            Value::Lent(_) => true,
            _ => false,
        }
    }
}

impl<T, E> Call<T, E> {
    pub(super) fn is_ready(&self) -> bool {
        if !self.cell.is_ready() {
            self.engine.lock().turn_if_free();
        }
        self.cell.is_ready()
    }
}

impl<T, E> Drop for Call<T, E> {
    fn drop(&mut self) {
        self.cell.detach();
    }
}

/// Fetches and decodes all results of a settled job.
pub(super) fn gather<R: TaskResult>(engine: &Arc<Engine>, job: JobId, total: u64) -> Result<Vec<R>, JobError> {
    let mut gather = Gather::with_capacity(usize::try_from(total).unwrap_or(usize::MAX));
    let mut outcome = Ok(());
    while outcome.is_ok() {
        match engine.next_news(job, false, false) {
            Some(JobNews::News(news) | JobNews::Last(news)) => {
                outcome = engine.spending(Pastime::Decode, || gather.take_in(news))
            }
            Some(JobNews::Broken(error, lost)) => {
                let index = lost.first().map_or(total, |(first, _)| *first);
                outcome = Err(JobError { index, error });
            }
            Some(JobNews::Room(_)) => {}
            Some(JobNews::Done) | None => break,
        }
    }
    engine.abandon(job);
    outcome.and_then(|()| gather.finish(total))
}

/// Puts a lent value back, also when the callback panics, and tells those who wait for it.
struct Return<'a, T, E> {
    shared: &'a Shared<T, E>,
    value: Option<Value<T, E>>,
}

impl<T, E> Drop for Return<'_, T, E> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            *self.shared.lock() = value;
            self.shared.changed.notify_all();
            let wakers = std::mem::take(&mut *self.shared.wakers.lock().unwrap_or_else(PoisonError::into_inner));
            for waker in wakers {
                // A waker is the user's.
                drop(catch_unwind(AssertUnwindSafe(|| waker.wake())));
            }
        }
    }
}

impl<T, E> Shared<T, E> {
    pub(super) fn new(source: Source<T, E>, value: Value<T, E>) -> Shared<T, E> {
        let ended_well = OnceLock::new();
        if let Value::Ready(outcome) = &value {
            let _ = ended_well.set(outcome.is_ok());
        }
        let value = Mutex::new(value);
        Shared {
            source,
            value,
            ended_well,
            callbacks: Mutex::new((this_process(), Vec::new())),
            wakers: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// One more that is to see the value.
    pub(super) fn add_callback(&self, callback: Callback<T, E>) {
        self.waiting_callbacks().1.push(callback);
    }

    fn waiting_callbacks(&self) -> MutexGuard<'_, (u32, Vec<Callback<T, E>>)> {
        let mut callbacks = self.callbacks.lock().unwrap_or_else(PoisonError::into_inner);
        if callbacks.0 != this_process() {
            // They are the parent's of this fork, and are run there.
            std::mem::forget(std::mem::replace(&mut *callbacks, (this_process(), Vec::new())));
        }
        callbacks
    }

    /// Shows the value to every callback that has not seen it, each once. One that panics takes nothing from the others.
    pub(super) fn run_callbacks(&self) {
        self.settle();
        let lent = std::mem::replace(&mut *self.lock_settled(), Value::Lent(this_process()));
        let returned = Return { shared: self, value: Some(lent) };
        let Some(Value::Ready(outcome)) = &returned.value else { return };
        loop {
            let callback = match self.waiting_callbacks() {
                mut waiting if !waiting.1.is_empty() => waiting.1.remove(0),
                _ => return,
            };
            let _ = catch_unwind(AssertUnwindSafe(|| callback(outcome)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Value<T, E>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value when nobody has it on loan.
    fn lock_settled(&self) -> MutexGuard<'_, Value<T, E>> {
        let mut value = self.lock();
        while value.is_lent() {
            value = self.changed.wait(value).unwrap_or_else(PoisonError::into_inner);
        }
        value
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        match &self.source {
            Source::Call(Call { engine, .. }) | Source::Job { engine, .. } | Source::Nothing(engine) => engine,
        }
    }

    /// Whether it was decoded, or is being: then the source has nothing more to say.
    fn is_settled(&self) -> bool {
        !matches!(*self.lock(), Value::Waiting)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.is_settled()
            || match &self.source {
                Source::Call(call) => call.is_ready(),
                Source::Job { engine, job, .. } => {
                    let mut state = engine.lock();
                    state.turn_if_free();
                    engine.is_settled(&state, *job)
                }
                Source::Nothing(_) => true,
            }
    }

    pub(super) fn wait(&self, deadline: Option<Instant>) -> bool {
        self.is_settled()
            || match &self.source {
                Source::Call(call) => call.engine.wait_call(&call.cell, deadline),
                Source::Job { engine, job, .. } => engine.wait_job(*job, deadline),
                Source::Nothing(_) => true,
            }
    }

    /// How it ended, of one that has.
    pub(super) fn is_successful(&self) -> Option<bool> {
        self.settle();
        if self.ended_well.get().is_none() {
            // Another thread is decoding it.
            drop(self.lock_settled());
        }
        self.ended_well.get().copied()
    }

    /// Decodes, once, on the first thread that asks.
    fn settle(&self) {
        let mut value = self.lock();
        if matches!(*value, Value::Waiting) {
            *value = Value::Lent(this_process());
            drop(value);
            let mut returned = Return { shared: self, value: Some(Value::Taken) };
            let outcome = match &self.source {
                Source::Call(call) => call.engine.spending(Pastime::Decode, || (call.decode)(call.cell.take())),
                Source::Job { fetch, .. } => fetch(),
                Source::Nothing(_) => return,
            };
            let _ = self.ended_well.set(outcome.is_ok());
            returned.value = Some(Value::Ready(outcome));
        }
    }

    /// Takes the value out, unless somebody has it or callbacks have not seen it.
    fn try_take(&self, value: &mut Value<T, E>) -> Option<Result<T, E>> {
        if value.is_lent() || !self.waiting_callbacks().1.is_empty() {
            return None;
        }
        match std::mem::replace(value, Value::Taken) {
            Value::Ready(outcome) => Some(outcome),
            _ => panic!("{TAKEN}"),
        }
    }

    /// The value, after the callbacks have seen it. `None`: the time was up first.
    pub(super) fn take(&self, deadline: Option<Instant>) -> Option<Result<T, E>> {
        self.settle();
        // In a fork there may be nobody else who could.
        if callbacks::on_this_thread() || self.engine().is_a_forks() {
            self.run_callbacks();
        }
        let mut value = self.lock();
        loop {
            if let Some(outcome) = self.try_take(&mut value) {
                return Some(outcome);
            }
            let changed = &self.changed;
            value = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => changed.wait(value).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return None,
                Some(left) => changed.wait_timeout(value, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// As [`Shared::take`] without waiting: whoever has the value on loan wakes `waker` when it is back.
    pub(super) fn poll_take(&self, waker: &Waker) -> Poll<Result<T, E>> {
        self.settle();
        // The clone, and its drop if it is not needed, are the user's: both happen without a lock.
        let mut waker = Some(waker.clone());
        let mut value = self.lock();
        if let Some(outcome) = self.try_take(&mut value) {
            return Poll::Ready(outcome);
        }
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |waker: &Waker| wakers.iter().any(|old| old.will_wake(waker));
        if !waker.as_ref().is_some_and(known) {
            wakers.extend(waker.take());
        }
        Poll::Pending
    }

    pub(super) fn tell(&self, hook: Hook) {
        self.tell_quietly(hook);
        self.engine().listen();
    }

    /// For whoever turns the crank itself.
    pub(super) fn tell_quietly(&self, hook: Hook) {
        let engine = self.engine();
        match &self.source {
            _ if self.is_settled() => engine.lock().after.push(hook),
            Source::Call(call) => {
                if let Some(hook) = call.cell.tell(hook) {
                    engine.lock().after.push(hook);
                }
            }
            Source::Job { job, .. } => engine.tell_when_settled(*job, hook),
            Source::Nothing(_) => engine.lock().after.push(hook),
        }
    }

    pub(super) fn stop(&self, force: bool) -> bool {
        match &self.source {
            Source::Call(call) => call.engine.stop_call(&call.cell, force),
            Source::Job { engine, job, .. } => engine.stop_job(*job, force),
            Source::Nothing(_) => false,
        }
    }

    pub(super) fn forget_arrivals(&self, arrivals: &Arc<Arrivals>) {
        match &self.source {
            Source::Call(call) => call.cell.forget_arrivals(arrivals),
            Source::Job { engine, job, .. } => {
                let _ = engine.lock().jobs.get_mut(job).map(|job| job.forget_arrivals(arrivals));
            }
            Source::Nothing(_) => {}
        }
    }
}

impl<T, E> Drop for Shared<T, E> {
    fn drop(&mut self) {
        if let Source::Job { engine, job, .. } = &self.source {
            engine.detach(*job);
        }
    }
}
