//! `#[task]`: functions of a library that a coordinator and a worker program, two binaries, have in common.

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod json;
mod names;
mod signatures;

use std::path::Path;

use mpexec_core::{Pool, PoolError, Transport, WorkerStderr, Workers};

mpexec_core::init_in_tests!();

/// Every link that leads to another process.
const LINKS: [Transport; 2] = [Transport::Shm, Transport::Socket];

/// The worker program that knows the library.
const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

fn build(program: &str, link: Transport) -> Result<Pool, PoolError> {
    let builder = Pool::builder().workers(Workers::Exact(1)).transport(link).stderr(WorkerStderr::Keep);
    builder.worker_program(Path::new(program)).build()
}

fn with(program: &str, link: Transport) -> Pool {
    build(program, link).unwrap()
}

/// A pool whose workers are this program itself.
fn own(link: Transport) -> Pool {
    Pool::builder().workers(Workers::Exact(1)).transport(link).stderr(WorkerStderr::Keep).build().unwrap()
}
