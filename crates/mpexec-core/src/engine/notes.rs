//! What the pool tells of itself, on a thread of its own: whoever listens may take as long as he likes, and delays nothing.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Engine;
use super::callbacks::Callbacks;

/// So many lines wait for one who does not come back; what is told then is left out and counted.
const MOST_WAITING: usize = 1024;
/// `join` waits no longer for lines to be told.
const LAST_LINES: Duration = Duration::from_secs(1);

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Telling {
    thread: OnceLock<Callbacks>,
    left_out: AtomicU64,
}

impl Engine {
    /// Tells the user what happened, if they asked to be told.
    pub(crate) fn note(&self, line: &str) {
        let Some(notes) = &self.config.notes else { return };
        let thread = self.telling.thread.get_or_init(Callbacks::start_for_notes);
        if thread.waiting() >= MOST_WAITING {
            self.telling.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let left_out = self.telling.left_out.swap(0, Ordering::Relaxed);
        let (notes, line) = (notes.clone(), line.to_owned());
        thread.run(Box::new(move || {
            if left_out > 0 {
                notes.tell(&format!("{left_out} lines were left out here: too many were waiting to be told"));
            }
            notes.tell(&line);
        }));
    }

    /// Waits a little for what was noted to be told.
    pub(super) fn await_notes(&self, deadline: Option<Instant>) {
        let latest = Instant::now() + LAST_LINES;
        if let Some(thread) = self.telling.thread.get().filter(|thread| !thread.run_here()) {
            thread.wait(Some(deadline.map_or(latest, |deadline| deadline.min(latest))));
        }
    }
}
