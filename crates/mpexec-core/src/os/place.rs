//! Where a process runs: its niceness, its processors, whether it may enter a directory. On Linux niceness and processors belong to
//! a *thread* and are inherited from it: a worker sees to them while it has only one.

use std::io;
use std::path::Path;

use rustix::fs::Access;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Adds to the niceness of the calling thread and of those that it will start.
pub(crate) fn be_nicer(by: i32) -> io::Result<()> {
    rustix::process::nice(by)?;
    Ok(())
}

/// The processors that the calling thread may use.
pub(crate) fn processors() -> io::Result<Vec<u32>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|number| set.is_set(*number)).filter_map(|number| number.try_into().ok()).collect())
}

/// Keeps the calling thread and those that it will start on these processors; the kernel leaves out those that this
/// process may not use.
///
/// # Errors
/// When none is left.
pub(crate) fn run_on(processors: &[u32]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for number in processors {
        match usize::try_from(*number) {
            Ok(number) if number < CpuSet::MAX_CPU => set.set(number),
            _ => return Err(io::Error::other(format!("there is no processor {number}"))),
        }
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// Does something to a thread that ends with it, to see whether it would be allowed.
pub(crate) fn try_out(what: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    let tried = std::thread::Builder::new().name("mpexec-tries".into()).stack_size(128 << 10).spawn(what)?;
    tried.join().unwrap_or_else(|_| Err(io::Error::other("it could not be tried out")))
}

/// Whether a directory may be a working directory.
pub(crate) fn may_enter(directory: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(directory, Access::EXEC_OK)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_out_leaves_this_thread_as_it_was() {
        let before = processors().unwrap();
        let first = before[0];
        try_out(move || {
            run_on(&[first])?;
            assert_eq!(processors()?, [first]);
            be_nicer(1)
        })
        .unwrap();
        assert_eq!(processors().unwrap(), before);
    }

    #[test]
    fn processors_that_are_not_there_are_refused() {
        assert!(try_out(|| run_on(&[u32::MAX])).is_err());
        assert!(try_out(|| run_on(&[])).is_err());
        assert!(try_out(|| run_on(&[1023])).is_err());
    }
}
