//! The memory of a segment, and the three ways to look at it: as its one writer, as one who trusts
//! the writer, as one who does not.
//!
//! The first page holds cells ([`crate::cells`]), the rest is the ring. Offsets are checked against
//! the size in every function, always: a wrong offset is a panic and never an access outside. So
//! nothing above this file needs `unsafe`.
#![expect(unsafe_code, reason = "references into shared memory are made here and nowhere else")]

use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{Ordering, compiler_fence};

use crate::cells::{HeaderCells, PageCells, ResultCells, TaskCells};
use crate::map::Map;
use crate::record::{ALIGN, Capacity, HEADER, Header};

/// Bytes before the ring: the header page.
pub(crate) const HEADER_PAGE: usize = 4096;

/// Many bytes are copied in pieces of so many: some processors copy them at a tenth of their pace otherwise (`copying.rs` of mpexec-wire says why).
const PIECE: usize = 2048;

/// What may be laid over a header page.
///
/// # Safety
///
/// The type is `repr(C)`, consists of atomics only (so every bit pattern is a value, and a shared
/// reference allows that other processes store to it), fits in [`HEADER_PAGE`] and is aligned to no
/// more than that.
pub(crate) unsafe trait Cells {}

// SAFETY: `repr(C)` structs of AtomicU64 and AtomicU32; size and alignment are asserted below.
unsafe impl Cells for TaskCells {}
// SAFETY: as above.
unsafe impl Cells for ResultCells {}
// SAFETY: as above.
unsafe impl Cells for PageCells {}

const _: () = {
    assert!(size_of::<TaskCells>() <= HEADER_PAGE && align_of::<TaskCells>() <= HEADER_PAGE);
    assert!(size_of::<ResultCells>() <= HEADER_PAGE && align_of::<ResultCells>() <= HEADER_PAGE);
    assert!(size_of::<HeaderCells>() == HEADER as usize && align_of::<HeaderCells>() <= ALIGN as usize);
    assert!(size_of::<PageCells>() <= HEADER_PAGE && align_of::<PageCells>() <= HEADER_PAGE);
};

/// A mapped segment: a header page, and a ring of `capacity` bytes (none in the page of the pool).
#[derive(Debug)]
struct Segment<C> {
    map: Map,
    capacity: usize,
    cells: PhantomData<C>,
}

impl<C: Cells> Segment<C> {
    fn new(map: Map, capacity: usize) -> Arc<Segment<C>> {
        assert!(capacity.checked_add(HEADER_PAGE) == Some(map.len()), "a segment is a header page and its ring");
        Arc::new(Segment { map, capacity, cells: PhantomData })
    }

    fn cells(&self) -> &C {
        // SAFETY: the page is mapped while `self` lives, its start is page-aligned, and `C: Cells`
        // promises the rest.
        unsafe { self.map.start().cast::<C>().as_ref() }
    }

    /// The address of `len` bytes at `offset` of the ring.
    #[inline]
    fn at(&self, offset: u64, len: usize) -> NonNull<u8> {
        let inside = usize::try_from(offset)
            .ok()
            .filter(|offset| offset.checked_add(len).is_some_and(|end| end <= self.capacity));
        let offset = inside.expect("an access stays within the ring");
        // SAFETY: offset + len <= capacity (just checked) and the mapping has HEADER_PAGE +
        // capacity bytes (checked in `new`).
        unsafe { self.map.start().add(HEADER_PAGE + offset) }
    }

    /// The header at `offset`.
    #[inline]
    fn header(&self, offset: u64) -> &HeaderCells {
        assert!(offset.is_multiple_of(ALIGN), "records start at multiples of 16");
        let start = self.at(offset, HEADER as usize).cast::<HeaderCells>();
        // SAFETY: 16 bytes at `start` are mapped while `self` lives and 16-aligned; two atomic
        // words are valid whatever they hold. Both sides access them atomically whenever
        // they are a header; as payload of another lap they were written before that space
        // was handed back, which orders the two.
        unsafe { start.as_ref() }
    }
}

/// The segment as its only writer sees it.
#[derive(Debug)]
pub(crate) struct OwnMemory<C>(Arc<Segment<C>>);

impl<C: Cells> OwnMemory<C> {
    /// `map` must be writable and the only writable mapping of its file that is used; see
    /// `segments.rs` on how the seals see to that.
    pub(crate) fn new(map: Map, capacity: Capacity) -> OwnMemory<C> {
        OwnMemory(Segment::new(map, capacity.bytes() as usize))
    }

    #[inline]
    pub(crate) fn cells(&self) -> &C {
        self.0.cells()
    }

    /// Bytes this side wrote.
    pub(crate) fn bytes(&self, offset: u64, len: usize) -> &[u8] {
        let start = self.0.at(offset, len);
        // SAFETY: the bytes are mapped while `self` lives. Only this side can store to them, which
        // takes `&mut self`.
        unsafe { slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// Bytes to be written.
    #[inline]
    pub(crate) fn bytes_mut(&mut self, offset: u64, len: usize) -> &mut [u8] {
        let start = self.0.at(offset, len);
        // SAFETY: the bytes are mapped writable while `self` lives; `self` is the one handle that
        // can write (it is not `Clone`) and is borrowed mutably. Another process may look
        // at them early, which does not disturb us and is its own concern.
        unsafe { slice::from_raw_parts_mut(start.as_ptr(), len) }
    }

    /// Writes a header, which vouches for the payload written before it.
    #[inline]
    pub(crate) fn store_header(&mut self, offset: u64, header: Header) {
        self.0.header(offset).store(header.words());
    }

    /// Writes a header that differs from what is there only in its length.
    #[inline]
    pub(crate) fn store_length(&mut self, offset: u64, header: Header) {
        self.0.header(offset).store_first(header.words());
    }
}

/// The segment as seen by one who trusts its writer (a worker reading what its coordinator wrote)
/// and borrows from it.
#[derive(Debug)]
pub(crate) struct TrustedMemory<C>(Arc<Segment<C>>);

impl<C> Clone for TrustedMemory<C> {
    fn clone(&self) -> Self {
        TrustedMemory(Arc::clone(&self.0))
    }
}

impl<C: Cells> TrustedMemory<C> {
    /// `map` must be of a file with one writer that changes bytes only as the protocol allows.
    pub(crate) fn new(map: Map, capacity: Capacity) -> TrustedMemory<C> {
        TrustedMemory(Segment::new(map, capacity.bytes() as usize))
    }

    #[inline]
    pub(crate) fn cells(&self) -> &C {
        self.0.cells()
    }

    #[inline]
    pub(crate) fn load_header(&self, offset: u64) -> [u64; 2] {
        self.0.header(offset).load()
    }

    /// Bytes that the writer published and has not freed.
    #[inline]
    pub(crate) fn bytes(&self, offset: u64, len: usize) -> &[u8] {
        let start = self.0.at(offset, len);
        // SAFETY: the bytes are mapped while `self` lives. Their writer is the `TaskSender` of the
        // coordinator that started this worker (the file's seals leave no other writer),
        // and it leaves published bytes alone until their outcome is known, which this
        // process reports after its last look at them.
        unsafe { slice::from_raw_parts(start.as_ptr(), len) }
    }
}

impl TrustedMemory<PageCells> {
    /// The page of the pool: cells and no ring.
    pub(crate) fn page(map: Map) -> TrustedMemory<PageCells> {
        TrustedMemory(Segment::new(map, 0))
    }
}

/// The segment as seen by one who does not trust its writer: nothing is borrowed, every byte is
/// copied out once and looked at then.
#[derive(Debug)]
pub(crate) struct ForeignMemory<C>(Arc<Segment<C>>);

impl<C> Clone for ForeignMemory<C> {
    fn clone(&self) -> Self {
        ForeignMemory(Arc::clone(&self.0))
    }
}

impl<C: Cells> ForeignMemory<C> {
    pub(crate) fn new(map: Map, capacity: Capacity) -> ForeignMemory<C> {
        ForeignMemory(Segment::new(map, capacity.bytes() as usize))
    }

    #[inline]
    pub(crate) fn cells(&self) -> &C {
        self.0.cells()
    }

    #[inline]
    pub(crate) fn load_header(&self, offset: u64) -> [u64; 2] {
        self.0.header(offset).load()
    }

    /// Appends a copy of `len` bytes at `offset` to `out`.
    pub(crate) fn copy_out(&self, offset: u64, len: usize, out: &mut Vec<u8>) {
        let start = self.0.at(offset, len);
        if out.is_empty() {
            out.reserve_exact(len);
        } else {
            out.reserve(len);
        }
        // SAFETY: the source is mapped readable (`at` checked the bounds) and no reference to it
        // exists; its bytes may change meanwhile, then any of their values may arrive, each
        // of which is a valid u8. The target is spare capacity just reserved, of our own, and
        // disjoint from a mapping; after the copy all `len` bytes of it are initialised.
        unsafe {
            let target = out.as_mut_ptr().add(out.len());
            let mut done = 0;
            while done < len {
                let piece = PIECE.min(len - done);
                ptr::copy_nonoverlapping(start.as_ptr().add(done), target.add(done), piece);
                done += piece;
            }
            out.set_len(out.len() + len);
        }
        // The compiler may otherwise read the source again in place of the copy: it sees nobody who
        // could have changed it.
        compiler_fence(Ordering::SeqCst);
    }
}

/// The page of the pool as the coordinator sees it.
#[derive(Debug)]
pub(crate) struct OwnPage(Arc<Segment<PageCells>>);

impl OwnPage {
    pub(crate) fn new(map: Map) -> OwnPage {
        OwnPage(Segment::new(map, 0))
    }

    pub(crate) fn cells(&self) -> &PageCells {
        self.0.cells()
    }
}

#[cfg(test)]
#[path = "memory/tests.rs"]
mod tests;
