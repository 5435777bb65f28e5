//! Functions with names as a list, for command lines and for people.

use std::fmt;

use mpexec_wire::{FunctionInfo, Signature};

/// A function that a pool can call by its name; see [`Pool::functions`](crate::Pool::functions). Shown, it is its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its name.
    pub name: String,
    /// The names of its parameters; `None` for one that was registered at run time, of which they are not known.
    pub parameters: Option<Vec<String>>,
    /// The structure of each parameter as text, such as `seq<i64>` or `struct Point{x: f64, y: f64}`.
    pub structures: Vec<String>,
    /// The structure of its result.
    pub result: String,
    /// The first paragraph of its documentation, on one line; empty if there is none.
    pub doc: String,
    /// Whether it can be called with JSON ([`Pool::apply_json`](crate::Pool::apply_json)).
    pub json: bool,
}

impl TaskInfo {
    pub(crate) fn of(info: FunctionInfo) -> TaskInfo {
        let FunctionInfo { name, signature, parameters, doc, json } = info;
        let Signature { parameters: structures, result } = signature.unwrap_or_default();
        TaskInfo { name, parameters, structures, result, doc, json }
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}(", self.name)?;
        for (place, structure) in self.structures.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            match self.parameters.as_ref().and_then(|names| names.get(place)) {
                Some(name) => write!(out, "{comma}{name}: {structure}")?,
                None => write!(out, "{comma}{structure}")?,
            }
        }
        write!(out, ") -> {}", self.result)
    }
}
