//! Lists that stay short however long the pool lives.

use std::time::Duration;

use crate::recording::{BatchSpan, Depth, SlowTask, WorkerEvent};

const MOST_SPANS: usize = 32_768;
const MOST_SLOW: usize = 32;
const MOST_EVENTS: usize = 4_096;
const MOST_DEPTHS: usize = 4_096;

/// What workers were at. Where there would be too many, neighbours become one.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans {
    all: Vec<BatchSpan>,
    resolution: Duration,
    /// Where each worker's last one is.
    last: Vec<Option<usize>>,
}

impl Spans {
    pub(super) fn into_all(self) -> Vec<BatchSpan> {
        self.all
    }

    pub(super) fn resolution(&self) -> Duration {
        self.resolution
    }

    pub(super) fn add(&mut self, span: BatchSpan) {
        self.put(span);
        if self.all.len() >= MOST_SPANS {
            self.coarsen();
        }
    }

    fn put(&mut self, span: BatchSpan) {
        if self.last.len() <= span.worker {
            self.last.resize(span.worker + 1, None);
        }
        let last = self.last[span.worker].and_then(|at| self.all.get_mut(at));
        match last
            .filter(|last| !self.resolution.is_zero() && span.ended - last.begun.min(span.ended) <= self.resolution)
        {
            Some(last) => join(last, &span),
            None => {
                self.last[span.worker] = Some(self.all.len());
                self.all.push(span);
            }
        }
    }

    #[cold]
    fn coarsen(&mut self) {
        let end = self.all.iter().map(|span| span.ended).max().unwrap_or_default();
        // No finer than what would leave a half of them if they lay side by side.
        let share = end * u32::try_from(self.last.len()).unwrap_or(u32::MAX) / (MOST_SPANS as u32 / 4);
        self.resolution = share.max(self.resolution * 2).max(Duration::from_micros(1));
        while self.all.len() > MOST_SPANS / 2 {
            self.last.clear();
            for span in std::mem::take(&mut self.all) {
                self.put(span);
            }
            if self.all.len() > MOST_SPANS / 2 {
                // Should each worker have one span only, there are as many as workers, which are fewer.
                self.resolution *= 2;
            }
        }
    }
}

fn join(last: &mut BatchSpan, next: &BatchSpan) {
    last.pid = next.pid;
    last.tasks += next.tasks;
    last.failed += next.failed;
    last.batches += next.batches;
    last.died |= next.died;
    last.ended = last.ended.max(next.ended);
    last.received = last.received.max(next.received);
    last.running += next.running;
}

/// The tasks that took longest, the longest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Slowest(Vec<SlowTask>);

impl Slowest {
    pub(super) fn into_all(self) -> Vec<SlowTask> {
        self.0
    }

    /// Whether a task of so many nanoseconds is one of them.
    pub(super) fn takes(&self, nanos: u64) -> bool {
        self.0.len() < MOST_SLOW || self.0.last().is_some_and(|last| u128::from(nanos) > last.took.as_nanos())
    }

    pub(super) fn add(&mut self, task: SlowTask) {
        self.0.truncate(MOST_SLOW - 1);
        let place = self.0.partition_point(|other| other.took >= task.took);
        self.0.insert(place, task);
    }
}

/// What became of workers, from the first on.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    all: Vec<WorkerEvent>,
    left_out: u64,
}

impl Events {
    pub(super) fn into_all(self) -> Vec<WorkerEvent> {
        self.all
    }

    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn add(&mut self, event: WorkerEvent) {
        if self.all.len() < MOST_EVENTS {
            self.all.push(event);
        } else {
            self.left_out += 1;
        }
    }
}

/// How much there was to do, looked at ever more seldom.
#[derive(Clone, Debug, Default)]
pub(super) struct Depths {
    all: Vec<Depth>,
    next: u64,
    pace: u64,
}

/// The time between two looks at first, in nanoseconds.
const PACE: u64 = 100_000;

impl Depths {
    pub(super) fn into_all(self) -> Vec<Depth> {
        self.all
    }

    pub(super) fn is_due(&self, now: u64) -> bool {
        now >= self.next
    }

    pub(super) fn add(&mut self, depth: Depth, now: u64) {
        if self.all.len() == MOST_DEPTHS {
            let mut nth = 0;
            self.all.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
            self.pace = self.pace.max(PACE) * 2;
        }
        self.next = now + self.pace.max(PACE);
        self.all.push(depth);
    }
}
