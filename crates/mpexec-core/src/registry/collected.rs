//! What `#[task]` writes into a program: one static for each function, put on the list before `main`.

use std::any::TypeId;

use mpexec_wire::Signature;

use crate::task::entry::{entry_of, json_entry_of};
use crate::task::json::{JsonFn, ParameterNames};
use crate::task::structure::structure_of;
use crate::task::{TaskFn, TaskOutput, TaskResult};
use crate::worker::call::Entry;
use crate::worker::functions::{self, Named, Place};

/// A function with a name.
#[derive(Debug)]
pub struct Registration {
    name: &'static str,
    place: Place,
    entry: Entry,
    json: Option<Entry>,
    type_id: fn() -> TypeId,
    signature: fn() -> Signature,
    parameters: &'static [&'static str],
    doc: &'static str,
}

impl Registration {
    /// Made by `#[task]`.
    pub const fn new<N, F, M, B, K>(
        name: &'static str,
        doc: &'static str,
        file: &'static str,
        line: u32,
        _function: F,
    ) -> Registration
    where
        N: ParameterNames,
        F: TaskFn<M>,
        F::Output: TaskOutput<B, K>,
        B: TaskResult,
    {
        let place = Place { file, line };
        Registration {
            name,
            place,
            entry: entry_of::<F, M, B, K>(),
            json: None,
            type_id: TypeId::of::<F>,
            signature: signature_of::<F, M, B, K>,
            parameters: N::NAMES,
            doc,
        }
    }

    /// Made by `#[task]`: as [`Registration::new`], with a JSON door.
    pub const fn with_json<N, F, M, B, K>(
        name: &'static str,
        doc: &'static str,
        file: &'static str,
        line: u32,
        function: F,
    ) -> Registration
    where
        N: ParameterNames,
        F: JsonFn<M>,
        F::Output: TaskOutput<B, K>,
        B: TaskResult,
    {
        let without = Registration::new::<N, F, M, B, K>(name, doc, file, line, function);
        Registration { json: Some(json_entry_of::<N, F, M, B, K>()), ..without }
    }
}

/// Called before `main`, once for each.
pub fn collect(it: &'static Registration) {
    functions::collect(Named {
        name: it.name.to_owned(),
        place: it.place,
        entry: it.entry,
        json: it.json,
        type_id: it.type_id,
        signature: it.signature,
        parameters: Some(it.parameters),
        doc: it.doc,
    });
}

/// The structure of a function. Runs the `Deserialize` of its types: never under a lock.
pub(crate) fn signature_of<F, M, B, K>() -> Signature
where
    F: TaskFn<M>,
    F::Output: TaskOutput<B, K>,
    B: TaskResult,
{
    Signature { parameters: F::structures(), result: structure_of::<B>() }
}
