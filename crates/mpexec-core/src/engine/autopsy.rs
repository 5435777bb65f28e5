//! What a worker's black box says about its death: how long the task had run, and where the program was.

use std::time::Duration;

use crate::error::{CrashBacktrace, told_signal};
use crate::os::blackbox::{self, BlackBox, Crash, Refused};
use crate::os::modules;

/// The pool looks at a worker that has several tasks about every millisecond.
const LOOK: Duration = Duration::from_millis(2);

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Autopsy {
    /// Since the worker last noted the time.
    since_noted: Option<Duration>,
    pub backtrace: Option<CrashBacktrace>,
    refused: Refused,
}

impl Autopsy {
    /// Of process `pid`, which is over; `same`: it ran this program.
    pub(super) fn of(black_box: Option<&BlackBox>, pid: u32, same: bool) -> Autopsy {
        let found = black_box.map(|black_box| black_box.read(pid)).unwrap_or_default();
        let end = found.crash.as_ref().map_or_else(blackbox::now, |crash| crash.at);
        let noted = Some(found.noted).filter(|noted| *noted > 0);
        Autopsy {
            since_noted: noted.and_then(|noted| end.checked_sub(noted)).map(Duration::from_nanos),
            refused: found.crash.as_ref().map_or(Refused::No, |crash| crash.refused),
            backtrace: found.crash.and_then(|crash| backtrace(&crash, same)),
        }
    }

    /// Whether it aborted because it was refused memory; `stderr` is the last that it printed.
    pub(super) fn ran_out_of_memory(&self, stderr: &str) -> bool {
        let told = |line: &str| line.contains("memory allocation of ") && line.contains(" bytes failed");
        match self.refused {
            Refused::No => false,
            Refused::Yes => true,
            Refused::IfItSaidSo => stderr.lines().any(told),
        }
    }

    /// How long its last task had run. `seen`: the pool has seen it run for so long; `first` of its batch, for which the worker
    /// always notes the time.
    pub(super) fn ran_for(&self, seen: Option<Duration>, first: bool) -> Option<Duration> {
        match (self.since_noted, seen) {
            // It was not noted before this task, but before one of the shorter ones ahead of it.
            (Some(noted), Some(seen)) if !first && noted > seen + LOOK => Some(seen),
            (Some(noted), _) => Some(noted),
            (None, seen) => seen,
        }
    }
}

fn backtrace(crash: &Crash, same: bool) -> Option<CrashBacktrace> {
    let about = match crash.address {
        None => told_signal(crash.signal),
        Some(address) => format!("{} at address {address:#x}", told_signal(crash.signal)),
    };
    let places = modules::places(crash, same);
    CrashBacktrace::new(about, places.into_iter().map(|place| (place.here, place.told)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(noted: Option<u64>, seen: Option<u64>, first: bool) -> Option<u128> {
        let since_noted = noted.map(Duration::from_millis);
        let autopsy = Autopsy { since_noted, backtrace: None, refused: Refused::No };
        autopsy.ran_for(seen.map(Duration::from_millis), first).map(|time| time.as_millis())
    }

    #[test]
    fn how_long_a_task_ran_is_the_workers_word_unless_it_is_about_the_tasks_before() {
        assert_eq!(ran(Some(5_000), Some(20), true), Some(5_000), "seen for the first time when it had long run");
        assert_eq!(ran(Some(500), Some(20), false), Some(20), "noted before the tasks ahead of it");
        assert_eq!(ran(Some(21), Some(20), false), Some(21));
        assert_eq!(ran(Some(3), None, false), Some(3));
        assert_eq!(ran(None, Some(4), false), Some(4));
        assert_eq!(ran(None, None, true), None);
    }

    #[test]
    fn who_may_have_aborted_for_a_reason_of_its_own_ran_out_of_memory_if_it_said_so() {
        let of =
            |refused, stderr: &str| Autopsy { since_noted: None, backtrace: None, refused }.ran_out_of_memory(stderr);
        let said = "loading\nmemory allocation of 65536 bytes failed\nstack backtrace:\n   0: main";
        assert!(of(Refused::Yes, "") && of(Refused::IfItSaidSo, said));
        assert!(!of(Refused::IfItSaidSo, "loading\ngiving up") && !of(Refused::No, said));
    }
}
