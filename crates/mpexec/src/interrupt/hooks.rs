//! What others want to be called for while a command ends.

use std::fmt;
use std::sync::OnceLock;

use super::Running;
use crate::exit::Signal;

/// Something to be called with `T`, if somebody wants that.
pub(super) struct Hook<T>(OnceLock<Box<dyn Fn(T) + Send + Sync>>);

impl<T> Default for Hook<T> {
    fn default() -> Hook<T> {
        Hook(OnceLock::new())
    }
}

impl<T> fmt::Debug for Hook<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Hook")
    }
}

impl<T> Hook<T> {
    /// There is one command in a program, so the place is free.
    pub(super) fn set(&self, hook: impl Fn(T) + Send + Sync + 'static) {
        let _ = self.0.set(Box::new(hook));
    }

    pub(super) fn call(&self, with: T) {
        if let Some(hook) = self.0.get() {
            hook(with);
        }
    }
}

/// All of them, in the order in which they are called.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    /// Nothing new is to be begun.
    pub(super) stopping: Hook<()>,
    /// The grace is over soon.
    pub(super) short: Hook<()>,
    /// The program leaves whatever it is at: because of a signal, or without one.
    pub(super) leaving: Hook<Option<Signal>>,
    /// The workers were ended because of a signal.
    pub(super) dismissed: Hook<()>,
}

impl Running {
    /// Calls `hook` when nothing new is to be begun, from another thread; at once, if that is so already.
    pub(crate) fn when_stopping(&self, hook: impl Fn() + Send + Sync + 'static) {
        self.hooks.stopping.set(move |()| hook());
        if self.is_stopping() {
            self.hooks.stopping.call(());
        }
    }

    /// Calls `hook`, from another thread, when three quarters of the grace are over, or all but two seconds: what must be asked to end has the rest for
    /// that. A second signal does not wait for it.
    pub(crate) fn when_time_is_short(&self, hook: impl Fn() + Send + Sync + 'static) {
        self.hooks.short.set(move |()| hook());
    }

    /// Calls `hook`, perhaps from another thread, when the program leaves whatever the main thread is at, before the workers are killed; it may take a moment. Also where the
    /// work has failed, which no signal says.
    pub(crate) fn when_leaving(&self, hook: impl Fn(Option<Signal>) + Send + Sync + 'static) {
        self.hooks.leaving.set(hook);
    }

    /// Calls `hook`, perhaps from another thread, when the workers were ended because of a signal: what they were at has no owner any more.
    pub(crate) fn when_dismissed(&self, hook: impl Fn() + Send + Sync + 'static) {
        self.hooks.dismissed.set(move |()| hook());
    }
}
