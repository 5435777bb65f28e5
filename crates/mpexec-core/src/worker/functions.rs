//! What this program can run: every function of its own text by offset, and those with a name.
//!
//! One table serves `#[task]`, which is collected before `main`, and `register`, which is called in it. It keeps the order in
//! which they came, so that a function's place is its number on the link. Names are compared when all are there: what is
//! collected before `main` has nobody yet to tell that a name is taken.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};

use mpexec_wire::{FunctionInfo, FunctionKind, Signature};

use super::call::Entry;

/// Where a function got its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub file: &'static str,
    pub line: u32,
}

impl From<&'static Location<'static>> for Place {
    fn from(at: &'static Location<'static>) -> Place {
        Place { file: at.file(), line: at.line() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.file, self.line)
    }
}

/// A function with a name.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub name: String,
    pub place: Place,
    pub entry: Entry,
    /// The same with JSON for arguments and result, where it has that.
    pub json: Option<Entry>,
    /// Which function it is. Not its address: a linker may give two functions of equal code one address.
    pub type_id: fn() -> TypeId,
    /// The structure of what it takes and gives; finding it out takes a while and runs user code.
    pub signature: fn() -> Signature,
    /// The names of its parameters, where they are known.
    pub parameters: Option<&'static [&'static str]>,
    /// The first paragraph of its documentation.
    pub doc: &'static str,
}

static NAMED: Mutex<Vec<Named>> = Mutex::new(Vec::new());

fn table<R>(use_it: impl FnOnce(&mut Vec<Named>) -> R) -> R {
    use_it(&mut NAMED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Adds a function without looking at names.
pub(crate) fn collect(named: Named) {
    table(|all| all.push(named));
}

/// Adds a function; the name must be new.
pub(crate) fn register(named: Named) -> Result<(), String> {
    table(|all| {
        if all.iter().any(|other| other.name == named.name) {
            return Err(named.name);
        }
        all.push(named);
        Ok(())
    })
}

/// All functions with names, by their numbers.
pub(crate) fn named() -> Vec<Named> {
    table(|all| all.clone())
}

/// What there is to say of all functions with names, by their numbers. Not `whole`: no more than how to call them, which is what
/// another process of this executable needs; the rest would cost its start a microsecond and more for each.
pub(crate) fn told(whole: bool) -> Vec<FunctionInfo> {
    let told = |named: Named| FunctionInfo {
        name: named.name,
        signature: whole.then(named.signature),
        parameters: named.parameters.filter(|_| whole).map(|names| names.iter().copied().map(str::to_owned).collect()),
        doc: if whole { named.doc.to_owned() } else { String::new() },
        json: named.json.is_some(),
    };
    named().into_iter().map(told).collect()
}

/// The name of a function of this program.
pub(crate) fn name_of(function: TypeId) -> Option<String> {
    table(|all| all.iter().find(|named| (named.type_id)() == function).map(|named| named.name.clone()))
}

/// A name that two functions have, and where each got it.
pub(crate) fn duplicate() -> Option<(String, Place, Place)> {
    table(|all| {
        let mut seen = HashMap::with_capacity(all.len());
        all.iter().find_map(|named| {
            let first = seen.insert(named.name.as_str(), named.place)?;
            Some((named.name.clone(), first, named.place))
        })
    })
}

/// What the serving loop asks for code.
#[derive(Clone, Debug)]
pub(crate) struct Functions {
    named: Vec<Named>,
    /// `None`: the coordinator is another executable, whose offsets mean nothing here.
    by_offset: Option<fn(u64) -> Option<Entry>>,
    last: Option<(u64, Entry)>,
}

impl Functions {
    pub(crate) fn new(by_offset: Option<fn(u64) -> Option<Entry>>) -> Functions {
        Functions { named: named(), by_offset, last: None }
    }

    /// The code of a function, or why there is none.
    pub(crate) fn find(&mut self, kind: FunctionKind, id: u64) -> Result<Entry, String> {
        match kind {
            FunctionKind::Offset => {
                if let Some((_, entry)) = self.last.filter(|(offset, _)| *offset == id) {
                    return Ok(entry);
                }
                let by_offset = self.by_offset.ok_or("it is a closure of another program")?;
                let entry = by_offset(id).ok_or("its address lies outside the worker program's text")?;
                self.last = Some((id, entry));
                Ok(entry)
            }
            FunctionKind::Named => self.by_number(id).map(|named| named.entry),
            FunctionKind::NamedJson => {
                let named = self.by_number(id)?;
                named.json.ok_or_else(|| format!("{:?} cannot be called with JSON", named.name))
            }
        }
    }

    fn by_number(&self, id: u64) -> Result<&Named, String> {
        let named = usize::try_from(id).ok().and_then(|place| self.named.get(place));
        named.ok_or_else(|| format!("no function number {id} is registered"))
    }
}
