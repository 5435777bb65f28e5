//! How long is waited: until the next look, and for an engine that takes long to answer, of which whoever waits hears while it does, once.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::Cluster;
use crate::console::Level;

/// After so long it is told: a busy controller takes its half minute, and a job waits longer than that for its turn.
const WORD: Duration = Duration::from_secs(60);

impl Cluster {
    /// Asks the engine something, which may take its time.
    pub(super) fn patiently<T>(&self, ask: impl FnOnce() -> T) -> T {
        told_after(WORD, ask, || {
            if !self.slow.swap(true, Ordering::SeqCst) {
                self.note(
                    Level::Normal,
                    &format!("has not answered for {} seconds, and is waited for", WORD.as_secs()),
                );
            }
        })
    }
}

/// How long until the next look: a part of the time that has gone by, so that neither short nor long jobs are looked at for nothing.
pub(super) fn pause(since: Instant, part: u32, least: u64, most: u64) -> Duration {
    (since.elapsed() / part).clamp(Duration::from_millis(least), Duration::from_millis(most))
}

/// Calls `tell` meanwhile, if `ask` takes longer than this.
fn told_after<T>(long: Duration, ask: impl FnOnce() -> T, tell: impl FnOnce() + Send) -> T {
    let (answered, answer) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let told = std::thread::Builder::new().name("mpexec-patience".into()).spawn_scoped(scope, move || {
            if answer.recv_timeout(long) == Err(RecvTimeoutError::Timeout) {
                tell();
            }
        });
        // Without a thread nothing is told.
        drop(told);
        let got = ask();
        drop(answered);
        got
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_told_meanwhile_and_nothing_else() {
        let (told, hears) = mpsc::channel();
        let tell = || told.send(()).unwrap();
        // It does not answer before it was told.
        assert_eq!(told_after(Duration::from_millis(1), || hears.recv(), tell), Ok(()));
        assert_eq!(told_after(Duration::from_secs(3600), || 17, || unreachable!("it has answered")), 17);
    }
}
