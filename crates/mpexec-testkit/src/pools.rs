//! Pools to test with.

use mpexec_core::{Pool, PoolBuilder, Transport, WorkerStderr, Workers};

/// Every link that leads to another process.
pub const LINKS: [Transport; 2] = [Transport::Shm, Transport::Socket];

/// A builder for quiet workers: what they print is kept, not shown.
pub fn builder(transport: Transport, workers: usize) -> PoolBuilder {
    Pool::builder().transport(transport).workers(Workers::Exact(workers)).stderr(WorkerStderr::Keep)
}

/// A pool of so many quiet workers.
pub fn pool(transport: Transport, workers: usize) -> Pool {
    builder(transport, workers).build().unwrap()
}
