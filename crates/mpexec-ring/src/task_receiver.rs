//! The worker's end of the task ring: borrows payloads in place and reads the coordinator's marks.

use crate::cells::TaskCells;
use crate::error::Corrupt;
use crate::memory::TrustedMemory;
use crate::reader::{Limit, Reader};
use crate::record::Capacity;

/// A record, borrowed where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What the sender says it is, never 0.
    pub kind: u32,
    /// What the sender tagged it with.
    pub tag: u64,
    /// The payload, 16-aligned.
    pub payload: &'a [u8],
    /// Nothing was published behind it when it was taken.
    pub last: bool,
}

/// The worker's end of the task ring. See [`crate::TaskSender`] for an example.
#[derive(Debug)]
pub struct TaskReceiver {
    memory: TrustedMemory<TaskCells>,
    capacity: Capacity,
    reader: Reader,
}

impl TaskReceiver {
    pub(crate) fn new(memory: TrustedMemory<TaskCells>, capacity: Capacity) -> Self {
        TaskReceiver { memory, capacity, reader: Reader::new(capacity) }
    }

    /// The next published record, or `None` if there is none now.
    ///
    /// The payload stays good until the worker has reported the outcome of everything in it; the
    /// borrow is shorter, because only the next call moves on. What the worker must read
    /// meanwhile is reachable through [`Self::signals`].
    ///
    /// # Errors
    ///
    /// [`Corrupt`] if the ring holds what no coordinator writes. The worker should then say so and
    /// leave.
    #[expect(clippy::should_implement_trait, reason = "an Iterator cannot lend from itself")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Corrupt> {
        let head = self.memory.cells().head();
        let limit = Limit::published(head);
        // The coordinator frees by outcome, so the space behind the last record may be written
        // again as soon as this is called.
        self.reader.free();
        let Some(piece) = self.reader.next(limit, |offset| self.memory.load_header(offset))? else {
            return Ok(None);
        };
        let payload = self.memory.bytes(self.capacity.offset(piece.at), piece.len as usize);
        let last = self.reader.position() >= head;
        Ok(Some(Record { kind: piece.kind, tag: piece.tag, payload, last }))
    }

    /// Whether [`Self::next`] has something to give.
    pub fn has_news(&self) -> bool {
        self.memory.cells().head() > self.reader.position()
    }

    /// A cheap handle on the coordinator's marks, to be read while a record is borrowed.
    pub fn signals(&self) -> TaskSignals {
        TaskSignals { memory: self.memory.clone() }
    }
}

/// The coordinator's marks, as the worker reads them between two tasks.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let page = mpexec_ring::PoolPage::create()?;
/// let (tasks, _, receiver, results) = mpexec_ring::in_process(1 << 16, &page)?;
/// let signals = receiver.signals();
/// tasks.set_withdrawn(3, 5);
/// results.begin(3); // say first that it starts, then look
/// assert!(signals.is_withdrawn(3) && !signals.is_withdrawn(5));
/// results.end(4);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TaskSignals {
    memory: TrustedMemory<TaskCells>,
}

impl TaskSignals {
    /// Whether the task `ordinal` was taken back. To be asked after [`crate::ResultSender::begin`],
    /// or the answer may come too early.
    #[inline]
    pub fn is_withdrawn(&self, ordinal: u64) -> bool {
        let (lo, hi) = self.withdrawn();
        (lo..hi).contains(&ordinal)
    }

    /// The range of ordinals taken back, as set at one instant.
    #[inline]
    pub fn withdrawn(&self) -> (u64, u64) {
        self.memory.cells().withdrawn()
    }
}
