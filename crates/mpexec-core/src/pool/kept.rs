//! For whoever keeps results: the bytes in which they came, and what decides about them besides the function and the bytes of its arguments (the program of
//! the workers, the shared context, what lies in shared buffers), to know whether they would be the same now.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use mpexec_wire::encode;
use serde::Serialize;

use super::Pool;
use super::streams::ImapUnordered;
use crate::carry::outgoing::{Naming, collect};
use crate::carry::{Attachment, Buffer};
use crate::error::TaskError;
use crate::registry::Callable;
pub use crate::task::result_bytes::ResultBytes;
use crate::task::{Item, TaskResult};

/// What lies in a shared buffer that a value names.
#[derive(Clone, Debug)]
pub struct SharedBytes(Arc<Buffer>);

impl SharedBytes {
    /// No other buffer of this process has this number.
    pub fn number(&self) -> u64 {
        self.0.number()
    }
}

impl Deref for SharedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Encodes an item as it is in every process: buffers that it names by their places among these. What cannot be encoded cannot be sent either, and
/// the pool says so; here its bytes end where that is.
pub fn encode_item<M, T: Item<M>>(item: &T, out: &mut Vec<u8>) -> Vec<SharedBytes> {
    let (_, attachments) = collect(Naming::Place, || item.encode_one(out));
    attachments.iter().flatten().filter_map(bytes_of).collect()
}

/// As [`Pool::imap_unordered`]; with each result come its bytes, which are those of [`mpexec_wire::encode`].
pub fn imap_with_bytes<C, M, I>(pool: &Pool, function: C, items: I) -> ImapWithBytes<I::IntoIter, C::Output>
where
    C: Callable<M>,
    I: IntoIterator,
    I::Item: Item<M>,
{
    ImapWithBytes(pool.imap_unordered(function, items))
}

/// Results with their bytes, as they finish.
#[derive(Debug)]
pub struct ImapWithBytes<I: Iterator, R: TaskResult>(ImapUnordered<I, R>);

impl<I: Iterator, R: TaskResult> Iterator for ImapWithBytes<I, R> {
    type Item = (u64, Result<(R, ResultBytes), TaskError>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_with_bytes()
    }
}

/// The name of the worker program and the file to read it from; `None`: it is this program.
pub fn worker_program(pool: &Pool) -> Option<(PathBuf, PathBuf)> {
    let program = &pool.engine.program;
    (!program.own).then(|| (program.path.clone(), program.to_run()))
}

/// The shared context, with the name of its type, and the buffers that it names.
pub fn context(pool: &Pool) -> Option<(Vec<u8>, Vec<SharedBytes>)> {
    let config = &pool.engine.config;
    let bytes = config.context_to_keep.clone().or_else(|| Some(config.context.as_ref()?.to_vec()))?;
    let state = pool.engine.lock();
    Some((bytes, state.context_attachments.iter().filter_map(bytes_of).collect()))
}

/// The shared context with buffers named by their places.
pub(super) fn encode_context<C: Serialize>(value: &C) -> Vec<u8> {
    let mut bytes = Vec::new();
    // It was encoded once already.
    let _ = collect(Naming::Place, || {
        encode(std::any::type_name::<C>(), &mut bytes).and_then(|_| encode(value, &mut bytes))
    });
    bytes
}

fn bytes_of(attachment: &Attachment) -> Option<SharedBytes> {
    match attachment {
        Attachment::Kept(buffer) => Some(SharedBytes(Arc::clone(buffer))),
        // An end of a channel holds nothing.
        Attachment::Once { .. } => None,
    }
}
