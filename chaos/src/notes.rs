//! What workers note: which task began, where. One file, to which processes append; and what must hold of it after a round.
//!
//! A process is known by its number and the moment of its first note, because numbers come again.

mod hooks;

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use mpexec_core::{EndResult, Transport, context};
use serde::{Deserialize, Serialize};

use crate::round::{Charge, Fate, Round};

/// A note: task, process, moment, and a word to make it a power of two: a note that lies in one page is written whole or not at
/// all, also by a process that is killed meanwhile.
const LENGTH: usize = 32;

/// In place of a task: the hook at a worker's start,
pub(crate) const START: u64 = u64::MAX;
/// and that at its end.
pub(crate) const END: u64 = u64::MAX - 1;

/// What the workers of a round know of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Scene {
    pub(crate) notes: String,
    pub(crate) hooks: bool,
}

/// In a worker: notes that this task begins.
pub(crate) fn note(task: u64) {
    static NOTES: OnceLock<(File, u64)> = OnceLock::new();
    let (file, born) = NOTES.get_or_init(|| {
        let path = &context::<Scene>().notes;
        let file = OpenOptions::new().append(true).open(path);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        (file.unwrap_or_else(|error| panic!("cannot note in {path}: {error}")), now)
    });
    let words = [task, std::process::id().into(), *born, 0];
    let note: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
    // A write to the end of a file is where nobody else's is.
    let mut to = file;
    to.write_all(&note).expect("the notes take some bytes more");
}

/// All notes of a round.
#[derive(Debug, Default)]
struct Notes {
    /// How often each task began.
    begun: HashMap<u64, u64>,
    /// What each process began, in its order.
    processes: HashMap<(u32, u64), Vec<u64>>,
}

impl Notes {
    /// `None`: they are cut.
    fn read(bytes: &[u8]) -> Option<Notes> {
        let mut notes = Notes::default();
        let (words, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() || !words.len().is_multiple_of(LENGTH / 8) {
            return None;
        }
        for note in words.chunks_exact(LENGTH / 8) {
            let [task, pid, born] = [0, 1, 2].map(|at: usize| u64::from_le_bytes(note[at]));
            if task != START && task != END {
                *notes.begun.entry(task).or_default() += 1;
            }
            notes.processes.entry((pid as u32, born)).or_default().push(task);
        }
        Some(notes)
    }

    fn times(&self, task: u64) -> u64 {
        self.begun.get(&task).copied().unwrap_or(0)
    }

    /// Whether a process of this number ended in the midst of the task, by what it had begun.
    fn ended_in(&self, charge: Charge) -> bool {
        let mut of_pid = self.processes.iter().filter(|((pid, _), _)| *pid == charge.pid).map(|(_, tasks)| tasks);
        of_pid.any(|tasks| tasks.last() == Some(&charge.task))
    }

    /// Whether one did not come so far as to note that it began the task.
    fn never_noted(&self, charge: Charge) -> bool {
        !self.processes.iter().any(|((pid, _), tasks)| *pid == charge.pid && tasks.contains(&charge.task))
    }
}

/// How often each task began and where, against how it ended; `told`: what came over the channel; `ends`: what the end hooks
/// brought.
pub(crate) fn check(round: &Round, file: &Path, told: &[u64], ends: &[EndResult<u64>]) {
    let Some(notes) = fs::read(file).ok().and_then(|bytes| Notes::read(&bytes)) else {
        return round.fault("the notes are cut".to_owned());
    };
    check_tasks(round, &notes);
    if !round.settings.lies {
        check_charges(round, &notes);
        hooks::check(round, &notes, ends);
    }
    let mut heard: HashMap<u64, u64> = HashMap::new();
    told.iter().for_each(|id| *heard.entry(*id).or_default() += 1);
    for (id, times) in heard {
        if times > notes.times(id) {
            round.fault(format!("task {id} was heard {times} times over its channel, more often than it ran"));
        }
    }
}

fn check_tasks(round: &Round, notes: &Notes) {
    let settings = &round.settings;
    let tasks = round.tasks.lock().unwrap_or_else(PoisonError::into_inner);
    for id in notes.begun.keys().filter(|id| !tasks.contains_key(id)) {
        round.fault(format!("a task ran that nobody gave: {id}"));
    }
    for (id, task) in tasks.iter() {
        let (times, most) = (notes.times(*id), task.most(settings));
        // A worker that lies about what it has begun may have it begun again: that is the harm it can do.
        let most_begun = if settings.lies { u64::MAX } else { most };
        let right = match task.fate {
            Fate::Answered | Fate::Died => (1..=most_begun).contains(&times),
            // Not for the last time.
            Fate::NeverBegun => times < most_begun,
            // Nobody waited for it, and a stream that was given up needs not run to its end.
            Fate::Failed | Fate::Unknown => times <= most_begun,
        };
        if !right {
            round.fault(format!("task {id} ({:?}, {:?}) ran {times} times of {most}", task.deed, task.fate));
        }
    }
}

fn check_charges(round: &Round, notes: &Notes) {
    let charged = round.charged.lock().unwrap_or_else(PoisonError::into_inner);
    let mut deaths: HashMap<u32, u64> = HashMap::new();
    for charge in charged.iter() {
        *deaths.entry(charge.pid).or_default() += 1;
        // What is struck from outside may be struck before the task's first word. Over the socket what it told last may be lost
        // with it, and the task before is charged.
        let may = !charge.own && (round.settings.link == Transport::Socket || notes.never_noted(*charge));
        if !(notes.ended_in(*charge) || may) {
            round.fault(format!("task {} is charged with a death that was another's: {charge:?}", charge.task));
        }
    }
    for (pid, times) in deaths {
        // A process that was struck before it noted anything has left no trace.
        let processes = notes.processes.keys().filter(|(noted, _)| *noted == pid).count().max(1) as u64;
        if times > processes {
            round.fault(format!(
                "{times} tasks were charged with the death of process {pid}, of which there were {processes}"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(notes: &[[u64; 4]]) -> Vec<u8> {
        notes.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn two_processes_of_one_number_are_two() {
        let notes = Notes::read(&bytes(&[[7, 100, 1, 0], [8, 100, 1, 0], [7, 100, 2, 0]])).unwrap();
        assert_eq!((notes.times(7), notes.times(8), notes.times(9)), (2, 1, 0));
        let charge = |task| Charge { task, pid: 100, own: true };
        assert!(notes.ended_in(charge(8)) && notes.ended_in(charge(7)));
        assert!(!notes.ended_in(charge(9)) && notes.never_noted(charge(9)) && !notes.never_noted(charge(7)));
        assert!(!notes.ended_in(Charge { task: 7, pid: 101, own: true }));
    }

    #[test]
    fn notes_that_are_cut_are_none() {
        assert!(Notes::read(&bytes(&[[7, 100, 1, 0]])[..31]).is_none());
        assert!(Notes::read(&bytes(&[[7, 100, 1, 0]])[..16]).is_none());
    }
}
