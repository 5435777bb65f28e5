//! What the user asked to be told may panic: it is called on the pool's own threads, and these live on.

use std::sync::atomic::{AtomicU32, Ordering};

use mpexec_core::TaskError;

use crate::common::Way;
use crate::common::{builder, wait_until};
use crate::{LINKS, alone};

/// A panic whose payload panics again when it is dropped.
struct Twice;

impl Drop for Twice {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("and once more");
        }
    }
}

#[test]
fn notes_that_panic_stop_nothing() {
    static TOLD: AtomicU32 = AtomicU32::new(0);
    let _alone = alone();
    for link in LINKS {
        let before = TOLD.load(Ordering::SeqCst);
        let notes = |_: &str| {
            TOLD.fetch_add(1, Ordering::SeqCst);
            std::panic::panic_any(Twice);
        };
        let pool = builder(link, 2).notes(notes).build().unwrap();
        for n in 0..5u64 {
            assert!(matches!(pool.apply(|| Way::Killed.die_as_unit(), ()), Err(TaskError::Crashed { .. })));
            assert_eq!(pool.apply(|n: u64| n, (n,)).unwrap(), n);
        }
        pool.close();
        pool.join().unwrap();
        // The end of a pool waits for the last of them for a moment only.
        wait_until("all five are told", || TOLD.load(Ordering::SeqCst) - before == 5);
    }
}
