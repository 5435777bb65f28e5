//! The options of a call: how large the pieces are, how long a task may run, how often it may be started, how many may fail.

use std::time::Duration;

use crate::config::{Config, Transport};
use crate::engine::scheduler::Terms;
use crate::error::PoolError;

/// No worker begins with less memory of its own, in bytes.
const LEAST_MEMORY: u64 = 16 << 20;

/// Whether a limit of memory leaves a worker enough to begin with.
pub(super) fn check_memory(limit: Option<u64>) -> Result<(), PoolError> {
    let Some(bytes) = limit.filter(|bytes| *bytes < LEAST_MEMORY) else {
        return Ok(());
    };
    let remedy = "a worker needs 16,777,216 (16 MiB) to begin with";
    Err(PoolError::BadSetting { setting: "memory_limit", value: bytes.to_string(), remedy })
}

/// Options of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallOptions {
    pub terms: Terms,
    pub chunk: Option<usize>,
    pub most_failures: Option<usize>,
}

impl CallOptions {
    pub(crate) fn of(config: &Config) -> CallOptions {
        let terms = Terms {
            attempts: config.attempts,
            limit: config.time_limit,
            cpu_limit: config.cpu_limit,
            memory: None,
            retry_after: config.retry_delay,
            once: false,
        };
        CallOptions { terms, chunk: config.chunk, most_failures: None }
    }

    /// Whether they make sense.
    pub(crate) fn check(&self, transport: Transport) -> Result<(), PoolError> {
        let zero = |setting, remedy| Err(PoolError::BadSetting { setting, value: "0".into(), remedy });
        if self.terms.attempts == 0 {
            return zero("attempts", "a task is started at least once");
        }
        if self.chunk == Some(0) {
            return zero("chunk_size", "give at least 1, or leave it to the pool");
        }
        if self.most_failures == Some(0) {
            return zero("max_failures", "give at least 1");
        }
        if self.terms.limit == Some(Duration::ZERO) {
            return zero("time_limit", "a task needs some time");
        }
        if self.terms.cpu_limit == Some(Duration::ZERO) {
            return zero("cpu_limit", "a task needs some time");
        }
        check_memory(self.terms.memory)?;
        let Terms { limit, cpu_limit, memory, .. } = self.terms;
        let limits =
            [("time_limit", limit.is_some()), ("cpu_limit", cpu_limit.is_some()), ("memory_limit", memory.is_some())];
        if let Some((setting, _)) = limits.into_iter().find(|(_, limited)| *limited && transport == Transport::Memory) {
            let remedy = "there is nothing that can be killed: leave the limit out";
            return Err(PoolError::BadSetting { setting, value: "kept in a pool without processes".into(), remedy });
        }
        Ok(())
    }
}
