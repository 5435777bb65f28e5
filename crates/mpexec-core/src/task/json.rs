//! The JSON door of a function with a name: arguments and result as JSON texts, converted in the worker, where the types are.
//!
//! Whoever calls so need not know a type: a command line, a script. What is written depends on the text's own form and never on
//! what a value happens to be: an array is all arguments by their places, an object all arguments by their names, and anything
//! else is the only argument of a function that has one. So an argument that is an array itself stands in one more pair of
//! brackets, always; if `[5]` could be both, a table of rows would fail at its first short row.
//!
//! Parameters that borrow get what they borrow from a *place* beside the call: JSON has to be converted, not pointed into.

mod arguments;
mod result;

use bytemuck::Pod;
use serde::de::DeserializeOwned;

use super::arity::TaskFn;
use super::params::{Owned, Param, Slice, TextParam};

pub use arguments::{BadJson, JsonInput};
pub(crate) use result::write;

/// The names of a function's parameters, as a type, so that code can be made for them.
pub trait ParameterNames {
    /// From the first to the last.
    const NAMES: &'static [&'static str];
}

/// A parameter that can be read from JSON. `K` is its kind, inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from JSON, so a task with it has no JSON door",
    label = "cannot be read from JSON",
    note = "give the type of the elements serde's `Deserialize`, or say that the task has no JSON door: `#[task(json = false)]`"
)]
pub trait JsonParam<K>: Param<K> {
    /// Where the value lies that a borrowed parameter points to.
    type Place: Default;

    /// Reads the next argument.
    ///
    /// # Errors
    /// When it is no value of this type.
    fn read<'a>(input: &mut JsonInput<'_>, place: &'a mut Self::Place) -> Result<Self::In<'a>, BadJson>;
}

impl<T: DeserializeOwned + 'static> JsonParam<Owned> for T {
    type Place = ();

    fn read(input: &mut JsonInput<'_>, (): &mut ()) -> Result<T, BadJson> {
        input.next()
    }
}

#[diagnostic::do_not_recommend]
impl<T: Pod + DeserializeOwned> JsonParam<Slice> for &[T] {
    type Place = Vec<T>;

    fn read<'a>(input: &mut JsonInput<'_>, place: &'a mut Vec<T>) -> Result<&'a [T], BadJson> {
        *place = input.next()?;
        Ok(place)
    }
}

impl JsonParam<TextParam> for &str {
    type Place = String;

    fn read<'a>(input: &mut JsonInput<'_>, place: &'a mut String) -> Result<&'a str, BadJson> {
        *place = input.next()?;
        Ok(place)
    }
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be called with JSON",
    label = "has a parameter that cannot be read from JSON",
    note = "give the types of its parameters serde's `Deserialize`, or say that it has no JSON door: `#[task(json = false)]`"
)]
/// A task function all of whose parameters can be read from JSON. `M` is inferred.
pub trait JsonFn<M>: TaskFn<M> {
    /// Reads the arguments and calls the function.
    ///
    /// # Errors
    /// When the arguments cannot be read; the function is then not called.
    fn call_json(self, input: &mut JsonInput<'_>) -> Result<Self::Output, BadJson>;
}

macro_rules! arity {
    ($($param:ident $kind:ident $value:ident),*) => {
        impl<Func, Ret, $($param, $kind),*> JsonFn<(fn($($param),*) -> Ret, ($($kind,)*))> for Func
        where
            Func: Fn($($param),*) -> Ret + for<'a> Fn($($param::In<'a>),*) -> Ret + Copy + Send + 'static,
            Ret: 'static,
            $($param: JsonParam<$kind>,)*
        {
            fn call_json(self, input: &mut JsonInput<'_>) -> Result<Ret, BadJson> {
                let mut places = ($($param::Place::default(),)*);
                let ($($value,)*) = &mut places;
                $(let $value = $param::read(input, $value)?;)*
                let _ = input;
                Ok(self($($value),*))
            }
        }
    };
}

arity!();
arity!(P0 K0 v0);
arity!(P0 K0 v0, P1 K1 v1);
arity!(P0 K0 v0, P1 K1 v1, P2 K2 v2);
arity!(P0 K0 v0, P1 K1 v1, P2 K2 v2, P3 K3 v3);
arity!(P0 K0 v0, P1 K1 v1, P2 K2 v2, P3 K3 v3, P4 K4 v4);
arity!(P0 K0 v0, P1 K1 v1, P2 K2 v2, P3 K3 v3, P4 K4 v4, P5 K5 v5);
arity!(P0 K0 v0, P1 K1 v1, P2 K2 v2, P3 K3 v3, P4 K4 v4, P5 K5 v5, P6 K6 v6);
arity!(P0 K0 v0, P1 K1 v1, P2 K2 v2, P3 K3 v3, P4 K4 v4, P5 K5 v5, P6 K6 v6, P7 K7 v7);
