//! A watchdog, so that a hang is a failure with names, and waiting for what nobody announces.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Instant;

use crate::patience::{LOOK, hangs};
use crate::processes;

/// Ends the whole program, with the names of its threads, when it lives for longer than any test should.
#[must_use = "it watches as long as it lives"]
pub struct Watchdog(#[expect(dead_code, reason = "its drop is the news")] Sender<()>);

impl Watchdog {
    /// Watches from now on.
    pub fn new() -> Watchdog {
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        let (alive, news) = channel::<()>();
        let hangs = hangs();
        std::thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || {
                if news.recv_timeout(hangs) == Err(RecvTimeoutError::Timeout) {
                    // Not by a macro: what these print is kept for the end of a test, and this one has none.
                    let told = format!("{test} hangs: not over after {hangs:?}. Threads: {:?}\n", processes::threads());
                    let _ = std::io::stderr().write_all(told.as_bytes());
                    std::process::abort();
                }
            })
            .unwrap();
        Watchdog(alive)
    }
}

/// Looks until `condition` holds.
///
/// # Panics
/// When it does not within any reasonable time.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + hangs() / 3;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::park_timeout(LOOK);
    }
}

impl Default for Watchdog {
    fn default() -> Watchdog {
        Watchdog::new()
    }
}
