//! Making the two segments of a worker, and mapping them on the other side.
//!
//! The seals carry the trust. The task segment is sealed against future writing once the
//! coordinator has mapped it, so its one writer is the coordinator. The result segment has its size
//! sealed from the start, so a worker cannot cut it under the coordinator; the worker seals
//! it against further writers once it has mapped it, so a second `open` of the same segments fails
//! instead of sharing their memory.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::error::{OpenError, os};
use crate::map::{Access, FIXED_SIZE, Map, ONE_WRITER, seal, sealed_size, sized_memfd};
use crate::memory::{ForeignMemory, HEADER_PAGE, OwnMemory, TrustedMemory};
use crate::page::{PoolPage, open_page};
use crate::record::Capacity;
use crate::result_receiver::ResultReceiver;
use crate::result_sender::ResultSender;
use crate::task_receiver::TaskReceiver;
use crate::task_sender::TaskSender;

/// Bytes of a ring unless told otherwise. The memory is sparse: a ring that is used lightly touches
/// 128 KiB of it, one without records of more than a mebibyte at most 4 MiB.
pub const DEFAULT_CAPACITY: usize = 32 << 20;

const TASKS: &str = "the task segment";
const RESULTS: &str = "the result segment";

/// The descriptors that a worker needs, to be passed to it once.
#[derive(Debug)]
pub struct Segments {
    /// The task ring: readable only.
    pub tasks: OwnedFd,
    /// The result ring: writable by who opens it first, and of fixed size.
    pub results: OwnedFd,
}

/// Makes the rings of one worker, each of `capacity` bytes (a power of two, 4 KiB to 2 GiB).
///
/// # Errors
///
/// `InvalidInput` for another capacity; else what the system says if it has no descriptor or no
/// address space to give.
///
/// ```
/// let (tasks, _results, segments) = mpexec_ring::create(mpexec_ring::DEFAULT_CAPACITY)?;
/// assert_eq!(tasks.max_record(), mpexec_ring::DEFAULT_CAPACITY / 4);
/// drop(segments); // normally passed to the worker
/// assert!(mpexec_ring::create(5000).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn create(capacity: usize) -> io::Result<(TaskSender, ResultReceiver, Segments)> {
    let capacity = Capacity::new(capacity as u64).ok_or_else(|| {
        let problem =
            format!("a ring has a power of two from {} to {} bytes, not {capacity}", Capacity::MIN, Capacity::MAX);
        io::Error::new(io::ErrorKind::InvalidInput, problem)
    })?;
    let len = HEADER_PAGE + capacity.bytes() as usize;

    let tasks = sized_memfd("mpexec-tasks", len as u64)?;
    let task_map = Map::new(tasks.as_fd(), len, Access::ReadWrite, TASKS).map_err(os)?;
    seal(tasks.as_fd(), ONE_WRITER)?;

    let results = sized_memfd("mpexec-results", len as u64)?;
    let result_map = Map::new(results.as_fd(), len, Access::Read, RESULTS).map_err(os)?;

    let result_memory = ForeignMemory::new(result_map, capacity);
    let sender = TaskSender::new(OwnMemory::new(task_map, capacity), result_memory.clone(), capacity);
    let receiver = ResultReceiver::new(result_memory, capacity);
    Ok((sender, receiver, Segments { tasks, results }))
}

/// Maps the rings in the worker, after looking whether they are what they should be. `page` is
/// [`PoolPage::fd`] as it arrived.
///
/// # Errors
///
/// [`OpenError`] if a descriptor is not such a segment (seals, size), if the segments were opened
/// before, or if the system refuses the mapping.
///
/// ```
/// let page = mpexec_ring::PoolPage::create()?;
/// let (_, _, segments) = mpexec_ring::create(1 << 16)?;
/// let (tasks, results) = mpexec_ring::open(segments, page.fd().expect("others may see it").try_clone_to_owned()?)?;
/// assert!(!tasks.has_news());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open(segments: Segments, page: OwnedFd) -> Result<(TaskReceiver, ResultSender), OpenError> {
    let page = open_page(page.as_fd())?;
    let task_capacity = ring_capacity(sealed_size(segments.tasks.as_fd(), ONE_WRITER, TASKS)?, TASKS)?;
    let capacity = ring_capacity(sealed_size(segments.results.as_fd(), FIXED_SIZE, RESULTS)?, RESULTS)?;

    let task_map = map(segments.tasks.as_fd(), task_capacity, Access::Read, TASKS)?;
    let result_map = map(segments.results.as_fd(), capacity, Access::ReadWrite, RESULTS)?;
    seal(segments.results.as_fd(), ONE_WRITER).map_err(|source| OpenError::Os { what: RESULTS, source })?;

    let task_memory = TrustedMemory::new(task_map, task_capacity);
    let receiver = TaskReceiver::new(task_memory.clone(), task_capacity);
    let sender = ResultSender::new(OwnMemory::new(result_map, capacity), task_memory, page, capacity);
    Ok((receiver, sender))
}

/// Both ends of the rings in one process, over the same memfds mapped twice: for tests, and for a
/// link to a worker that is a thread. Between threads as between processes, a record is freed by
/// its outcome only: one freed while [`TaskReceiver`] still lends it may be overwritten under the
/// borrower.
///
/// # Errors
///
/// As [`create`]; and what [`open`] says, as an `io::Error`.
pub fn in_process(
    capacity: usize,
    page: &PoolPage,
) -> io::Result<(TaskSender, ResultReceiver, TaskReceiver, ResultSender)> {
    let (task_sender, result_receiver, segments) = create(capacity)?;
    let shown = page.fd().ok_or(io::ErrorKind::InvalidInput)?.try_clone_to_owned()?;
    let (task_receiver, result_sender) = open(segments, shown).map_err(os)?;
    Ok((task_sender, result_receiver, task_receiver, result_sender))
}

fn ring_capacity(size: u64, what: &'static str) -> Result<Capacity, OpenError> {
    size.checked_sub(HEADER_PAGE as u64).and_then(Capacity::new).ok_or(OpenError::WrongSize { what, size })
}

fn map(fd: BorrowedFd<'_>, capacity: Capacity, access: Access, what: &'static str) -> Result<Map, OpenError> {
    Map::new(fd, HEADER_PAGE + capacity.bytes() as usize, access, what)
}
