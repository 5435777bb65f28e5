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

/// Whether the main thread of a process has ended and others of it have not. `false` also where the system does not tell.
pub(crate) fn main_thread_has_ended(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| has_others_alone(&stat))
}

/// Whether a process is stopped, or waits for a device or in a frozen cgroup: whatever it does not do then is nobody's fault within it.
pub(crate) fn stands_still(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['T', 't', 'D']))
}

fn has_others_alone(stat: &str) -> bool {
    // The name, in brackets, may hold anything. Behind it stand the state, and as the 18th from there the number of threads.
    let Some((_, rest)) = stat.rsplit_once(')') else { return false };
    let fields: Vec<&str> = rest.split_whitespace().take(18).collect();
    fields.first() == Some(&"Z")
        && fields.get(17).and_then(|threads| threads.parse::<u64>().ok()).is_some_and(|n| n > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_its_main_thread_is_told_from_one_that_is_over_or_runs() {
        let stat = |name: &str, state: &str, threads: u32| {
            format!(
                "42 ({name}) {state} 1 42 42 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 {threads} 0 815 0 0 18446744073709551615"
            )
        };
        assert!(has_others_alone(&stat("mpexec worker", "Z", 2)));
        assert!(has_others_alone(&stat("a) R 1 (b", "Z", 3)));
        assert!(!has_others_alone(&stat("mpexec worker", "Z", 1)), "it is over");
        assert!(!has_others_alone(&stat("mpexec worker", "S", 2)));
        assert!(!has_others_alone("nonsense") && !has_others_alone(""));
        assert!(!main_thread_has_ended(std::process::id()));
    }
}
