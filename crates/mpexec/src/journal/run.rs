//! What is known of a run at its end, before anything is made of it.

use std::time::{Duration, SystemTime};

use mpexec_core::{BatchSpan, Recording};

use crate::exit::Exit;

/// So many of the slowest, and of those that failed, are named.
const MOST_NAMED: usize = 32;
/// So many are shown as failures: 16 MB.
const MOST_BAD: usize = 1 << 20;

/// What a run was, measured.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) command: String,
    pub(super) began: SystemTime,
    pub(super) elapsed: Duration,
    pub(super) ending: Ending,
    pub(super) recording: Recording,
    pub(super) workers: usize,
    pub(super) transport: &'static str,
    /// What was spent on reading input, and on handing results on.
    pub(super) input: Duration,
    pub(super) output: Duration,
    pub(super) named: Named,
    pub(super) processors: usize,
    /// Processor time of the workers.
    pub(super) busy: Duration,
}

/// How the run ended, and how far it had come.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) exit: Exit,
    /// In words, if it was no success.
    pub(crate) why: Option<String>,
    pub(crate) unit: &'static str,
    pub(crate) done: u64,
    /// If anybody knows.
    pub(crate) all: Option<u64>,
    pub(crate) failed: u64,
}

/// What a command says of its own tasks.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    pub(super) slowest: Vec<(Duration, String)>,
    pub(super) failures: Vec<String>,
    /// Worker and call: what is a failure to the command and came back to the pool as any result.
    bad: Vec<(usize, u64)>,
}

impl Named {
    pub(super) fn took(&mut self, time: Duration, name: impl FnOnce() -> String) {
        let place = self.slowest.partition_point(|(other, _)| *other >= time);
        if place < MOST_NAMED {
            self.slowest.insert(place, (time, name()));
            self.slowest.truncate(MOST_NAMED);
        }
    }

    pub(super) fn failed(&mut self, what: impl FnOnce() -> String) {
        if self.failures.len() < MOST_NAMED {
            self.failures.push(what());
        }
    }

    pub(super) fn ended_badly(&mut self, worker: u32, call: u64) {
        if self.bad.len() < MOST_BAD {
            self.bad.push((worker as usize, call));
        }
    }

    /// The same recording, in which these have failed. A worker takes calls in their order, so each belongs to the last of its spans that begins with no later one.
    pub(super) fn marked(&self, mut recording: Recording) -> Recording {
        if self.bad.is_empty() {
            return recording;
        }
        let mut order: Vec<usize> = (0..recording.spans.len()).filter(|at| recording.spans[*at].job == 1).collect();
        let place = |span: &BatchSpan| (span.worker, span.first);
        order.sort_by_key(|at| place(&recording.spans[*at]));
        for bad in &self.bad {
            let behind = order.partition_point(|at| place(&recording.spans[*at]) <= *bad);
            let span = behind.checked_sub(1).map(|last| &mut recording.spans[order[last]]);
            if let Some(span) = span.filter(|span| span.worker == bad.0 && span.failed < span.tasks) {
                span.failed += 1;
                recording.totals.returned_errors += 1;
            }
        }
        recording
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_are_named_in_order_and_no_more_than_can_be_read() {
        let mut named = Named::default();
        for nth in 0..100 {
            named.took(Duration::from_millis(nth % 50), || nth.to_string());
            named.failed(|| nth.to_string());
        }
        assert_eq!((named.slowest.len(), named.failures.len()), (MOST_NAMED, MOST_NAMED));
        assert_eq!(named.slowest[..3].iter().map(|(_, name)| &name[..]).collect::<Vec<_>>(), ["49", "99", "48"]);
        assert_eq!(named.failures[0], "0");
    }
}
