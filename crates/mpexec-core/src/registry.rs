//! Functions with names: so that another binary can call them.
//!
//! A function is usually shipped by its place in the executable that coordinator and worker both run. If the worker is
//! another program, the function is registered there under a name, before [`init`](crate::init), and called by that name.
//!
//! ```standalone_crate
//! fn double(n: u64) -> u64 { n * 2 }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! mpexec_core::register("double", double)?;     // the worker program does this,
//! mpexec_core::init();                          // and serves from here on
//!
//! use mpexec_core::{Pool, Workers, named};
//! let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
//! assert_eq!(pool.apply(named("double", double), (21,))?, 42);
//! # Ok(())
//! # }
//! ```

mod collected;
mod listed;

use std::any::{TypeId, type_name};
use std::panic::Location;

pub use collected::{Registration, collect};
pub use listed::TaskInfo;

use collected::signature_of;

use crate::engine::functions::FunctionRef;
use crate::error::PoolError;
use crate::task::entry::{captured_offset_of, entry_of, offset_of, try_offset_of};
use crate::task::{ResultOf, TaskFn, TaskOutput, TaskResult, TriedError};
use crate::worker::functions::{self, Named};

/// The name is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a task function named {0:?} is registered already: names must be unique within a program")]
pub struct DuplicateName(
    /// The name.
    pub String,
);

/// Registers a function under a name in this program. To be called before [`init`](crate::init).
///
/// # Errors
/// [`DuplicateName`] when the name is taken, by another call or by a `#[task]`.
#[track_caller]
pub fn register<F, M, B, K>(name: &str, _function: F) -> Result<(), DuplicateName>
where
    F: TaskFn<M>,
    F::Output: TaskOutput<B, K>,
    B: ResultOf<F::Output, K>,
{
    let named = Named {
        name: name.to_owned(),
        place: Location::caller().into(),
        entry: entry_of::<F, M, B, K>(),
        json: None,
        type_id: TypeId::of::<F>,
        signature: signature_of::<F, M, B, K>,
        parameters: None,
        doc: "",
    };
    functions::register(named).map_err(DuplicateName)
}

/// Whether every name means one function.
pub(crate) fn check_names() -> Result<(), PoolError> {
    match functions::duplicate() {
        None => Ok(()),
        Some((name, first, second)) => {
            Err(PoolError::DuplicateTask { name, first: first.to_string(), second: second.to_string() })
        }
    }
}

/// A function to be called by its name; see [`named`].
#[derive(Clone, Debug)]
pub struct NamedFn<F> {
    name: String,
    function: F,
}

/// Says that a function is to be called by the name that the worker program registered it under. The function itself
/// gives the types; its code here is not run.
pub fn named<F>(name: impl Into<String>, function: F) -> NamedFn<F> {
    NamedFn { name: name.into(), function }
}

/// Which function, as the engine knows it.
#[derive(Clone, Debug)]
pub struct FunctionId(pub(crate) FunctionRef);

#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a pool can call",
    label = "cannot run in another process",
    note = "give a function or a closure that captures nothing; each parameter is owned (serde), a `&str`, or a `&[T]` of plain data, and the result is owned (serde)"
)]
/// What a pool can call: any [`TaskFn`], or one by its name ([`named`]). `M` is inferred.
pub trait Callable<M>: Clone {
    /// What the caller gets for what it returns; see [`TaskOutput`].
    type Output: TaskResult;

    /// Where the worker finds it.
    fn id(&self) -> FunctionId;

    /// Where the worker finds the form of it that brings what was printed.
    #[doc(hidden)]
    fn captured_id(&self) -> FunctionId;
}

impl<F, S, P, B, K> Callable<(S, P, (B, K))> for F
where
    F: TaskFn<(S, P)>,
    F::Output: TaskOutput<B, K>,
    B: ResultOf<F::Output, K>,
{
    type Output = B;

    fn id(&self) -> FunctionId {
        // The name is looked up only where it is needed: with another worker program.
        FunctionId(FunctionRef::Offset(
            offset_of::<F, (S, P), B, K>(*self),
            || functions::name_of(TypeId::of::<F>()),
            signature_of::<F, (S, P), B, K>,
            type_name::<F>(),
        ))
    }

    fn captured_id(&self) -> FunctionId {
        // A name stands for the form without what was printed.
        let remedy =
            "what a task prints comes along only for functions of this program itself: call without `captured`";
        FunctionId(FunctionRef::FormOf(captured_offset_of::<F, (S, P), B, K>(*self), remedy, type_name::<F>()))
    }
}

impl<F, S, P, B, K> Callable<(S, P, (B, K))> for NamedFn<F>
where
    F: TaskFn<(S, P)>,
    F::Output: TaskOutput<B, K>,
    B: ResultOf<F::Output, K>,
{
    type Output = B;

    fn id(&self) -> FunctionId {
        let _ = offset_of::<F, (S, P), B, K>(self.function);
        FunctionId(FunctionRef::Named(self.name.clone(), signature_of::<F, (S, P), B, K>))
    }

    fn captured_id(&self) -> FunctionId {
        self.function.captured_id()
    }
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a `try_` form can call",
    label = "must return a `Result<T, E>`",
    note = "give a function or a closure that captures nothing and returns a `Result<T, E>`: `T` with serde, `E` any error, `anyhow::Error`, `Box<dyn Error>` or text"
)]
/// What the `try_` forms can call: a [`TaskFn`] that returns a `Result`. `M` is inferred.
pub trait TryCallable<M>: Copy {
    /// What it returns when all went well.
    type Value: TaskResult;

    /// Where the worker finds it.
    fn try_id(&self) -> FunctionId;
}

impl<F, S, P, T, E, K> TryCallable<(S, P, K)> for F
where
    F: TaskFn<(S, P), Output = Result<T, E>>,
    T: TaskResult,
    E: TriedError<K>,
{
    type Value = T;

    fn try_id(&self) -> FunctionId {
        // A registered name stands for the form whose Err travels as a value, so it does not serve here.
        let remedy =
            "the `try_` forms call only functions of this program itself: call without `try_` and look at each `Err`";
        FunctionId(FunctionRef::FormOf(try_offset_of::<F, (S, P), T, E, K>(*self), remedy, type_name::<F>()))
    }
}
