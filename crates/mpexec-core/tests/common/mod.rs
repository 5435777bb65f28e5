//! What the tests of the pool share: a watchdog, so that a hang is a failure with names; gates, so that a task ends when
//! the test says so and not after a time; and a look at which processes there are.

#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod census;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use mpexec_core::{Pool, PoolBuilder, Transport, WorkerStderr, Workers};

/// No test takes so long, on a busy machine either, unless something hangs.
const HANGS: Duration = Duration::from_secs(180);
/// Between two looks at a condition that nobody announces.
const LOOK: Duration = Duration::from_millis(1);

/// Ends the whole program, with the names of its threads, when it lives for longer than any test should.
#[must_use = "it watches as long as it lives"]
pub(crate) struct Watchdog(#[expect(dead_code, reason = "its drop is the news")] Sender<()>);

impl Watchdog {
    pub(crate) fn new() -> Watchdog {
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        let (alive, news) = channel::<()>();
        std::thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || {
                if news.recv_timeout(HANGS) == Err(RecvTimeoutError::Timeout) {
                    eprintln!("{test} hangs: not over after {HANGS:?}. Threads: {:?}", census::threads());
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
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + HANGS / 3;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::park_timeout(LOOK);
    }
}

/// A builder for quiet workers: what they print is kept, not shown.
pub(crate) fn builder(transport: Transport, workers: usize) -> PoolBuilder {
    Pool::builder().transport(transport).workers(Workers::Exact(workers)).stderr(WorkerStderr::Keep)
}

pub(crate) fn pool(transport: Transport, workers: usize) -> Pool {
    builder(transport, workers).build().unwrap()
}

/// A path that nothing else uses; what is there at the end is removed.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mpexec-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Scratch(std::env::temp_dir().join(name))
    }

    /// As an argument for a task.
    pub(crate) fn text(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self) -> &PathBuf {
        &self.0
    }

    /// Opens the gate: [`pass`] returns in whatever process waits there.
    pub(crate) fn open(&self) {
        std::fs::write(&self.0, "").unwrap();
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.exists()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// In a task: waits until the gate is open.
pub(crate) fn pass(gate: &str) {
    while !std::path::Path::new(gate).exists() {
        std::thread::park_timeout(LOOK);
    }
}

/// In a task: opens a gate.
pub(crate) fn open(gate: &str) {
    std::fs::write(gate, "").unwrap();
}

/// In a task: never ends.
pub(crate) fn forever() {
    loop {
        std::thread::park();
    }
}

/// In a task: keeps the processor busy for so long.
pub(crate) fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
