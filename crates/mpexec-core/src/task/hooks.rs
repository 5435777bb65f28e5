//! Functions that a worker runs by itself, as entries: the start hook, which makes the worker's state, and the end hook, which
//! takes it.

use mpexec_wire::Status;

use super::entry::{conjure, write};
use super::output::TriedError;
use super::params::TaskResult;
use crate::worker::call::{Call, Entry};
use crate::worker::{program, state};

fn placed(entry: Entry) -> Option<u64> {
    program::offset_of(entry as usize)
}

/// The place of the code that runs `F` and keeps what it returns.
pub(crate) fn start_of<F, S>(_hook: F) -> Option<u64>
where
    F: Fn() -> S + Copy + 'static,
    S: 'static,
{
    placed(|_| {
        state::keep(conjure::<F>()());
        Status::Ok
    })
}

/// As [`start_of`], for a hook that may fail.
pub(crate) fn try_start_of<F, S, E, K>(_hook: F) -> Option<u64>
where
    F: Fn() -> Result<S, E> + Copy + 'static,
    S: 'static,
    E: TriedError<K>,
{
    placed(|call| match conjure::<F>()() {
        Ok(value) => {
            state::keep(value);
            Status::Ok
        }
        Err(error) => write(call, Status::TaskErr, &error.told()),
    })
}

/// The place of the code that runs `F` over what the start hook made.
pub(crate) fn end_of<F, S, R>(_hook: F) -> Option<u64>
where
    F: Fn(S) -> R + Copy + 'static,
    S: 'static,
    R: TaskResult,
{
    placed(|call: &mut Call<'_>| write(call, Status::Ok, &conjure::<F>()(state::take::<S>())))
}
