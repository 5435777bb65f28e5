//! Which function of the worker program is meant: by offset where that is this program, by name where it is another.
//!
//! Before a function of another program is called for the first time, what this program takes it to be is compared with what
//! that program says it is. Finding out the first runs user code (the types' own `Deserialize`), so it is done with no lock
//! held, and once: what was found is kept.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mpexec_wire::{FunctionInfo, FunctionKind, Signature};

use super::Engine;
use super::scheduler::Function;
use crate::error::TaskError;

/// A function as the caller named it.
#[derive(Clone, Debug)]
pub(crate) enum FunctionRef {
    /// By its place in the executable that both sides run (`None`: it has none there), and how to learn its name in this
    /// program, should it have one; at last its path.
    Offset(Option<u64>, fn() -> Option<String>, fn() -> Signature, &'static str),
    /// A form of one that has no name: by place alone; and what to do where that does not serve; at last its path.
    FormOf(Option<u64>, &'static str, &'static str),
    /// By the name it was registered under.
    Named(String, fn() -> Signature),
    /// The JSON door of the function of this name; the types are the worker's own affair.
    Json(String),
}

/// What the worker program serves by name.
#[derive(Debug)]
pub(crate) struct Names {
    all: Vec<FunctionInfo>,
    /// By the address of the code that tells the caller's signature: equal addresses tell equal signatures.
    found: Mutex<HashMap<usize, Vec<(String, Function)>>>,
}

impl Names {
    pub(crate) fn new(all: Vec<FunctionInfo>) -> Arc<Names> {
        Arc::new(Names { all, found: Mutex::default() })
    }

    pub(crate) fn all(&self) -> &[FunctionInfo] {
        &self.all
    }

    fn known(&self, name: &str, signature: fn() -> Signature) -> Option<Function> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this_type = found.get(&(signature as usize))?;
        of_this_type.iter().find(|(known, _)| known == name).map(|(_, function)| *function)
    }

    fn keep(&self, name: &str, signature: fn() -> Signature, function: Function) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.entry(signature as usize).or_default().push((name.to_owned(), function));
    }
}

impl FunctionRef {
    /// What people call it.
    pub(crate) fn told(&self) -> Cow<'static, str> {
        match self {
            FunctionRef::Offset(.., path) | FunctionRef::FormOf(.., path) => Cow::Borrowed(path),
            FunctionRef::Named(name, _) | FunctionRef::Json(name) => Cow::Owned(name.clone()),
        }
    }
}

impl Engine {
    /// The function as workers know it. To be called with no lock held.
    pub(crate) fn resolve(&self, function: &FunctionRef) -> Result<Function, TaskError> {
        let unknown = |message: String| TaskError::UnknownFunction { message };
        match function {
            FunctionRef::Offset(_, name, signature, _) if !self.program.own => match name() {
                Some(name) => self.find(&name, *signature),
                None => Err(unknown(format!(
                    "an unnamed function can only run in this program itself, and the worker program is {}",
                    self.program.path.display()
                ))),
            },
            FunctionRef::FormOf(_, remedy, _) if !self.program.own => {
                Err(unknown(format!("the worker program is {}, and {remedy}", self.program.path.display())))
            }
            FunctionRef::Offset(Some(id), ..) | FunctionRef::FormOf(Some(id), ..) => {
                Ok(Function { kind: FunctionKind::Offset, id: *id })
            }
            FunctionRef::Offset(None, ..) | FunctionRef::FormOf(None, ..) => {
                Err(unknown("its code does not lie in the main program (a plugin?)".to_owned()))
            }
            FunctionRef::Named(name, signature) => self.find(name, *signature),
            FunctionRef::Json(name) => self.find_json(name),
        }
    }

    fn find(&self, name: &str, signature: fn() -> Signature) -> Result<Function, TaskError> {
        let names = self.names();
        if let Some(function) = names.known(name, signature) {
            return Ok(function);
        }
        let (id, theirs) = self.look_up(&names, name)?;
        if let Some(theirs) = &theirs.signature {
            let ours = signature();
            if ours != *theirs {
                return Err(TaskError::SignatureMismatch {
                    name: name.to_owned(),
                    ours: ours.to_string(),
                    theirs: theirs.to_string(),
                    program: self.program.path.clone(),
                });
            }
        }
        let function = Function { kind: FunctionKind::Named, id };
        names.keep(name, signature, function);
        Ok(function)
    }

    fn find_json(&self, name: &str) -> Result<Function, TaskError> {
        match self.look_up(&self.names(), name)? {
            (id, info) if info.json => Ok(Function { kind: FunctionKind::NamedJson, id }),
            _ => Err(TaskError::NoJson { name: name.to_owned(), program: self.program.path.clone() }),
        }
    }

    fn names(&self) -> Arc<Names> {
        let names = self.lock().names.clone();
        names.unwrap_or_else(|| Names::new(Vec::new()))
    }

    fn look_up<'n>(&self, names: &'n Names, name: &str) -> Result<(u64, &'n FunctionInfo), TaskError> {
        (0..).zip(names.all()).find(|(_, info)| info.name == name).ok_or_else(|| {
            let program = self.program.path.display();
            TaskError::UnknownFunction { message: format!("no function {name:?} is registered in {program}") }
        })
    }
}
