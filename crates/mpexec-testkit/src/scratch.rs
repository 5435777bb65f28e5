//! Paths that a test has for itself, and gates: a task ends when the test says so and not after a time.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::LOOK;

/// A path that nothing else uses; what is there at the end is removed.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new one; nothing is there yet.
    pub fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Process ids come again, and one that was killed has left its files. Each state is another number.
        let chosen = RandomState::new().hash_one(Instant::now());
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mpexec-test-{}-{number}-{chosen:x}", std::process::id());
        Scratch(std::env::temp_dir().join(name))
    }

    /// As an argument for a task.
    pub fn text(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }

    /// As a path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Opens the gate: [`pass`] returns in whatever process waits there.
    pub fn open(&self) {
        std::fs::write(&self.0, "").unwrap();
    }

    /// Whether somebody has opened it.
    pub fn is_open(&self) -> bool {
        self.0.exists()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
        // What was to be put here whole, by one that was killed before it was.
        let _ = std::fs::remove_file(format!("{}.draft", self.text()));
    }
}

/// In a task: waits until the gate is open.
pub fn pass(gate: &str) {
    while !Path::new(gate).exists() {
        std::thread::park_timeout(LOOK);
    }
}

/// In a task: opens a gate.
pub fn open(gate: &str) {
    std::fs::write(gate, "").unwrap();
}

/// In a task: never ends.
pub fn forever() {
    loop {
        std::thread::park();
    }
}

/// In a task: keeps the processor busy for so long.
pub fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch::new()
    }
}
