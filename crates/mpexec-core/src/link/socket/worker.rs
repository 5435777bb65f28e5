//! The worker's two ends of the socket link, and what its guard thread does with the frames it reads.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use mpexec_wire::{
    FrameKind, FromWorker, GROUP_HEADER, GroupHeader, Progress as ProgressFrame, ToWorker, copy, decode,
};

use super::marks::Range;
use super::{LARGEST, label};
use crate::link::control::{Writer, frame_into};
use crate::link::parcels::Parcels;
use crate::link::{Inbox, Incoming, LinkError, Marks, Outbox, Timing};
use crate::os::clocks;

/// What the worker's two threads share.
#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<VecDeque<Job>>,
    news: Condvar,
    withdrawn: Range,
    running: AtomicU64,
}

#[derive(Debug)]
enum Job {
    Batch(Vec<u128>, usize),
    Shutdown,
}

impl Shared {
    fn put(&self, job: Job) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(job);
        self.news.notify_one();
    }
}

/// What the guard thread does with a frame.
pub(crate) type TakeIn = Box<dyn FnMut(FrameKind, &[u8]) -> Result<(), LinkError> + Send>;

/// The worker's two ends, and what its guard thread does with the frames it reads.
pub(crate) fn open(writer: Writer, parcels: Parcels) -> (SocketInbox, SocketOutbox, TakeIn) {
    let shared = Arc::new(Shared::default());
    let writer = Arc::new(Mutex::new(writer));
    let inbox = SocketInbox { shared: shared.clone(), parcels, current: Vec::new() };
    let out = SocketOutbox {
        shared: shared.clone(),
        writer: writer.clone(),
        pending: Vec::new(),
        group: Vec::new(),
        written: 0,
        batch: 0,
        first: 0,
        next: 0,
        since: clocks::now(),
        done: 0,
        next_parcel: 0,
    };
    let take_in = move |kind: FrameKind, payload: &[u8]| match kind {
        FrameKind::Batch => {
            let mut words = vec![0u128; payload.len().div_ceil(16)];
            copy(&mut bytemuck::cast_slice_mut::<u128, u8>(&mut words)[..payload.len()], payload);
            shared.put(Job::Batch(words, payload.len()));
            Ok(())
        }
        FrameKind::Control => match decode::<ToWorker>(payload).map_err(LinkError::broken)? {
            ToWorker::Shutdown => {
                shared.put(Job::Shutdown);
                Ok(())
            }
            ToWorker::Withdraw { lo, hi } => {
                shared.withdrawn.set(lo, hi);
                // `running` is the ordinal after the one that runs: the first that has not started.
                let from = lo.max(shared.running.load(Ordering::SeqCst));
                let answer = FromWorker::GaveBack { lo: from, hi };
                writer.lock().unwrap_or_else(PoisonError::into_inner).message(&answer, &[])
            }
            ToWorker::Welcome(_) => Err(LinkError::broken("a second welcome")),
        },
        other => Err(LinkError::broken(format!("a {other:?} frame from the coordinator"))),
    };
    (inbox, out, Box::new(take_in))
}

impl SocketInbox {
    /// When the coordinator is gone, what it has sent is done and then there is an end: to be called when it is.
    pub(crate) fn ending(&self) -> impl FnOnce() + Send + 'static {
        let shared = self.shared.clone();
        move || shared.put(Job::Shutdown)
    }
}

/// The worker's receiving end.
#[derive(Debug)]
pub(crate) struct SocketInbox {
    shared: Arc<Shared>,
    parcels: Parcels,
    current: Vec<u128>,
}

/// What the worker reads while it runs a batch.
#[derive(Debug)]
pub(crate) struct SocketMarks {
    shared: Arc<Shared>,
    parcels: Parcels,
}

impl Marks for SocketMarks {
    fn withdrawn(&self) -> (u64, u64) {
        self.shared.withdrawn.get()
    }

    fn parcels(&self) -> &Parcels {
        &self.parcels
    }
}

impl Inbox for SocketInbox {
    type Out = SocketOutbox;
    type Marks = SocketMarks;

    fn marks(&self) -> SocketMarks {
        SocketMarks { shared: self.shared.clone(), parcels: self.parcels.clone() }
    }

    fn next(&mut self, out: &mut SocketOutbox) -> Result<Incoming<'_>, LinkError> {
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.is_empty() {
            drop(queue);
            out.flush(0)?;
            queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        }
        loop {
            match queue.pop_front() {
                Some(Job::Batch(words, length)) => {
                    self.current = words;
                    return Ok(Incoming::Batch(&bytemuck::cast_slice(&self.current)[..length]));
                }
                Some(Job::Shutdown) => return Ok(Incoming::Shutdown),
                None => queue = self.shared.news.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// The worker's sending end.
#[derive(Debug)]
pub(crate) struct SocketOutbox {
    shared: Arc<Shared>,
    writer: Arc<Mutex<Writer>>,
    /// Frames that are complete.
    pending: Vec<u8>,
    /// The open group: its header and entries, of which `written` bytes are complete.
    group: Vec<u8>,
    written: usize,
    batch: u64,
    first: u32,
    next: u32,
    since: u64,
    done: u64,
    next_parcel: u64,
}

impl SocketOutbox {
    pub(crate) fn say(&mut self, message: &FromWorker) -> Result<(), LinkError> {
        self.flush(0)?;
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).message(message, &[])
    }

    /// What is finished, and what runs now (0: nothing), in one write.
    fn flush(&mut self, running: u64) -> Result<(), LinkError> {
        self.cut_group()?;
        if self.pending.is_empty() && running == 0 {
            return Ok(());
        }
        let told = ProgressFrame { done: self.done, running }.write();
        frame_into(&mut self.pending, FrameKind::Progress, &[&told], 0)?;
        let bytes = std::mem::take(&mut self.pending);
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).send_framed(bytes, &[])
    }

    fn cut_group(&mut self) -> Result<(), LinkError> {
        if self.written > GROUP_HEADER {
            let ended = clocks::now();
            let (nanos, count) = (ended.saturating_sub(self.since), self.next - self.first);
            let header = GroupHeader { batch: self.batch, first: self.first, count, nanos, ended };
            if let Some(place) = self.group.first_chunk_mut() {
                header.write_to(place);
            }
            frame_into(&mut self.pending, FrameKind::Group, &[&self.group[..self.written]], 0)?;
        }
        self.head();
        Ok(())
    }

    fn head(&mut self) {
        self.first = self.next;
        self.group.clear();
        self.group.resize(GROUP_HEADER, 0);
        self.written = GROUP_HEADER;
        self.since = clocks::now();
    }
}

impl Outbox for SocketOutbox {
    fn begin(&mut self, ordinal: u64) -> Result<(), LinkError> {
        self.shared.running.store(ordinal + 1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        self.flush(ordinal + 1)
    }

    fn end(&mut self, done: u64) {
        self.done = done;
    }

    fn open_group(&mut self, batch: u64, first: u32) -> Result<(), LinkError> {
        (self.batch, self.next) = (batch, first);
        self.head();
        Ok(())
    }

    fn space(&mut self, min: usize) -> Result<&mut [u8], LinkError> {
        self.group.resize(self.written + min, 0);
        Ok(&mut self.group[self.written..])
    }

    fn append(&mut self, len: usize) {
        self.written += len;
        self.next += 1;
    }

    fn close_group(&mut self, _timing: Timing, _whole: bool) -> Result<(), LinkError> {
        // Each group carries its own time; it leaves with the next start, or before the worker sleeps.
        self.cut_group()
    }

    fn max_entry(&self) -> usize {
        LARGEST
    }

    fn send_parcel(&mut self, parcel: OwnedFd, length: u64) -> Result<u64, LinkError> {
        let id = self.next_parcel;
        self.next_parcel += 1;
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.send(FrameKind::Parcel, &[&label(id, length)], &[parcel.as_fd()])?;
        Ok(id)
    }
}
