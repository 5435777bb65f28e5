//! What others want to be called for while a command ends.

use std::fmt;
use std::sync::OnceLock;

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
