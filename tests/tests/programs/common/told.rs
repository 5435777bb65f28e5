//! What a program says on standard error, as it comes.

use std::io::Read;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mpexec_testkit::processes::all_processes;

/// What a program has written so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    heard: Mutex<Heard>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Heard {
    text: String,
    /// Nothing more will come.
    ended: bool,
}

impl Told {
    /// Reads it to its end.
    pub(super) fn listen(&self, mut stream: impl Read) {
        let mut block = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut block) {
            self.heard().text.push_str(&String::from_utf8_lossy(&block[..length]));
            self.more.notify_all();
        }
        self.heard().ended = true;
        self.more.notify_all();
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn so_far(&self) -> String {
        self.heard().text.clone()
    }

    /// Waits until it has said this, for so long at most.
    pub(super) fn wait_for(&self, words: &str, limit: Duration) {
        let waits = |heard: &mut Heard| !heard.ended && !heard.text.contains(words);
        let waited = self.more.wait_timeout_while(self.heard(), limit, waits);
        let (heard, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let Heard { text, ended } = &*heard;
        let why = if *ended { ", and nothing more will come" } else { "" };
        assert!(text.contains(words), "{words:?} did not come on stderr{why}: {text}\n{}", all_processes());
    }
}
