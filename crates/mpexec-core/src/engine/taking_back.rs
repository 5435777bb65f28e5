//! Taking back what a worker has not begun, so that it runs elsewhere or not at all; and looking for work that waits behind a slow task.

use std::time::Instant;

use super::scheduler::{Event, WorkerId};
use super::state::State;
use crate::link::{Upto, Withdrawal};

impl State {
    /// Takes back what worker `id` has not started of `lo..hi`.
    pub(super) fn withdraw(&mut self, id: WorkerId, lo: u64, hi: u64) {
        // What was taken back before and is not passed yet must stay marked, so the new range covers it.
        let lo = if self.sched.workers[id].withdrawing() { lo.min(self.slots[id].withdrawn_lo) } else { lo };
        let Some(link) = self.slots[id].link.as_mut() else {
            return;
        };
        let asked = match link.withdraw(lo, hi) {
            Ok(asked) => asked,
            Err(error) => return self.cannot_send(id, &error),
        };
        let progress = link.progress();
        let running = progress.running;
        self.slots[id].withdrawn_lo = lo;
        let skippable = &mut self.slots[id].skippable;
        // Of what it was asked for before some may be without a result, and skipped for that.
        let open = skippable.end > self.sched.workers[id].next_ordinal_held();
        *skippable = if open { lo.min(skippable.start)..hi.max(skippable.end) } else { lo..hi };
        if self.what_cannot_be(id, progress).is_some() {
            // What it has begun cannot be known.
            self.give_up_if_senseless(id);
            return;
        }
        match asked {
            Withdrawal::Done => {
                // What was finished before the marks were seen has left its result: it is settled first, and tells what has begun by now.
                self.receive_from(id, Upto::Complete);
                if self.give_up_if_senseless(id) {
                    return;
                }
                self.taken_back(id, lo.max(running.map_or(0, |ordinal| ordinal + 1)), hi);
            }
            Withdrawal::Asked => self.sched.workers[id].unanswered += 1,
        }
    }

    /// As [`State::withdraw`], of what is to run elsewhere. The worker's first task stays unless it lies behind others that were taken back: it has
    /// begun, or it will at once. What the worker tells of it may be false, and what begins on one worker after another ends on none.
    pub(super) fn move_back(&mut self, id: WorkerId, lo: u64, hi: u64) {
        // Which is its first, the results say that have come by now.
        self.receive_from(id, Upto::Complete);
        let first = self.sched.workers[id].next_ordinal_held();
        let (wanted, once) = self.sched.workers[id].task_of(first).map_or((false, false), |(job, index)| {
            let wanted = self.jobs.get(&job).is_some_and(|job| job.wants(index));
            (wanted, self.sched.job(job).is_some_and(|job| job.once))
        });
        let behind = self.sched.workers[id].withdrawing() && self.slots[id].withdrawn_lo <= first;
        // One that is to begin once only was sent to a worker that had nothing.
        if wanted && once && behind {
            return;
        }
        let stays = wanted && !behind;
        let lo = if stays { lo.max(first + 1) } else { lo };
        if lo < hi {
            self.withdraw(id, lo, hi);
        }
    }

    pub(super) fn look_for_slow_workers(&mut self) {
        let now = Instant::now();
        for id in 0..self.slots.len() {
            if self.sched.workers[id].held.is_empty() {
                continue;
            }
            let slot = &mut self.slots[id];
            let Some(link) = slot.link.as_ref() else {
                continue;
            };
            let running = link.progress().running;
            let since = match slot.seen_running {
                (seen, Some(since)) if seen == running => since,
                _ => now,
            };
            slot.seen_running = (running, Some(since));
            let stalled_ns = u64::try_from((now - since).as_nanos()).unwrap_or(u64::MAX);
            self.handle(Event::Looked { worker: id, stalled_ns }, |_, _, _| {});
        }
    }
}
