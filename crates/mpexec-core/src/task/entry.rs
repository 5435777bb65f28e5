//! The one file that turns a function into a number and the number back into a function.
//!
//! A task function captures nothing, so its type alone says what it does; what is shipped is the address of
//! `run::<F, M>`, the code made for that type, as an offset within the executable that both sides run. The worker
//! accepts an offset only if it lies in the program's own text.
//!
//! A zero-sized value is all that is asked of `F`. A closure that captured a zero-sized token (a proof of something that
//! holds in the coordinator) is zero-sized too and would be conjured up in the worker: such tokens must not be captured.
#![expect(unsafe_code, reason = "a function is made of its type, and a code address of a checked offset")]

use std::any::type_name;

use mpexec_wire::{EncodeError, Status, encode_owned};

use super::arity::TaskFn;
use super::json::{BadJson, JsonFn, JsonInput, ParameterNames};
use super::output::{TaskOutput, TriedError};
use super::params::{Input, TaskResult};
use crate::worker::call::{Call, Entry};
use crate::worker::{capture, program};

/// What a caller ships for `F`: the place of its entry in the executable.
///
/// A function that captures something is refused here, when the code for it is generated.
pub(crate) fn offset_of<F, M, B, K>(_function: F) -> Option<u64>
where
    F: TaskFn<M>,
    F::Output: TaskOutput<B, K>,
    B: TaskResult,
{
    program::offset_of(entry_of::<F, M, B, K>() as usize)
}

/// The entry of `F`, for the registry; the same check.
pub(crate) const fn entry_of<F, M, B, K>() -> Entry
where
    F: TaskFn<M>,
    F::Output: TaskOutput<B, K>,
    B: TaskResult,
{
    captures_nothing::<F>();
    run::<F, M, B, K>
}

/// As [`offset_of`], but what travels back is the value, or what can be told of the error.
pub(crate) fn try_offset_of<F, M, T, E, K>(_function: F) -> Option<u64>
where
    F: TaskFn<M, Output = Result<T, E>>,
    T: TaskResult,
    E: TriedError<K>,
{
    captures_nothing::<F>();
    let entry: Entry = try_run::<F, M, T, E, K>;
    program::offset_of(entry as usize)
}

/// As [`offset_of`], but what travels back holds what was printed too.
pub(crate) fn captured_offset_of<F, M, B, K>(_function: F) -> Option<u64>
where
    F: TaskFn<M>,
    F::Output: TaskOutput<B, K>,
    B: TaskResult,
{
    captures_nothing::<F>();
    let entry: Entry = captured_run::<F, M, B, K>;
    program::offset_of(entry as usize)
}

const fn captures_nothing<F>() {
    const {
        assert!(
            size_of::<F>() == 0,
            "a task must capture nothing: it runs in another process, where captured variables do not exist. \
             Pass the values as arguments (pool.starmap(f, items.map(|item| (item, limit)))), put what every task \
             needs into the shared context (Pool::builder().context(value)), and give a function by its name, not \
             as a fn pointer"
        );
    }
}

/// The entry at `offset`, if that lies in this program's text.
pub(crate) fn entry_at(offset: u64) -> Option<Entry> {
    let address = program::address_at(offset)?;
    // SAFETY: the address lies in the text of this very executable, and the coordinator, which runs the same
    // executable (compared by device and inode in the handshake), took it from a function of exactly this type.
    Some(unsafe { std::mem::transmute::<usize, Entry>(address) })
}

/// The entry of the JSON door of `F`.
pub(crate) const fn json_entry_of<N, F, M, B, K>() -> Entry
where
    N: ParameterNames,
    F: JsonFn<M>,
    F::Output: TaskOutput<B, K>,
{
    captures_nothing::<F>();
    run_json::<N, F, M, B, K>
}

/// Reads the arguments, calls the function, writes the result.
fn run<F, M, B, K>(call: &mut Call<'_>) -> Status
where
    F: TaskFn<M>,
    F::Output: TaskOutput<B, K>,
    B: TaskResult,
{
    match conjure::<F>().call(&mut Input::new(call.input)) {
        Ok(output) => write(call, Status::Ok, &output.back()),
        Err(error) => call.fail(Status::ArgumentUndecodable, &error.to_string()),
    }
}

/// As [`run`], for a function whose `Err` ends the job: what can be told of it is written.
fn try_run<F, M, T, E, K>(call: &mut Call<'_>) -> Status
where
    F: TaskFn<M, Output = Result<T, E>>,
    T: TaskResult,
    E: TriedError<K>,
{
    match conjure::<F>().call(&mut Input::new(call.input)).map(|result| result.map_err(TriedError::told)) {
        Ok(Ok(value)) => write(call, Status::Ok, &value),
        Ok(Err(error)) => write(call, Status::TaskErr, &error),
        Err(error) => call.fail(Status::ArgumentUndecodable, &error.to_string()),
    }
}

/// As [`run`], with what it prints.
fn captured_run<F, M, B, K>(call: &mut Call<'_>) -> Status
where
    F: TaskFn<M>,
    F::Output: TaskOutput<B, K>,
    B: TaskResult,
{
    capture::run(call, run::<F, M, B, K>)
}

/// As [`run`], with JSON for arguments and result.
fn run_json<N, F, M, B, K>(call: &mut Call<'_>) -> Status
where
    N: ParameterNames,
    F: JsonFn<M>,
    F::Output: TaskOutput<B, K>,
{
    let output = match JsonInput::new(call.input, N::NAMES).and_then(|mut input| conjure::<F>().call_json(&mut input)) {
        Ok(output) => output,
        Err(BadJson(why)) => return call.fail(Status::ArgumentUndecodable, &why),
    };
    let mut json = Vec::new();
    match output.json(&mut json) {
        Ok(Ok(())) => match String::from_utf8(json) {
            Ok(text) => write(call, Status::Ok, &text),
            Err(error) => call.fail(Status::ResultUnencodable, &error.to_string()),
        },
        Ok(Err(error)) => write(call, Status::TaskErr, &error),
        Err(error) => call.fail(Status::ResultUnencodable, &format!("{} as JSON: {error}", type_name::<F::Output>())),
    }
}

pub(super) fn conjure<F: Copy>() -> F {
    captures_nothing::<F>();
    // SAFETY: `F` is `Copy` and zero-sized (asserted above), so reading it reads no memory, and a dangling but aligned
    // pointer is a valid place to read it from. A function item or a closure that captures nothing has exactly one value.
    unsafe { std::ptr::NonNull::<F>::dangling().as_ptr().read() }
}

pub(super) fn write<R: TaskResult>(call: &mut Call<'_>, status: Status, output: &R) -> Status {
    call.must_be_in_the_worker();
    match encode_owned(output, &mut call.sink) {
        Ok(_) => status,
        Err(EncodeError::Refused { type_name, message }) => {
            call.fail(Status::ResultUnencodable, &format!("{type_name}: {message}"))
        }
        Err(_) => {
            let why = call.sink.why_refused();
            call.fail(Status::ResultUnencodable, &why)
        }
    }
}
