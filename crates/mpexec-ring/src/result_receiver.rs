//! The coordinator's end of the result ring. Its writer is not trusted: positions and headers are
//! checked, payloads are copied out.

use crate::cells::{ResultCells, TaskCells};
use crate::error::Corrupt;
use crate::memory::ForeignMemory;
use crate::reader::{Limit, Reader};
use crate::record::Capacity;
use crate::task_sender::TaskSender;

/// How far [`ResultReceiver::take`] may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upto {
    /// Whole records that the worker published.
    Published,
    /// Also what is written and not published: finished results in a group that still grows. For
    /// the look after a death, and for the one every millisecond, so that no finished result
    /// waits behind a slow neighbour.
    Complete,
}

/// What was appended to the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The record's kind as the worker gave it: check it.
    pub kind: u32,
    /// The record's tag as the worker gave it: check it.
    pub tag: u64,
    /// Bytes appended to the buffer.
    pub len: usize,
    /// More of the group that the piece taken before this one began. Pieces are cut between
    /// appends, never within one.
    pub continued: bool,
}

/// How far a worker is. Its own word: use it to ask and to account, not to index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The ordinal of the running task, plus 1; 0: none is running.
    pub running: u64,
    /// Ordinals passed. Read after `running`, so it is at least as new.
    pub done: u64,
    /// No worker of sound mind has stored that: something has been written over it, or there is no worker yet.
    pub senseless: bool,
}

/// The coordinator's end of the result ring. See [`crate::ResultSender`] for an example.
#[derive(Debug)]
pub struct ResultReceiver {
    memory: ForeignMemory<ResultCells>,
    capacity: Capacity,
    reader: Reader,
}

impl ResultReceiver {
    pub(crate) fn new(memory: ForeignMemory<ResultCells>, capacity: Capacity) -> Self {
        ResultReceiver { memory, capacity, reader: Reader::new(capacity) }
    }

    /// Whether something is published that was not taken.
    pub fn has_news(&self) -> bool {
        self.memory.cells().head() > self.reader.position()
    }

    /// Whether just what was taken is published. So it is when the worker has nothing to do; it is a load, of a word that
    /// [`Self::has_news`] has loaded.
    pub fn is_quiet(&self) -> bool {
        self.memory.cells().head() == self.reader.position()
    }

    /// Copies one record's payload (or what is new of it) to the end of `out`; an empty `out` is
    /// given exactly that much room.
    ///
    /// `None`: nothing new as far as `upto` looks.
    ///
    /// # Errors
    ///
    /// [`Corrupt`] if the worker wrote what no honest worker writes. `out` is as it was; the worker
    /// should be ended. At most the size of the ring is ever copied between two calls of
    /// [`Self::release`].
    pub fn take(&mut self, upto: Upto, out: &mut Vec<u8>) -> Result<Option<Taken>, Corrupt> {
        let cells = self.memory.cells();
        let limit = match upto {
            Upto::Published => Limit::published(cells.head()),
            Upto::Complete => Limit { published: cells.head(), complete: cells.complete() },
        };
        let Some(piece) = self.reader.next(limit, |offset| self.memory.load_header(offset))? else {
            return Ok(None);
        };
        let len = piece.len as usize;
        self.memory.copy_out(self.capacity.offset(piece.at), len, out);
        Ok(Some(Taken { kind: piece.kind, tag: piece.tag, len, continued: piece.continued }))
    }

    /// Hands the space of what was taken back to the worker. True: the worker says that it sleeps,
    /// call [`TaskSender::wake`].
    ///
    /// The mark lies in the task segment, because this side cannot write to the result segment;
    /// `tasks` is the sender to the same worker.
    pub fn release(&mut self, tasks: &TaskSender) -> bool {
        let cells: &TaskCells = tasks.cells();
        self.reader.free() && cells.release_results(self.reader.freed(), self.memory.cells())
    }

    /// As [`Self::release`], when the worker need not be woken: it sleeps for want of room only if the ring was nearly full.
    /// Without asking whether it sleeps no fence is paid for.
    pub fn release_quietly(&mut self, tasks: &TaskSender) {
        if self.reader.free() {
            tasks.cells().hand_back_results(self.reader.freed());
        }
    }

    /// What the worker says of its progress. After [`TaskSender::set_withdrawn`] it decides which
    /// tasks are the coordinator's again.
    pub fn progress(&self) -> Progress {
        let (running, done, known) = self.memory.cells().progress();
        Progress { running, done, senseless: !known }
    }

    /// Whether the worker says that it sleeps.
    pub fn peer_sleeping(&self) -> bool {
        self.memory.cells().sleeping()
    }

    /// The CPU the worker last ran on, `u32::MAX` if it never said.
    pub fn peer_cpu(&self) -> u32 {
        self.memory.cells().cpu()
    }
}
