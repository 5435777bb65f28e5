//! What this program can run: every function of its own text by offset, and those registered by name.

use std::sync::Mutex;
use std::sync::PoisonError;

use mpexec_wire::{FunctionInfo, FunctionKind};

use super::call::Entry;

/// A registered function.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub info: FunctionInfo,
    pub entry: Entry,
}

static NAMED: Mutex<Vec<Named>> = Mutex::new(Vec::new());

/// Adds a function; the name must be new.
pub(crate) fn register(named: Named) -> Result<(), String> {
    let mut all = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    if all.iter().any(|other| other.info.name == named.info.name) {
        return Err(named.info.name);
    }
    all.push(named);
    Ok(())
}

/// All registered functions, in the order of registration.
pub(crate) fn named() -> Vec<Named> {
    NAMED.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
            FunctionKind::Named => {
                let named = usize::try_from(id).ok().and_then(|place| self.named.get(place));
                named.map(|named| named.entry).ok_or_else(|| format!("no function number {id} is registered"))
            }
        }
    }
}
