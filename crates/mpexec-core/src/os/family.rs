//! The children that this process has now: each is listed from its start until its end was taken note of.
//!
//! A forked child of this process has the list in its memory and none of the children; it sees its own only.

use std::sync::{Mutex, PoisonError};

#[derive(Debug)]
struct Entry {
    /// Who started it.
    process: u32,
    pid: u32,
    name: String,
}

static CHILDREN: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

fn list<R>(use_it: impl FnOnce(&mut Vec<Entry>) -> R) -> R {
    use_it(&mut CHILDREN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Puts a child on the list; dropping this takes it off.
#[derive(Debug)]
pub(crate) struct Listed {
    process: u32,
    pid: u32,
}

impl Listed {
    pub(crate) fn new(pid: u32, name: String) -> Listed {
        let process = std::process::id();
        list(|all| all.push(Entry { process, pid, name }));
        Listed { process, pid }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        // A pid is another's only after this one's end was taken note of: the entry found is this one.
        list(|all| all.retain(|entry| (entry.process, entry.pid) != (self.process, self.pid)));
    }
}

/// Process id and name of each.
pub(crate) fn children() -> Vec<(u32, String)> {
    let process = std::process::id();
    list(|all| all.iter().filter(|entry| entry.process == process).map(|e| (e.pid, e.name.clone())).collect())
}
