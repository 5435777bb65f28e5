//! The ways to a worker: one contract, three links.
//!
//! A link carries batches one way and groups of results the other, both as the bytes that `mpexec_wire::record` lays
//! out. It keeps a batch's bytes until it is told that all its outcomes are settled; from there unfinished work
//! is queued again when the worker dies. It knows which task the worker is in (the progress), and it can take back what
//! the worker has not started.
//!
//! | link | data | for |
//! |---|---|---|
//! | [`shm`] | two sealed shared-memory rings | Linux, what `auto` picks |
//! | [`socket`] | the control socket itself | every Unix |
//! | [`memory`] | the same rings within one process, worker on a thread | tests of the machinery |
//!
//! The worker's side of each implements [`Inbox`] and [`Outbox`]; the serving loop is written over these.

pub(crate) mod control;
pub(crate) mod memory;
pub(crate) mod parcels;
pub(crate) mod shm;
pub(crate) mod socket;
#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::BorrowedFd;

use mpexec_ring::Parcel;
use mpexec_wire::{ENTRY_HEADER, RESULT_PARCEL, ResultHeader, Status, copy, pad8};

use parcels::Parcels;

/// What is wrong with a link; the worker at its other end is then given up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The other side closed it.
    #[error("the link was closed by the other side")]
    Closed,
    /// The other side sent something that cannot be.
    #[error("the other side broke the protocol: {0}")]
    Broken(String),
    /// A result is longer than the pool takes.
    #[error("it sent a result of {bytes} bytes, more than max_message ({most} bytes)")]
    TooLarge {
        /// What the worker says.
        bytes: u64,
        /// What the pool takes.
        most: u64,
    },
    /// The worker cannot serve, and says why.
    #[error("it cannot serve: {0}")]
    Refused(String),
    /// The system refused.
    #[error("the link failed: {0}")]
    Io(#[from] io::Error),
}

impl LinkError {
    pub(crate) fn broken(what: impl std::fmt::Display) -> LinkError {
        LinkError::Broken(what.to_string())
    }
}

/// Where the worker is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The ordinal of the task it is in.
    pub running: Option<u64>,
    /// All ordinals below are behind it.
    pub passed: u64,
    /// What it tells is no word of a worker of sound mind.
    pub senseless: bool,
}

impl Progress {
    /// How far it tells to have come, in halves of a task: one that has begun is one half. Of one worker this never falls.
    pub(crate) fn halves(&self) -> u64 {
        self.running.map_or(self.passed.saturating_mul(2), |running| running.saturating_mul(2).saturating_add(1))
    }
}

/// What a look at the results brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A group of results: its header, then entries.
    Group,
    /// Further entries of the group before.
    Continued,
    /// The worker measured.
    Timing(Timing),
    /// On the socket: the answer to taking back: nothing of `from..to` will be started.
    GaveBack { from: u64, to: u64 },
}

/// What a worker measured of tasks whose results follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timing {
    /// How long they took together, in nanoseconds; 0: they were not timed.
    pub nanos: u64,
    pub count: u32,
    /// When the last of them ended, in nanoseconds of the system's monotonic clock; 0: not told.
    pub ended: u64,
    /// Which of them took longest, as its offset within the batch, and how long; 0: not told.
    pub slowest: (u32, u64),
}

/// How far to read results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upto {
    /// What the worker has published: the cheap, usual look.
    Published,
    /// Everything that is complete, published or not: after a death, and at the regular look.
    Complete,
}

/// What came of asking for work back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Withdrawal {
    /// Nothing in the range will be started any more, except the task that is running now.
    Done,
    /// The worker will answer ([`Received::GaveBack`]).
    Asked,
}

/// The coordinator's end of the way to one worker.
pub(crate) trait Link: Send {
    /// The largest batch that may be sent in one piece, in bytes.
    fn max_batch(&self) -> usize;
    /// Puts a batch (header and entries) on its way; `false` when there is no room now. Not visible before `publish`.
    fn send(&mut self, header: &[u8], entries: &[u8]) -> Result<bool, LinkError>;
    /// Makes what was sent visible, and wakes the worker if it sleeps.
    fn publish(&mut self) -> Result<(), LinkError>;
    /// The entries of the `nth` batch sent that is not freed yet, counted from the oldest.
    fn held(&self, nth: usize) -> &[u8];
    /// Frees the oldest batch.
    fn free_front(&mut self);
    /// Whether there is something to receive. Cheap: a load.
    fn has_news(&self) -> bool;
    /// Whether the worker has said nothing that was not taken in, as far as loads tell. So it is when it has nothing.
    fn is_quiet(&self) -> bool {
        !self.has_news()
    }
    /// One thing that the worker sent; its bytes are appended to `out`. They are a copy: the worker can no longer touch them.
    fn receive(&mut self, upto: Upto, out: &mut Vec<u8>) -> Result<Option<Received>, LinkError>;
    /// Gives the space of all that was received back to the worker.
    fn release(&mut self);
    /// Where the worker is.
    fn progress(&self) -> Progress;
    /// Takes back the ordinals `lo..hi` as far as they are not started.
    fn withdraw(&mut self, lo: u64, hi: u64) -> Result<Withdrawal, LinkError>;
    /// The processor the worker last ran on, if it says so: decides whether waiting for it spins.
    fn peer_cpu(&self) -> Option<u32>;
    /// Sends a descriptor ahead of the batch that names it.
    fn send_parcel(&mut self, id: u64, parcel: BorrowedFd<'_>, length: u64) -> Result<(), LinkError>;
    /// How many parcels were sent.
    fn parcels_sent(&self) -> u64;
    /// The worker needs these no longer, whether it has used them or not.
    fn forget_parcels(&mut self, ids: &[u64]) -> Result<(), LinkError>;
    /// A parcel that the worker sent ahead of the result that names it.
    fn take_parcel(&mut self, id: u64, length: u64) -> Result<Parcel, LinkError>;
    /// Asks the worker to leave when it has done what it holds.
    fn shut_down(&mut self) -> Result<(), LinkError>;
    /// Something is readable on the control socket, or it became writable. `true`: there may be more, but the results
    /// that are here are to be received first.
    fn attend(&mut self) -> Result<bool, LinkError>;
    /// Whether the socket should be watched for room to write.
    fn wants_to_write(&self) -> bool {
        false
    }
    /// The control socket, if there is one beside the data.
    fn control(&self) -> Option<BorrowedFd<'_>> {
        None
    }
    /// Whether what has come ends in the midst of something: what the worker has told last may be missing.
    fn is_cut(&self) -> bool {
        false
    }
    /// Whether a message from the worker has begun to come on its socket and is not whole.
    fn is_mid_message(&self) -> bool;
    /// Of a dead worker that broke the protocol or was cut short: whether it may have begun the task with this ordinal, or one
    /// after it.
    fn may_have_begun(&mut self, _ordinal: u64) -> bool {
        true
    }
    /// Whether a task can make its worker unsay what it has told: a word in memory can be written over, one on a socket is out.
    fn can_unsay(&self) -> bool {
        false
    }
    /// All ordinals that it has said to have begun, where that cannot be taken back and is said beside its progress, are below.
    fn said_begun(&self) -> u64 {
        0
    }
    /// Of a worker that has nothing: whether it has begun a task without having said so as it should ([`Link::said_begun`]).
    fn owes_word(&self) -> bool {
        false
    }
    /// Whether only asking (a system call) tells if there is news.
    fn must_ask(&self) -> bool {
        false
    }
    /// The descriptor whose readiness means news, for whoever waits.
    fn bell(&self) -> BorrowedFd<'_>;
}

/// What a worker finds in its inbox.
#[derive(Debug)]
pub(crate) enum Incoming<'a> {
    /// A batch: header and entries, to be read in place.
    Batch(&'a [u8]),
    /// Leave.
    Shutdown,
}

/// The range of ordinals that the coordinator has taken back.
pub(crate) trait Marks {
    /// `lo..hi` as it stands now; read after [`Outbox::begin`].
    fn withdrawn(&self) -> (u64, u64);
    /// What was sent beside the batches.
    fn parcels(&self) -> &Parcels;
}

/// The worker's receiving end.
pub(crate) trait Inbox {
    /// The sending end that belongs to it.
    type Out: Outbox;
    /// A handle on what the coordinator has taken back, usable while a batch is borrowed.
    type Marks: Marks;

    /// The handle.
    fn marks(&self) -> Self::Marks;
    /// Waits for the next thing to do. What was finished is published before it sleeps.
    fn next(&mut self, out: &mut Self::Out) -> Result<Incoming<'_>, LinkError>;
}

/// The worker's sending end. Results of one batch follow each other in a group.
pub(crate) trait Outbox {
    /// The task with this ordinal is about to start; a full barrier.
    fn begin(&mut self, ordinal: u64) -> Result<(), LinkError>;
    /// That the task with this ordinal is about to start, which is to begin once only, is said where it cannot be taken back, unless
    /// [`Outbox::begin`] does that.
    fn say_begun(&mut self, _ordinal: u64) -> Result<(), LinkError> {
        Ok(())
    }
    /// Everything below `done` is behind us.
    fn end(&mut self, done: u64);
    /// A new group: results of `batch` from offset `first` on.
    fn open_group(&mut self, batch: u64, first: u32) -> Result<(), LinkError>;
    /// Room for one entry of at least `min` bytes; waits until the coordinator has made room.
    fn space(&mut self, min: usize) -> Result<&mut [u8], LinkError>;
    /// The entry is written and is `len` bytes long (a multiple of eight).
    fn append(&mut self, len: usize);
    /// Ends the group and shows it. Who need not hear of every result is told at once only of one that is `whole`: a batch for itself.
    fn close_group(&mut self, timing: Timing, whole: bool) -> Result<(), LinkError>;
    /// Entries longer than this travel as parcels.
    fn max_entry(&self) -> usize;
    /// Sends a finished parcel ahead of the entry that names it; returns its number.
    fn send_parcel(&mut self, parcel: std::os::fd::OwnedFd, length: u64) -> Result<u64, LinkError>;
}

/// One result entry as a whole: header, payload, padding.
pub(crate) fn write_result(
    out: &mut dyn Outbox,
    status: Status,
    parcel: bool,
    payload: &[u8],
) -> Result<(), LinkError> {
    let whole = ENTRY_HEADER + pad8(payload.len());
    let header = result_header(payload.len(), status, parcel)?;
    let space = out.space(whole)?;
    let (head, body) = space.split_at_mut(ENTRY_HEADER);
    head.copy_from_slice(&header);
    copy(&mut body[..payload.len()], payload);
    body[payload.len()..whole - ENTRY_HEADER].fill(0);
    out.append(whole);
    Ok(())
}

/// The header of a result entry.
pub(crate) fn result_header(length: usize, status: Status, parcel: bool) -> Result<[u8; ENTRY_HEADER], LinkError> {
    let len = u32::try_from(length).map_err(LinkError::broken)?;
    let mut bytes = [0; ENTRY_HEADER];
    ResultHeader { len, status, flags: if parcel { RESULT_PARCEL } else { 0 } }.write_to(&mut bytes);
    Ok(bytes)
}
