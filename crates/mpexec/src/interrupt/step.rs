//! The step that a command is at, where rows do not say how far it is.

use std::sync::PoisonError;
use std::time::Instant;

use super::Running;
use crate::status::Step;

impl Running {
    /// A step begins in which so many of these are done, if that is known.
    pub(crate) fn steps(&self, verb: &'static str, unit: &'static str, all: Option<u64>) {
        let step = Step { verb, unit, done: 0, all, began: Instant::now() };
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = Some(step);
    }

    /// So many more of them are done.
    pub(crate) fn passes(&self, more: u64) {
        if let Some(step) = &mut *self.step.lock().unwrap_or_else(PoisonError::into_inner) {
            step.done += more;
        }
    }

    pub(super) fn step(&self) -> Option<Step> {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
