//! A worker dies while finished results lie complete in its ring and were not shown yet, or while one is half written:
//! what was finished is kept and not run again, and nothing of the half is taken for a result.

use std::io::Write;

use mpexec_core::{Exit, TaskError};
use serde::{Deserialize, Serialize, Serializer};

use crate::common::{Scratch, pool};
use crate::{LINKS, alone};

/// In a task: notes that it was run.
fn note(n: u8, path: &str) {
    std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(&[n]).unwrap();
}

/// Each of a batch of a hundred was run once, and all but `culprit` have their results.
fn check(outcomes: Vec<Result<u64, TaskError>>, culprit: u64, notes: &Scratch) {
    assert_eq!(outcomes.len(), 100);
    for (n, outcome) in (0..).zip(outcomes) {
        match outcome {
            Ok(value) => assert!(n != culprit && value == n, "task {n} has the result {value}"),
            Err(error) => {
                assert_eq!(n, culprit, "{error}");
                assert!(matches!(error, TaskError::Crashed { exit: Exit::Signal(6), .. }), "{error}");
            }
        }
    }
    let mut run = std::fs::read(notes.path()).unwrap();
    run.sort_unstable();
    assert!(run.into_iter().eq(0..100), "each was run once");
}

#[test]
fn results_that_were_finished_and_not_shown_when_the_worker_died_are_kept() {
    let _alone = alone();
    for link in LINKS {
        for culprit in [1, 50, 99] {
            let notes = Scratch::new();
            let pool = pool(link, 1);
            let task = |n: u64, culprit: u64, notes: String| {
                note(n as u8, &notes);
                if n == culprit {
                    std::process::abort();
                }
                n
            };
            let tuples = (0..100).map(|n| (n, culprit, notes.text()));
            check(pool.call().chunk_size(100).starmap_outcomes(task, tuples), culprit, &notes);
        }
    }
}

/// Dies in the midst of being written.
#[derive(Deserialize)]
struct Half {
    n: u64,
    culprit: u64,
    padding: Vec<u8>,
}

struct Trap(bool);

impl Serialize for Trap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 {
            std::process::abort();
        }
        Vec::<u8>::new().serialize(serializer)
    }
}

impl Serialize for Half {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // As the fields are read, with what lies between written by then.
        let trap = Trap(self.n == self.culprit);
        if self.padding.is_empty() {
            (self.n, self.culprit, trap).serialize(serializer)
        } else {
            (self.n, &self.padding, trap).serialize(serializer)
        }
    }
}

#[test]
fn a_result_that_was_half_written_when_the_worker_died_is_none() {
    let _alone = alone();
    for link in LINKS {
        // In place, on the heap, and in a memory file of its own.
        for padding in [0, 100_000, 3 << 20] {
            let notes = Scratch::new();
            let pool = pool(link, 1);
            let task = |n: u64, padding: usize, notes: String| {
                note(n as u8, &notes);
                let padding = if n == 50 { vec![1; padding] } else { Vec::new() };
                Half { n, culprit: 50, padding }
            };
            let outcomes =
                pool.call().chunk_size(100).starmap_outcomes(task, (0..100).map(|n| (n, padding, notes.text())));
            let numbers = outcomes.into_iter().map(|outcome| {
                outcome.map(|half| {
                    assert!(half.culprit == 50 && half.padding.is_empty());
                    half.n
                })
            });
            check(numbers.collect(), 50, &notes);
        }
    }
}
