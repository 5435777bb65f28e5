//! One job's queue of encoded tasks, and how it is cut into batches.

use std::collections::VecDeque;
use std::time::Duration;

use mpexec_wire::{ENTRY_HEADER, Entries, Entry, append, copied, pad8};

use super::flow::Flow;
use super::pace::{MOST_TASKS, Pace};
use super::terms::{Function, Terms};

/// Single calls that wait are gathered up to so many bytes.
const CALLS_TOGETHER: usize = 64 << 10;

/// Consecutive encoded tasks of one job: `count` entries, one after another, as they lie in a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub first: u64,
    pub count: u32,
    /// 1 for tasks that never were with a dead worker.
    pub attempt: u32,
    pub bytes: Vec<u8>,
    /// How much of `bytes` was cut off already.
    pub from: usize,
}

impl Run {
    /// Whether the job's task `index` is among them.
    pub(super) fn holds(&self, index: u64) -> bool {
        (self.first..self.first + u64::from(self.count)).contains(&index)
    }

    /// What lies behind task `index`; that one and what lies before it stay here, without that one itself.
    fn split_around(&mut self, index: u64) -> Run {
        let before = index.saturating_sub(self.first) as usize;
        let entries = self.entries();
        let skip = |from: usize, count: usize| {
            (0..count).fold(from, |at, _| at + entries.get(at..).and_then(entry_len).unwrap_or(0))
        };
        let at = skip(0, before);
        let behind = entries.get(skip(at, 1)..).unwrap_or_default().to_vec();
        let (first, count) = (index + 1, self.count - before as u32 - 1);
        self.bytes.truncate(self.from + at);
        self.count = before as u32;
        Run { first, count, attempt: self.attempt, bytes: behind, from: 0 }
    }

    /// The entries that are left.
    pub(crate) fn entries(&self) -> &[u8] {
        self.bytes.get(self.from..).unwrap_or_default()
    }
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Job {
    pub function: Function,
    pub queue: VecDeque<Run>,
    /// The owner may still bring input.
    pub input_open: bool,
    /// How often a task may be started when its worker dies under it.
    pub attempts: u32,
    /// How long a task may run.
    pub limit: Option<Duration>,
    /// How much processor time a task may use.
    pub cpu_limit: Option<Duration>,
    /// How much memory of its own, in bytes, a worker may have while it runs a task of it.
    pub memory: Option<u64>,
    /// No task is started twice: one of which that is not certain ends with its worker.
    pub once: bool,
    /// How long a task waits before it is tried again for the first time.
    pub retry_after: Option<Duration>,
    /// Single tasks that wait until they may be tried again.
    pub asleep: Vec<Run>,
    /// A fixed number of tasks per batch, when the caller chose one.
    pub chunk: Option<u32>,
    /// Tasks of the job in workers' hands.
    pub held: u64,
    /// How many tasks the job has in all, where that is known.
    pub total: Option<u64>,
    /// Each task is a job of its own.
    pub calls: bool,
    /// Its owner wants all its results and looks at none before the last.
    pub gathers: bool,
    /// Its results are handed out one by one.
    pub flow: Option<Flow>,
    pub(super) enlisted: bool,
    /// Its first task goes alone, and more than one worker gets none as long as it is short.
    pub(super) scouts: bool,
    pub(super) pace: Pace,
}

impl Job {
    pub(crate) fn new(function: Function, attempts: u32) -> Job {
        Job {
            function,
            queue: VecDeque::new(),
            input_open: true,
            attempts,
            limit: None,
            cpu_limit: None,
            memory: None,
            once: false,
            retry_after: None,
            asleep: Vec::new(),
            chunk: None,
            held: 0,
            total: None,
            calls: false,
            gathers: false,
            flow: None,
            enlisted: false,
            scouts: false,
            pace: Pace::unknown(),
        }
    }

    pub(crate) fn on(function: Function, terms: Terms) -> Job {
        let Terms { attempts, limit, cpu_limit, memory, retry_after, once } = terms;
        Job { limit, cpu_limit, memory, once, retry_after, ..Job::new(function, if once { 1 } else { attempts }) }
    }

    /// The shorter of its limits of time.
    pub(crate) fn shortest_limit(&self) -> Option<Duration> {
        self.limit.into_iter().chain(self.cpu_limit).min()
    }

    /// Whether any of its tasks is not with a worker.
    pub(super) fn waits(&self) -> bool {
        !self.queue.is_empty() || !self.asleep.is_empty()
    }

    pub(super) fn nanos_per_task(&self) -> f64 {
        self.pace.nanos_per_task()
    }

    /// The index of the first task that waits.
    pub(super) fn front(&self) -> Option<u64> {
        self.queue.front().map(|run| run.first)
    }

    /// How many tasks lie together there.
    pub(super) fn front_count(&self) -> u32 {
        self.queue.front().map_or(0, |run| run.count)
    }

    /// How many batches a worker may have in flight. One that is to begin once only goes to a worker that has nothing.
    pub(super) fn depth(&self) -> usize {
        match (self.once, self.pace.is_slow()) {
            (true, _) => 1,
            (false, true) => 2,
            (false, false) => 4,
        }
    }

    /// Tasks in the next batch.
    pub(super) fn batch_size(&self, workers: usize) -> u32 {
        if self.once {
            // Nothing is to lie behind it of which it would not be certain, were its worker to die, whether it has begun.
            return 1;
        }
        if let Some(chunk) = self.chunk {
            return chunk;
        }
        let size = self.pace.size();
        if self.total.is_some_and(|total| self.pace.is_short(total)) {
            return self.pace.fitting();
        }
        // Towards the end the pieces become smaller, so that all workers finish together.
        let left = match (self.input_open, self.total) {
            (false, _) => Some(self.queue.iter().map(|run| u64::from(run.count)).sum::<u64>()),
            (true, Some(total)) => Some(total),
            (true, None) => None,
        };
        match left {
            Some(left) => {
                let share = left.div_ceil(2 * workers.max(1) as u64).max(1);
                u32::try_from(share).map_or(size, |share| size.min(share)).max(1)
            }
            None => size,
        }
    }

    pub(super) fn push_call(&mut self, index: u64, entry: &[u8], spare: &mut Vec<u8>) {
        match self.queue.back_mut() {
            Some(run)
                if run.attempt == 1
                    && run.first + u64::from(run.count) == index
                    && run.count < MOST_TASKS
                    && run.bytes.len() + entry.len() <= CALLS_TOGETHER =>
            {
                append(&mut run.bytes, entry);
                run.count += 1;
            }
            _ => {
                let mut bytes = std::mem::take(spare);
                append(&mut bytes, entry);
                self.queue.push_back(Run { first: index, count: 1, attempt: 1, bytes, from: 0 });
            }
        }
    }

    pub(super) fn queued_entry(&self, index: u64) -> Option<Entry<'_>> {
        let run = self.queue.iter().chain(&self.asleep).find(|run| run.holds(index))?;
        Entries::new(run.entries(), run.count).nth(usize::try_from(index - run.first).ok()?)?.ok()
    }

    pub(super) fn drop_queued(&mut self, index: u64) {
        self.asleep.retain(|run| run.first != index);
        let Some(place) = self.queue.iter().position(|run| run.holds(index)) else {
            return;
        };
        let Some(run) = self.queue.get_mut(place) else {
            return;
        };
        let behind = run.split_around(index);
        if run.count == 0 {
            self.queue.remove(place);
            if behind.count > 0 {
                self.queue.insert(place, behind);
            }
        } else if behind.count > 0 {
            self.queue.insert(place + 1, behind);
        }
    }

    pub(super) fn cut(&mut self, tasks: u32, bytes: usize) -> Option<Run> {
        let front = self.queue.front_mut()?;
        let whole = front.count <= tasks && front.entries().len() <= bytes;
        if whole {
            return self.queue.pop_front();
        }
        let entries = front.entries();
        let (mut length, mut count) = (0, 0);
        while count < tasks.min(front.count) {
            let Some(next) = entries.get(length..).and_then(entry_len) else {
                break;
            };
            if count > 0 && length + next > bytes {
                break;
            }
            length += next;
            count += 1;
        }
        if count == front.count {
            return self.queue.pop_front();
        }
        let piece = copied(entries.get(..length)?);
        let run = Run { first: front.first, count, attempt: front.attempt, bytes: piece, from: 0 };
        front.first += u64::from(count);
        front.count -= count;
        front.from += length;
        Some(run)
    }
}

/// The length of the entry at the start of `bytes`, header and padding counted.
pub(crate) fn entry_len(bytes: &[u8]) -> Option<usize> {
    let payload = u32::from_le_bytes(*bytes.first_chunk::<4>()?);
    let whole = ENTRY_HEADER + pad8(usize::try_from(payload).ok()?);
    (whole <= bytes.len()).then_some(whole)
}
