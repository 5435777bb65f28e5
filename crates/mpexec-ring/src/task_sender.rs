//! The coordinator's end of the task ring: encodes in place, publishes, and keeps every task's
//! bytes until its outcome is known.

use std::cell::Cell;
use std::marker::PhantomData;

use crate::cells::{ResultCells, TaskCells};
use crate::futex;
use crate::memory::{ForeignMemory, OwnMemory};
use crate::record::{CONTINUED, Capacity, HEADER, Header, padded};
use crate::writer::{Place, Spot, Writer};

/// Names a record from its commit until it is freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u64,
    len: u32,
}

impl Span {
    /// Payload bytes.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether the payload has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn payload(&self) -> u64 {
        self.start + HEADER
    }

    fn end(&self) -> u64 {
        self.payload() + padded(u64::from(self.len))
    }
}

/// The coordinator's end of the task ring.
///
/// A task's bytes stay where they are until its *outcome* is known, not until it was read: they are
/// the copy from which work that a dead worker left is queued again ([`Self::bytes`]), and the
/// worker cannot write to them.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let page = mpexec_ring::PoolPage::create()?;
/// let (mut tasks, _, mut receiver, _) = mpexec_ring::in_process(1 << 16, &page)?;
/// let room = tasks.grant(5, 64).expect("an empty ring has room");
/// room[..5].copy_from_slice(b"hello");
/// let span = tasks.commit(5, 1, 42);
/// if tasks.publish() {
///     tasks.wake();
/// }
/// let record = receiver.next().expect("nothing is corrupt").expect("one was published");
/// assert_eq!((record.kind, record.tag, record.payload), (1, 42, &b"hello"[..]));
/// assert_eq!(tasks.bytes(span), b"hello");
/// tasks.free_to(span);
/// assert_eq!(tasks.in_use(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TaskSender {
    memory: OwnMemory<TaskCells>,
    worker: ForeignMemory<ResultCells>,
    writer: Writer,
    published: u64,
    tail: u64,
    /// The stretch skipped by the last jump: it counts as used and is not.
    skipped: (u64, u64),
    granted: Option<Place>,
    /// `set_withdrawn` takes `&self` and must not run twice at a time.
    not_sync: PhantomData<Cell<()>>,
}

impl TaskSender {
    pub(crate) fn new(memory: OwnMemory<TaskCells>, worker: ForeignMemory<ResultCells>, capacity: Capacity) -> Self {
        TaskSender {
            memory,
            worker,
            writer: Writer::new(capacity),
            published: 0,
            tail: 0,
            skipped: (0, 0),
            granted: None,
            not_sync: PhantomData,
        }
    }

    /// The longest payload in bytes, a quarter of the ring: it fits into an empty ring wherever
    /// that stands. What is longer travels in a [`crate::Parcel`].
    pub fn max_record(&self) -> usize {
        self.writer.capacity().max_record()
    }

    /// Space for a payload: contiguous, 16-aligned, between `min` and `want` bytes long (and never
    /// longer than [`Self::max_record`]).
    ///
    /// `None`: no room until something is freed, or `min` is above [`Self::max_record`]. A grant
    /// that is not committed leaves no trace; the next one takes its place.
    pub fn grant(&mut self, min: usize, want: usize) -> Option<&mut [u8]> {
        self.granted = None;
        let most = self.max_record();
        if min > most {
            return None;
        }
        let (min, want) = (min as u64, want.clamp(min, most) as u64);
        let place = match self.writer.place_inside(None, self.tail, want) {
            Some(place) => place,
            None => self.writer.place(None, self.tail, min, want)?,
        };
        self.granted = Some(place);
        let offset = self.writer.capacity().offset(place.at);
        Some(self.memory.bytes_mut(offset, place.room as usize))
    }

    /// Makes the first `len` bytes of the grant a record. The worker sees it after the next
    /// [`Self::publish`].
    ///
    /// # Panics
    ///
    /// If nothing is granted, if `len` is more than was granted, or if `kind` is not in `1..1 <<
    /// 31`.
    pub fn commit(&mut self, len: usize, kind: u32, tag: u64) -> Span {
        let place = self.granted.take().expect("commit follows a grant");
        assert!(len as u64 <= place.room, "committed {len} bytes of a grant of {}", place.room);
        assert!((1..CONTINUED).contains(&kind), "kinds are 1 to 2^31 - 1, not {kind}");
        let capacity = self.writer.capacity();
        let span = Span { start: place.at - HEADER, len: len as u32 };
        if place.spot == Spot::NextLap {
            let from = self.writer.head();
            if from != span.start {
                self.memory.store_header(capacity.offset(from), Header::PAD);
                self.skipped = (from, span.start);
            }
        }
        self.memory.store_header(capacity.offset(span.start), Header { len: span.len, kind, tag });
        if place.widens {
            self.writer.widen_to(&place, span.end());
        }
        self.writer.advance(span.end());
        span
    }

    /// Makes everything committed visible to the worker. True: the worker says that it sleeps, call
    /// [`Self::wake`].
    ///
    /// Nothing new since the last call: false, and no fence is paid for.
    pub fn publish(&mut self) -> bool {
        let head = self.writer.head();
        if head == self.published {
            return false;
        }
        self.published = head;
        self.memory.cells().publish(head, self.worker.cells())
    }

    /// Wakes the worker if it sleeps (one system call).
    pub fn wake(&self) {
        self.memory.cells().raise_signal();
        futex::wake(self.memory.cells().signal_word());
    }

    /// The payload of a committed record that is not freed.
    ///
    /// # Panics
    ///
    /// If it is freed already (or of another ring).
    pub fn bytes(&self, span: Span) -> &[u8] {
        assert!(self.tail <= span.start && span.end() <= self.writer.head(), "{span:?} is not in this ring any more");
        self.memory.bytes(self.writer.capacity().offset(span.payload()), span.len())
    }

    /// Frees this record and all before it: their outcomes are known, and the worker has passed them
    /// ([`crate::Progress::done`]). A record that was taken back is passed too before it is freed: the
    /// worker reads every record, if only to skip it. Freeing what is freed already changes nothing.
    ///
    /// # Panics
    ///
    /// If the record is not published.
    pub fn free_to(&mut self, span: Span) {
        assert!(span.end() <= self.published, "{span:?} is freed before it was published");
        self.tail = self.tail.max(span.end());
    }

    /// Nothing is held any more: frees every record, and drops those that were committed but not
    /// published.
    pub fn free_all(&mut self) {
        self.granted = None;
        self.writer.rewind(self.published);
        self.tail = self.published;
        self.skipped = (0, 0);
    }

    /// The tasks with ordinals in `lo..hi` are not to be started any more (an empty range: none).
    /// It replaces the range set before.
    ///
    /// If [`crate::ResultReceiver::progress`] is read after this, every task of the range that is
    /// not shown as running or passed will never start.
    pub fn set_withdrawn(&self, lo: u64, hi: u64) {
        self.memory.cells().withdraw(lo, hi);
    }

    /// Bytes of the ring that are held, headers and padding counted.
    pub fn in_use(&self) -> usize {
        let (from, to) = self.skipped;
        let skipped = to.saturating_sub(from.max(self.tail));
        (self.writer.head() - self.tail - skipped) as usize
    }

    pub(crate) fn cells(&self) -> &TaskCells {
        self.memory.cells()
    }
}
