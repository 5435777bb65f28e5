//! What is judged by time, on a machine that may be slow at any moment.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// How many times as long as usual all times are, one after another.
const PACES: [u32; 3] = [1, 5, 25];

/// Runs a test that gives something so much time, with all its times multiplied by what it is called with: first as they are; if it fails, the
/// machine may have stood still in the midst of it, so all of it is run again with longer times. What is wrong is wrong at every pace, and
/// fails the last time too; one that was lost to the machine is told of on standard error.
#[track_caller]
pub fn at_some_pace(test: impl Fn(u32)) {
    for slower in PACES {
        let Err(failed) = catch_unwind(AssertUnwindSafe(|| test(slower))) else { return };
        if Some(&slower) == PACES.last() {
            resume_unwind(failed);
        }
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        // Not by a macro: what these print is kept for a test that fails.
        let _ = writeln!(
            std::io::stderr(),
            "too slow, or wrong: {test}, at {slower} times its times; once more with longer ones"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::at_some_pace;

    #[test]
    fn what_fails_is_run_with_longer_times_and_what_fails_with_all_has_failed() {
        let paces = RefCell::new(Vec::new());
        let passes_at = |least: u32| {
            paces.borrow_mut().clear();
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                at_some_pace(|slower| {
                    paces.borrow_mut().push(slower);
                    assert!(slower >= least, "on purpose");
                });
            }))
            .is_ok()
        };
        assert!(passes_at(1) && *paces.borrow() == [1]);
        assert!(passes_at(2) && *paces.borrow() == [1, 5]);
        assert!(!passes_at(26) && *paces.borrow() == [1, 5, 25]);
    }
}
