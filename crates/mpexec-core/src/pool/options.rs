//! The options of a call: how large the pieces are, how long a task may run, how often it may be started, how many may fail.

use std::time::Duration;

use crate::config::{Config, Transport};
use crate::engine::scheduler::Terms;
use crate::error::PoolError;

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
        let limits = [("time_limit", self.terms.limit), ("cpu_limit", self.terms.cpu_limit)];
        if let Some((setting, _)) =
            limits.into_iter().find(|(_, limit)| limit.is_some() && transport == Transport::Memory)
        {
            let remedy = "there is nothing that can be killed: leave the limit out";
            return Err(PoolError::BadSetting { setting, value: "kept in a pool without processes".into(), remedy });
        }
        Ok(())
    }
}
