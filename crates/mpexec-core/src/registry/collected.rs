//! What `#[task]` writes into a program: one static for each function, put on the list before `main`.

use std::any::{TypeId, type_name};

use crate::task::entry::entry_of;
use crate::task::{TaskFn, TaskResult};
use crate::worker::call::Entry;
use crate::worker::functions::{self, Named, Place};

/// The names of a function's parameters, as a type, so that code can be made for them.
pub trait ParameterNames {
    /// From the first to the last.
    const NAMES: &'static [&'static str];
}

/// A function with a name.
#[derive(Debug)]
pub struct Registration {
    name: &'static str,
    place: Place,
    entry: Entry,
    type_id: fn() -> TypeId,
    types: fn() -> (&'static str, &'static str),
}

impl Registration {
    /// Made by `#[task]`.
    pub const fn new<N, F, M>(
        name: &'static str,
        _doc: &'static str,
        file: &'static str,
        line: u32,
        _function: F,
    ) -> Registration
    where
        N: ParameterNames,
        F: TaskFn<M>,
        F::Output: TaskResult,
    {
        let place = Place { file, line };
        let types = || (type_name::<M>(), type_name::<F::Output>());
        Registration { name, place, entry: entry_of::<F, M>(), type_id: TypeId::of::<F>, types }
    }
}

/// Called before `main`, once for each.
pub fn collect(it: &'static Registration) {
    functions::collect(Named {
        name: it.name.to_owned(),
        place: it.place,
        entry: it.entry,
        type_id: it.type_id,
        types: it.types,
    });
}
