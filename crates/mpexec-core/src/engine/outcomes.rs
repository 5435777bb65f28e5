//! How a call ended, not decoded yet, and who wants to be told.

use std::ops::Range;
use std::sync::Arc;
use std::task::Waker;

use mpexec_ring::Parcel;
use mpexec_wire::{PanicReport, Status, copied, decode};

use super::recycled::{self, Recycled};
use super::scheduler::WorkerId;
use super::waiter::{Arrivals, Waiter};
use crate::error::TaskError;

/// Who wants to be told, once.
pub(crate) enum Hook {
    /// A thread that waits.
    Thread(Arc<Waiter>),
    /// A thread that waits for any of many, this being the one with the number.
    Arrival(Arc<Arrivals>, usize),
    /// A future that was polled.
    Task(Waker),
    /// Something for the callback thread.
    Callback(Box<dyn FnOnce() + Send>),
}

impl Hook {
    /// Whether it tells the same thread or future: one word is enough for that.
    pub(super) fn is_same(&self, other: &Hook) -> bool {
        match (self, other) {
            (Hook::Thread(one), Hook::Thread(other)) => Arc::ptr_eq(one, other),
            (Hook::Task(one), Hook::Task(other)) => one.will_wake(other),
            _ => false,
        }
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Hook::Thread(_) => "Thread",
            Hook::Arrival(..) => "Arrival",
            Hook::Task(_) => "Task",
            Hook::Callback(_) => "Callback",
        })
    }
}

/// What came, and where in it a result's bytes are.
#[derive(Debug)]
pub(crate) struct Whole {
    pub bytes: Recycled,
    pub range: Range<usize>,
}

/// A result's bytes; short ones without an allocation.
#[derive(Debug)]
pub(crate) enum Bytes {
    Short(u8, [u8; 23]),
    Long(Box<[u8]>),
    /// A large one, where it came.
    Whole(Box<Whole>),
    Parcel(Parcel),
}

impl Bytes {
    pub(crate) fn of(bytes: &[u8]) -> Bytes {
        let mut short = [0; 23];
        match short.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                Bytes::Short(bytes.len() as u8, short)
            }
            None if bytes.len() >= recycled::LEAST => {
                Bytes::Whole(Box::new(Whole { bytes: recycled::copied(bytes), range: 0..bytes.len() }))
            }
            None => Bytes::Long(copied(bytes).into()),
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Bytes::Short(length, bytes) => &bytes[..usize::from(*length)],
            Bytes::Long(bytes) => bytes,
            Bytes::Whole(whole) => whole.bytes.get(whole.range.clone()).unwrap_or_default(),
            Bytes::Parcel(parcel) => parcel,
        }
    }
}

/// How a call ended, not decoded yet.
#[derive(Debug)]
pub(crate) enum Outcome {
    Came(Status, Bytes),
    /// Boxed: a million handles outstanding should not be as large as an error.
    Failed(Box<TaskError>),
}

/// How a worker's end hook ended.
#[derive(Debug)]
pub(crate) struct Farewell {
    pub worker: WorkerId,
    pub pid: u32,
    pub outcome: Outcome,
}

/// The error that a result with this status tells of.
pub(crate) fn told(status: Status, bytes: &[u8]) -> TaskError {
    let text = || String::from_utf8_lossy(bytes).into_owned();
    match status {
        Status::Panicked => match decode::<PanicReport>(bytes) {
            Ok(PanicReport { message, location, backtrace }) => TaskError::Panicked { message, location, backtrace },
            Err(error) => TaskError::ResultUndecodable { message: format!("the report of a panic: {error}") },
        },
        Status::ArgumentUndecodable => TaskError::ArgumentUndecodable { message: text() },
        Status::ResultUnencodable => TaskError::ResultUnencodable { message: text() },
        Status::UnknownFunction => TaskError::UnknownFunction { message: text() },
        Status::TaskErr => match decode(bytes) {
            Ok(error) => TaskError::Returned(error),
            Err(error) => TaskError::ResultUndecodable { message: format!("what a task told of its error: {error}") },
        },
        // Skipped results never come this far.
        Status::Ok | Status::Skipped => {
            TaskError::ResultUndecodable { message: format!("a result with status {status:?}") }
        }
    }
}
