//! What the pool tells of itself, on a thread of its own: whoever listens may take as long as he likes, and delays nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::Engine;
use super::callbacks::Callbacks;
use crate::config::Notes;

/// So many lines wait for one who does not come back; what is told then is left out and counted.
const MOST_WAITING: usize = 1024;
/// `join` waits no longer for lines to be told.
const LAST_LINES: Duration = Duration::from_secs(1);

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// `None`: it could not be started, and the callbacks' does its work.
    thread: OnceLock<Option<Callbacks>>,
    /// What was left out behind the line that was taken last.
    gap: Mutex<Arc<Gap>>,
}

/// How many lines were left out behind one that waits to be told.
#[derive(Debug, Default)]
struct Gap(AtomicU64);

/// That line was told: what comes now is not left out.
const TOLD: u64 = u64::MAX;

impl Gap {
    /// One more is left out here. `false`: this line was told already.
    fn grow(&self) -> bool {
        let grown = |lines: u64| (lines != TOLD).then(|| lines + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok()
    }

    fn close(&self) -> u64 {
        self.0.swap(TOLD, Ordering::Relaxed)
    }
}

impl Telling {
    fn tell(&self, notes: &Notes, line: &str, otherwise: Option<&Callbacks>) {
        let own = self.thread.get_or_init(|| Callbacks::start_for_notes().ok());
        let Some(thread) = own.as_ref().or(otherwise) else {
            // Where the pool is just starting, and will not be able to.
            return notes.tell(line);
        };
        let gap = {
            let mut latest = self.gap.lock().unwrap_or_else(PoisonError::into_inner);
            if thread.waiting() >= MOST_WAITING && latest.grow() {
                return;
            }
            *latest = Arc::default();
            latest.clone()
        };
        let (notes, line) = (notes.clone(), line.to_owned());
        thread.run(Box::new(move || {
            notes.tell(&line);
            let left_out = gap.close();
            if left_out > 0 {
                notes.tell(&format!("{left_out} lines were left out here: too many were waiting to be told"));
            }
        }));
    }
}

impl Engine {
    /// Tells the user what happened, if they asked to be told.
    pub(crate) fn note(&self, line: &str) {
        if let Some(notes) = &self.config.notes {
            self.telling.tell(notes, line, self.callbacks.get());
        }
    }

    /// Waits a little for what was noted to be told.
    pub(super) fn await_notes(&self, deadline: Option<Instant>) {
        let latest = Instant::now() + LAST_LINES;
        if let Some(thread) = self.telling.thread.get().and_then(Option::as_ref).filter(|thread| !thread.run_here()) {
            thread.wait(Some(deadline.map_or(latest, |deadline| deadline.min(latest))));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn what_is_left_out_is_told_at_its_place_also_if_no_line_comes_after_it() {
        let (telling, (heard, lines), (open, gate)) = (Telling::default(), channel(), channel::<()>());
        let gate = Mutex::new(gate);
        let notes = Notes::new(move |line: &str| {
            if line == "0" {
                // Whoever listens does not come back for a while.
                let _ = gate.lock().unwrap().recv();
            }
            heard.send(line.to_owned()).unwrap();
        });
        let told = |from: usize, to: usize| (from..to).for_each(|n| telling.tell(&notes, &n.to_string(), None));
        told(0, MOST_WAITING + 5);
        open.send(()).unwrap();
        assert!(telling.thread.get().unwrap().as_ref().unwrap().wait(None));
        told(2_000, 2_003);
        assert!(telling.thread.get().unwrap().as_ref().unwrap().wait(None));
        let kept = (0..MOST_WAITING).map(|n| n.to_string());
        let gap = "5 lines were left out here: too many were waiting to be told".to_owned();
        let all: Vec<String> = kept.chain([gap]).chain((2_000..2_003).map(|n| n.to_string())).collect();
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), all);
    }
}
