//! A result's bytes as a value, or as the error that the worker told.

use std::any::type_name;
use std::panic::catch_unwind;

use mpexec_wire::Status;

use super::params::TaskResult;
use crate::carry::decode_owned;
use crate::engine::outcomes::{Outcome, told};
use crate::error::TaskError;

/// Decodes one result. Runs the user's `Deserialize`: never under a lock. A panic in there fails this task alone, like any other
/// refusal.
pub(crate) fn decode_result<R: TaskResult>(status: Status, bytes: &[u8]) -> Result<R, TaskError> {
    catch_unwind(|| decode_uncaught(status, bytes)).unwrap_or_else(|_| Err(panicked::<R>()))
}

/// As [`decode_result`], but a panic goes on: for who decodes many and catches it once. It ends as [`panicked`].
#[inline]
pub(super) fn decode_uncaught<R: TaskResult>(status: Status, bytes: &[u8]) -> Result<R, TaskError> {
    match status {
        Status::Ok => match decode_owned::<R>(bytes) {
            Ok((value, used)) if used == bytes.len() => Ok(value),
            Ok((_, used)) => Err(left_over::<R>(bytes.len() - used)),
            Err(error) => Err(TaskError::ResultUndecodable { message: error.to_string() }),
        },
        other => Err(told(other, bytes)),
    }
}

/// What a task ends as whose result's `Deserialize` panicked.
#[cold]
pub(super) fn panicked<R>() -> TaskError {
    TaskError::ResultUndecodable { message: format!("the Deserialize of {} panicked", type_name::<R>()) }
}

#[cold]
fn left_over<R>(bytes: usize) -> TaskError {
    TaskError::ResultUndecodable { message: format!("{bytes} bytes are left over after a {}", type_name::<R>()) }
}

/// A call's outcome as a value.
pub(crate) fn decode_outcome<R: TaskResult>(outcome: Option<Outcome>) -> Result<R, TaskError> {
    match outcome {
        Some(Outcome::Came(status, bytes)) => decode_result(status, bytes.as_slice()),
        Some(Outcome::Failed(error)) => Err(*error),
        None => Err(TaskError::Cancelled { reason: "its outcome was fetched before".to_owned() }),
    }
}
