//! A result's bytes as a value, or as the error that the worker told.

use std::panic::catch_unwind;

use mpexec_wire::{Status, decode_owned};

use super::params::TaskResult;
use crate::engine::outcomes::{Outcome, told};
use crate::error::TaskError;

/// Decodes one result. Runs the user's `Deserialize`: never under a lock.
pub(crate) fn decode_result<R: TaskResult>(status: Status, bytes: &[u8]) -> Result<R, TaskError> {
    match status {
        // A panic in there fails this task alone, like any other refusal.
        Status::Ok => match catch_unwind(|| decode_owned::<R>(bytes)) {
            Ok(Ok((value, used))) if used == bytes.len() => Ok(value),
            Ok(Ok((_, used))) => Err(TaskError::ResultUndecodable {
                message: format!("{} bytes are left over after a {}", bytes.len() - used, std::any::type_name::<R>()),
            }),
            Ok(Err(error)) => Err(TaskError::ResultUndecodable { message: error.to_string() }),
            Err(_) => Err(TaskError::ResultUndecodable {
                message: format!("the Deserialize of {} panicked", std::any::type_name::<R>()),
            }),
        },
        other => Err(told(other, bytes)),
    }
}

/// A call's outcome as a value.
pub(crate) fn decode_outcome<R: TaskResult>(outcome: Option<Outcome>) -> Result<R, TaskError> {
    match outcome {
        Some(Outcome::Came(status, bytes)) => decode_result(status, bytes.as_slice()),
        Some(Outcome::Failed(error)) => Err(*error),
        None => Err(TaskError::Cancelled { reason: "its outcome was fetched before".to_owned() }),
    }
}
