//! Sealed memfds and their mappings: the only file that maps memory.
//!
//! A mapping is a danger as long as somebody can cut the file under it (a bus error on the next
//! access). So no file is mapped here before its seals say that it cannot shrink; with that, the
//! addresses of a [`Map`] are good for as long as it lives, whatever the peer does.
#![expect(unsafe_code, reason = "mmap and munmap are what this file is for")]

use std::ffi::c_void;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};

use crate::error::OpenError;
use crate::longest::may_be_as_long_as;

/// The size is fixed for ever.
pub(crate) const FIXED_SIZE: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW);
/// As [`FIXED_SIZE`], and whoever mapped it writable by now is the only one who ever will.
pub(crate) const ONE_WRITER: SealFlags = FIXED_SIZE.union(SealFlags::FUTURE_WRITE).union(SealFlags::SEAL);
/// Nobody can change it any more.
pub(crate) const FROZEN: SealFlags = FIXED_SIZE.union(SealFlags::WRITE).union(SealFlags::SEAL);

/// A new, empty, sealable memfd that is not inherited.
pub(crate) fn memfd(name: &str) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Hardened systems refuse memfds that may be executed; kernels before 6.3 do not know the flag
    // that says "not this one".
    match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => Ok(memfd_create(name, flags)?),
        other => Ok(other?),
    }
}

/// A memfd of `len` zero bytes whose size is sealed.
pub(crate) fn sized_memfd(name: &str, len: u64) -> io::Result<OwnedFd> {
    may_be_as_long_as(len)?;
    let fd = memfd(name)?;
    ftruncate(&fd, len)?;
    seal(fd.as_fd(), FIXED_SIZE)?;
    Ok(fd)
}

/// So often sealing is tried again, a millisecond apart, while the kernel itself holds pages of the file for a moment.
const TRIES: u32 = 500;

/// Adds seals for good.
pub(crate) fn seal(fd: BorrowedFd<'_>, seals: SealFlags) -> io::Result<()> {
    for _ in 0..TRIES {
        match fcntl_add_seals(fd, seals) {
            Err(Errno::BUSY) => std::thread::park_timeout(Duration::from_millis(1)),
            other => return Ok(other?),
        }
    }
    Ok(fcntl_add_seals(fd, seals)?)
}

/// The size of `fd`, if it has (at least) `seals`.
pub(crate) fn sealed_size(fd: BorrowedFd<'_>, seals: SealFlags, what: &'static str) -> Result<u64, OpenError> {
    let os = |error: Errno| OpenError::Os { what, source: error.into() };
    let has = match fcntl_get_seals(fd) {
        // What is no memfd has no seals at all.
        Err(Errno::INVAL) => SealFlags::empty(),
        other => other.map_err(os)?,
    };
    // A file that nobody can write any more is as good as one with a single writer.
    let enough = has | if has.contains(SealFlags::WRITE) { SealFlags::FUTURE_WRITE } else { SealFlags::empty() };
    if !enough.contains(seals) {
        return Err(OpenError::NotSealed { what, has: has.bits(), needs: seals.bits() });
    }
    Ok(fstat(fd).map_err(os)?.st_size as u64)
}

/// Whether a mapping may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Loads only; a store would be a segmentation fault.
    Read,
    /// Loads and stores.
    ReadWrite,
}

/// A shared mapping of the start of a file that cannot shrink.
#[derive(Debug)]
pub(crate) struct Map {
    start: NonNull<u8>,
    len: usize,
    /// Not mapped at all, for Miri, which has no mmap.
    #[cfg(test)]
    heap: Option<std::sync::Arc<heap::Pages>>,
}

// SAFETY: a Map is an address range that stays mapped until it is dropped; it hands out nothing but
// the address, and has no thread-bound state.
unsafe impl Send for Map {}
// SAFETY: as above; `&Map` gives the address and the length, both constant.
unsafe impl Sync for Map {}

impl Map {
    /// Maps the first `len` bytes (not 0) of `fd`, which must be sealed against shrinking and have
    /// them.
    pub(crate) fn new(fd: BorrowedFd<'_>, len: usize, access: Access, what: &'static str) -> Result<Map, OpenError> {
        let size = sealed_size(fd, SealFlags::SHRINK, what)?;
        if len == 0 || (len as u64) > size {
            return Err(OpenError::WrongSize { what, size });
        }
        let protection = match access {
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        // SAFETY: with a null address and no MAP_FIXED the kernel picks a free range, so no
        // existing mapping is touched. The file has `len` bytes and cannot shrink (checked
        // above), so every access within the range is backed.
        let start = unsafe { mmap(ptr::null_mut(), len, protection, MapFlags::SHARED, fd, 0) };
        let start = start.map_err(|error| OpenError::Os { what, source: error.into() })?;
        Ok(Map::over(start, len))
    }

    /// What `mmap` gave.
    fn over(start: *mut c_void, len: usize) -> Map {
        let start = NonNull::new(start.cast::<u8>()).expect("mmap without MAP_FIXED never gives address 0");
        Map {
            start,
            len,
            #[cfg(test)]
            heap: None,
        }
    }

    /// `len` zero bytes (not 0) that no other process sees.
    pub(crate) fn private(len: usize) -> io::Result<Map> {
        // SAFETY: with a null address and no MAP_FIXED the kernel picks a free range, so no
        // existing mapping is touched; behind it is no file that could shrink.
        let start =
            unsafe { mmap_anonymous(ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) }?;
        Ok(Map::over(start, len))
    }

    /// The first byte; page-aligned, so aligned for everything.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Bytes from [`Self::start`] that may be accessed.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// Fills the tables of a mapping at once, in place of a fault for each page or some; before Linux 5.14 it is left to those.
pub(crate) fn populate(map: &Map, access: Access) {
    let advice = match access {
        Access::Read => Advice::LinuxPopulateRead,
        Access::ReadWrite => Advice::LinuxPopulateWrite,
    };
    // SAFETY: exactly the range of the mapping; this advice changes no byte.
    let _ = unsafe { madvise(map.start().as_ptr().cast::<c_void>(), map.len(), advice) };
}

impl Drop for Map {
    fn drop(&mut self) {
        #[cfg(test)]
        if self.heap.is_some() {
            return;
        }
        // SAFETY: exactly this range came from `mmap` in `new`, it is unmapped only here, and
        // whatever borrowed from it borrowed `self`.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast::<c_void>(), self.len) };
        debug_assert!(unmapped.is_ok(), "munmap of a range of our own failed: {unmapped:?}");
    }
}

/// A mapping of a file that nobody can change any more: plain bytes.
#[derive(Debug)]
pub(crate) struct FrozenMap(Option<Map>);

impl FrozenMap {
    /// Maps all of `fd`, which must have exactly `len` bytes and the seals [`FROZEN`].
    pub(crate) fn new(fd: BorrowedFd<'_>, len: u64, what: &'static str) -> Result<FrozenMap, OpenError> {
        let size = sealed_size(fd, FROZEN, what)?;
        // `st_blocks` counts 512 bytes each, whatever the file system's own blocks are.
        let held = fstat(fd).map_err(|error| OpenError::Os { what, source: error.into() })?.st_blocks as u64 * 512;
        if held < size {
            return Err(OpenError::Hollow { what, size, held });
        }
        match usize::try_from(len) {
            Ok(0) if size == 0 => Ok(FrozenMap(None)),
            Ok(bytes) if size == len => Ok(FrozenMap(Some(Map::new(fd, bytes, Access::Read, what)?))),
            _ => Err(OpenError::WrongSize { what, size }),
        }
    }
}

impl Deref for FrozenMap {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            // SAFETY: the range is mapped readable while `self` lives. The file is sealed against
            // writing and resizing (checked in `new`; F_SEAL_WRITE is refused by the
            // kernel while a writable mapping exists), so the bytes never change.
            Some(map) => unsafe { slice::from_raw_parts(map.start().as_ptr(), map.len()) },
            None => &EMPTY.0,
        }
    }
}

/// No bytes, as aligned as those of a mapping.
#[repr(align(16))]
struct Empty([u8; 0]);
static EMPTY: Empty = Empty([]);

#[cfg(test)]
#[path = "map/heap.rs"]
pub(crate) mod heap;
