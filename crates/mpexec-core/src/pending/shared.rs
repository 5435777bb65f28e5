//! A result to come with a place for its value: for callbacks, and for whoever asks how it went without taking it.
//!
//! The value is decoded once, by whoever needs it first, and lent to the callbacks one after another; no lock is held while
//! anything of the user's runs. It can be taken when every callback has seen it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::engine::Engine;
use crate::engine::callbacks;
use crate::engine::calls::CallRef;
use crate::engine::jobs::{Hook, Outcome};
use crate::engine::open::JobNews;
use crate::engine::scheduler::JobId;
use crate::error::JobError;
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
    /// Not run yet.
    callbacks: Mutex<Vec<Callback<T, E>>>,
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
    /// Being decoded, or shown to callbacks.
    Lent,
    Ready(Result<T, E>),
    Taken,
}

pub(super) const TAKEN: &str = "the result of this handle was taken already, or its Deserialize panicked";

impl<T, E> Call<T, E> {
    pub(super) fn is_ready(&self) -> bool {
        if !self.cell.is_ready() {
            self.engine.lock().pump(false);
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
        match engine.next_news(job, false, None) {
            Some(JobNews::News(news)) => outcome = gather.take_in(news),
            Some(JobNews::Broken(error)) => outcome = Err(JobError { index: 0, error }),
            Some(JobNews::Room(_)) => {}
            Some(JobNews::Done) | None => break,
        }
    }
    engine.abandon(job);
    outcome.and_then(|()| gather.finish(total))
}

/// Puts a lent value back, also when the callback panics.
pub(super) struct Return<'a, T, E> {
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
    pub(super) fn new(source: Source<T, E>, value: Value<T, E>) -> Shared<T, E> {
        Shared { source, value: Mutex::new(value), callbacks: Mutex::default(), changed: Condvar::new() }
    }

    pub(super) fn waiting_callbacks(&self) -> MutexGuard<'_, Vec<Callback<T, E>>> {
        self.callbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the value to every callback that has not seen it, each once. One that panics takes nothing from the others.
    pub(super) fn run_callbacks(&self) {
        self.settle();
        let lent = std::mem::replace(&mut *self.lock_settled(), Value::Lent);
        let returned = Return { shared: self, value: Some(lent) };
        let Some(Value::Ready(outcome)) = &returned.value else { return };
        loop {
            let callback = match self.waiting_callbacks() {
                mut waiting if !waiting.is_empty() => waiting.remove(0),
                _ => return,
            };
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| callback(outcome)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Value<T, E>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value when nobody has it on loan.
    pub(super) fn lock_settled(&self) -> MutexGuard<'_, Value<T, E>> {
        let mut value = self.lock();
        while matches!(*value, Value::Lent) {
            value = self.changed.wait(value).unwrap_or_else(PoisonError::into_inner);
        }
        value
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        match &self.source {
            Source::Call(Call { engine, .. }) | Source::Job { engine, .. } | Source::Nothing(engine) => engine,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
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

    pub(super) fn wait(&self, deadline: Option<Instant>) -> bool {
        match &self.source {
            Source::Call(call) => call.engine.wait_call(&call.cell, deadline),
            Source::Job { engine, job, .. } => engine.wait_job(*job, deadline),
            Source::Nothing(_) => true,
        }
    }

    /// Decodes, once, on the first thread that asks.
    pub(super) fn settle(&self) {
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

    /// The value, after the callbacks have seen it.
    pub(super) fn take(&self) -> Result<T, E> {
        if callbacks::on_this_thread() {
            self.run_callbacks();
        }
        let mut value = self.lock_settled();
        while !self.waiting_callbacks().is_empty() || matches!(*value, Value::Lent) {
            value = self.changed.wait(value).unwrap_or_else(PoisonError::into_inner);
        }
        match std::mem::replace(&mut *value, Value::Taken) {
            Value::Ready(outcome) => outcome,
            _ => panic!("{TAKEN}"),
        }
    }

    pub(super) fn tell(&self, hook: Hook) {
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

impl<T, E> Drop for Shared<T, E> {
    fn drop(&mut self) {
        if let Source::Job { engine, job, .. } = &self.source {
            engine.detach(*job);
        }
    }
}
