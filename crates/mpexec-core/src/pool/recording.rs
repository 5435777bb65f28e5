//! What a pool did when, for whoever asks for it.

use super::{Pool, PoolBuilder};
use crate::recording::Recording;

impl PoolBuilder {
    /// Keeps what happens when: [`Pool::recording`] gives it, with the times of each batch. It costs a worker a look at a clock for each
    /// task, and this process some hundred nanoseconds for each batch. Without it nothing is measured.
    pub fn record(mut self) -> PoolBuilder {
        self.config.record = true;
        self
    }
}

impl Pool {
    /// What the pool has done, and when; `None` if that was not asked for ([`PoolBuilder::record`]). What is under way and has no result yet is
    /// left out.
    #[must_use]
    pub fn recording(&self) -> Option<Recording> {
        self.engine.recording()
    }
}
