//! The worker's two ends of the shared-memory link.
//!
//! A batch is read in place from the task ring, which is mapped read-only; results grow in one group, whose bytes are
//! complete for the coordinator after each task, also when this process dies before it has shown them.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mpexec_ring::{Reason, ResultSender, Segments, TaskReceiver, TaskSignals, space_wait, worker_wait};
use mpexec_wire::{FrameKind, FromWorker, GROUP_HEADER, GroupHeader};

use super::{BATCH, GROUP, SHUTDOWN, TIMING, TIMING_LEN, TOLD_LEN, label};
use crate::link::control::Writer;
use crate::link::parcels::Parcels;
use crate::link::{Inbox, Incoming, LinkError, Marks, Outbox, Timing};
use crate::os::events::Bell;

/// How long to wait for room before looking and ringing again.
const FULL_RING_LOOK: Duration = Duration::from_millis(10);
/// How often an idle worker that outlives its coordinator looks whether it has; nobody is left to wake it then.
const ORPHAN_LOOK: Duration = Duration::from_millis(20);

/// Maps the rings in the worker and makes its two ends.
pub(crate) fn open(
    tasks: OwnedFd,
    results: OwnedFd,
    page: OwnedFd,
    bell: OwnedFd,
    control: Writer,
    parcels: Parcels,
) -> Result<(ShmInbox, ShmOutbox), LinkError> {
    let (tasks, results) = mpexec_ring::open(Segments { tasks, results }, page).map_err(LinkError::broken)?;
    Ok(ends(tasks, results, Bell::from_fd(bell), Outgoing::Socket(control), parcels))
}

/// The worker's two ends over rings that are mapped already.
pub(crate) fn ends(
    tasks: TaskReceiver,
    results: ResultSender,
    bell: Bell,
    post: Outgoing,
    parcels: Parcels,
) -> (ShmInbox, ShmOutbox) {
    results.set_cpu(mpexec_ring::current_cpu());
    (
        ShmInbox { tasks, parcels, orphaned: None },
        ShmOutbox {
            results,
            bell,
            post,
            next_parcel: 0,
            published: true,
            owes_bell: false,
            batch: 0,
            next: 0,
            headed: false,
        },
    )
}

/// The worker's receiving end.
#[derive(Debug)]
pub(crate) struct ShmInbox {
    tasks: TaskReceiver,
    parcels: Parcels,
    /// For a worker that outlives its coordinator: whether it has.
    orphaned: Option<Arc<AtomicBool>>,
}

impl ShmInbox {
    /// When the coordinator is gone, what it has sent is done and then there is an end. What is given back is to be set then.
    pub(crate) fn outlive(&mut self) -> Arc<AtomicBool> {
        self.orphaned.insert(Arc::default()).clone()
    }

    /// Waits for tasks. `false`: there are none and nobody is left to send any.
    fn await_tasks(&self, results: &ResultSender) -> bool {
        let Some(orphaned) = &self.orphaned else {
            worker_wait(&self.tasks, results, Reason::Tasks, None);
            return true;
        };
        // Looked at before the ring: what was sent before the end is seen.
        let mut last = orphaned.load(Ordering::SeqCst);
        while !self.tasks.has_news() {
            if last {
                return false;
            }
            worker_wait(&self.tasks, results, Reason::Tasks, Some(ORPHAN_LOOK));
            last = orphaned.load(Ordering::SeqCst);
        }
        true
    }
}

/// What the worker reads while it runs a batch.
#[derive(Debug)]
pub(crate) struct ShmMarks {
    signals: TaskSignals,
    parcels: Parcels,
}

impl Marks for ShmMarks {
    #[inline]
    fn withdrawn(&self) -> (u64, u64) {
        self.signals.withdrawn()
    }

    fn parcels(&self) -> &Parcels {
        &self.parcels
    }
}

impl Inbox for ShmInbox {
    type Out = ShmOutbox;
    type Marks = ShmMarks;

    fn marks(&self) -> ShmMarks {
        ShmMarks { signals: self.tasks.signals(), parcels: self.parcels.clone() }
    }

    fn next(&mut self, out: &mut ShmOutbox) -> Result<Incoming<'_>, LinkError> {
        if !self.tasks.has_news() {
            out.publish(true)?;
            if !self.await_tasks(&out.results) {
                return Ok(Incoming::Shutdown);
            }
        }
        let record = self.tasks.next().map_err(LinkError::broken)?;
        if record.is_some_and(|record| record.last) {
            // Whoever sleeps deep has the time of this batch to send more.
            out.pay_bell()?;
        }
        match record {
            Some(record) if record.kind == BATCH => Ok(Incoming::Batch(record.payload)),
            Some(record) if record.kind == SHUTDOWN => Ok(Incoming::Shutdown),
            Some(record) => Err(LinkError::broken(format!("a record of the unknown kind {}", record.kind))),
            None => Err(LinkError::broken("the task ring said that there was a task, and there was none")),
        }
    }
}

/// How the worker's parcels and messages go beside the rings.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Over the control socket.
    Socket(Writer),
    /// To a coordinator in this very process.
    Shelf(Parcels),
}

/// The worker's sending end.
#[derive(Debug)]
pub(crate) struct ShmOutbox {
    results: ResultSender,
    bell: Bell,
    post: Outgoing,
    next_parcel: u64,
    published: bool,
    /// Something was shown for which nobody was rung.
    owes_bell: bool,
    /// The open group: its batch, the offset of the next result, whether its header is written.
    batch: u64,
    next: u32,
    headed: bool,
}

impl ShmOutbox {
    /// Says something on the control socket.
    pub(crate) fn say(&mut self, message: &FromWorker) -> Result<(), LinkError> {
        match &mut self.post {
            Outgoing::Socket(writer) => writer.message(message, &[]),
            Outgoing::Shelf(_) => Ok(()),
        }
    }

    /// Shows what is complete. A coordinator that need not hear of every result is rung only if it is `urgent`, or for more
    /// tasks. One that cannot be rung for sleeps on: who cannot ring must leave, which shows.
    fn publish(&mut self, urgent: bool) -> Result<(), LinkError> {
        if !std::mem::replace(&mut self.published, true) && self.results.publish() {
            self.owes_bell = true;
        }
        if self.owes_bell && (urgent || !self.results.coordinator_sleeps_deep()) {
            self.pay_bell()?;
        }
        Ok(())
    }

    fn pay_bell(&mut self) -> Result<(), LinkError> {
        if std::mem::take(&mut self.owes_bell) {
            self.bell.try_ring()?;
        }
        Ok(())
    }

    /// Room that is not simply there: the group's first, past what was known of window and tail, or after a wait.
    #[cold]
    fn space_after_all(&mut self, min: usize) -> Result<&mut [u8], LinkError> {
        while !(if self.headed { self.results.reserve(min, min) } else { self.head_and_reserve(min) }) {
            self.wait_for_space()?;
        }
        Ok(self.results.reserved())
    }

    /// The ring is full: what is complete is shown, and the coordinator, which always drains, makes room. The group
    /// goes on in a new one.
    #[cold]
    fn wait_for_space(&mut self) -> Result<(), LinkError> {
        self.results.end_group();
        self.published = false;
        self.publish(true)?;
        space_wait(&self.results, Some(FULL_RING_LOOK));
        self.results.begin_group(GROUP, self.batch);
        self.headed = false;
        Ok(())
    }

    /// The group's header, which is written before the first result, and room behind it.
    #[cold]
    fn head_and_reserve(&mut self, min: usize) -> bool {
        let Some(space) = self.results.append_space(GROUP_HEADER + min, GROUP_HEADER + min) else {
            return false;
        };
        let mut header = [0; GROUP_HEADER];
        GroupHeader { batch: self.batch, first: self.next, count: 0, nanos: 0, ended: 0 }.write_to(&mut header);
        space[..GROUP_HEADER].copy_from_slice(&header);
        self.results.append(GROUP_HEADER);
        self.headed = true;
        self.results.reserve(min, min)
    }
}

impl Outbox for ShmOutbox {
    #[inline]
    fn begin(&mut self, ordinal: u64) -> Result<(), LinkError> {
        self.results.begin(ordinal);
        Ok(())
    }

    fn say_begun(&mut self, ordinal: u64) -> Result<(), LinkError> {
        self.say(&FromWorker::Begun { ordinal })
    }

    #[inline]
    fn end(&mut self, done: u64) {
        self.results.end(done);
    }

    fn open_group(&mut self, batch: u64, first: u32) -> Result<(), LinkError> {
        self.results.begin_group(GROUP, batch);
        (self.batch, self.next, self.headed) = (batch, first, false);
        Ok(())
    }

    #[inline]
    fn space(&mut self, min: usize) -> Result<&mut [u8], LinkError> {
        if self.headed && self.results.reserve_behind(min) {
            return Ok(self.results.reserved());
        }
        self.space_after_all(min)
    }

    #[inline]
    fn append(&mut self, len: usize) {
        self.results.append(len);
        self.next += 1;
    }

    fn close_group(&mut self, timing: Timing, whole: bool) -> Result<(), LinkError> {
        self.results.end_group();
        // Only advice: when there is no room for it, it is left out.
        let Timing { nanos, count, ended, slowest } = timing;
        let length = if ended > 0 { TOLD_LEN } else { TIMING_LEN };
        if nanos > 0
            && let Some(space) = self.results.grant(length, length)
        {
            space[..8].copy_from_slice(&nanos.to_ne_bytes());
            space[8..TIMING_LEN].copy_from_slice(&u64::from(count).to_ne_bytes());
            if ended > 0 {
                let more = [ended, slowest.0.into(), slowest.1];
                space[TIMING_LEN..TOLD_LEN].copy_from_slice(bytemuck::cast_slice(&more));
            }
            self.results.commit(length, TIMING, 0);
        }
        self.published = false;
        self.publish(whole)
    }

    fn max_entry(&self) -> usize {
        self.results.max_record() - GROUP_HEADER
    }

    fn send_parcel(&mut self, parcel: OwnedFd, length: u64) -> Result<u64, LinkError> {
        let id = self.next_parcel;
        self.next_parcel += 1;
        match &mut self.post {
            Outgoing::Socket(writer) => writer.send(FrameKind::Parcel, &[&label(id, length)], &[parcel.as_fd()])?,
            Outgoing::Shelf(shelf) => shelf.put(id, parcel),
        }
        Ok(id)
    }
}
