//! Memory that is lent: its maker writes message after message into it, those it is lent to map it once and can only read.
//!
//! It is sealed as the task ring is: its size for ever, and against every writer but the one that had mapped it by then. A message in it must be left
//! alone until those who read it have told that they are done; nothing here sees to that.

use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::slice;

use crate::blank::{allocate, sized};
use crate::error::{OpenError, os};
use crate::map::{Access, Map, ONE_WRITER, populate, seal, sealed_size};

const WHAT: &str = "the lent memory";

/// Memory to lend.
///
/// ```
/// use mpexec_ring::{Lending, Lent};
/// let mut lending = Lending::create("example", 5000)?;
/// let lent = Lent::open(lending.fd())?;
/// lending.bytes_mut()[4999] = 7;
/// assert_eq!((lent.len(), lent[0], lent[4999]), (5000, 0, 7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Lending {
    fd: OwnedFd,
    map: Map,
}

impl Lending {
    /// `len` zero bytes (at least one); `name` is what lists of mappings show. All memory is taken now.
    ///
    /// # Errors
    ///
    /// If the system gives no memfd (descriptors are used up), not so much memory or addresses, or (before Linux 5.1) cannot seal it so.
    pub fn create(name: &str, len: usize) -> io::Result<Lending> {
        let fd = sized(name, len)?;
        let map = Map::new(fd.as_fd(), len, Access::ReadWrite, WHAT).map_err(os)?;
        // First, as a kernel may not know this seal.
        seal(fd.as_fd(), ONE_WRITER)?;
        allocate(fd.as_fd(), len)?;
        populate(&map, Access::ReadWrite);
        Ok(Lending { fd, map })
    }

    /// How long a message may be, in bytes.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// The bytes; aligned to a page. What is written is seen at once by all who have it: also by one in this process, who must not read
    /// meanwhile.
    #[expect(unsafe_code, reason = "the bytes of a mapping as a slice")]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the range is mapped readable and writable while `self` lives, its file cannot shrink (`Map::new` checks the seal), and all of it
        // is there (allocated in `create`). The seals allow no other writer, and `self` is borrowed mutably. Who it is lent to reads a message
        // only between being told of it and telling that it is done, as with a record of the task ring.
        unsafe { slice::from_raw_parts_mut(self.map.start().as_ptr(), self.map.len()) }
    }

    /// To be passed on.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Lent memory, as whoever got it sees it.
///
/// See [`Lending`] for an example.
#[derive(Debug)]
pub struct Lent(Map);

impl Lent {
    /// Maps all of it.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if others than its maker could write it or cut it; [`OpenError::Os`] if it cannot be mapped. (It can be read then: `pread`.)
    pub fn open(fd: BorrowedFd<'_>) -> Result<Lent, OpenError> {
        let size = sealed_size(fd, ONE_WRITER, WHAT)?;
        let len = usize::try_from(size).map_err(|_| OpenError::WrongSize { what: WHAT, size })?;
        let map = Map::new(fd, len, Access::Read, WHAT)?;
        populate(&map, Access::Read);
        Ok(Lent(map))
    }
}

impl Deref for Lent {
    type Target = [u8];

    #[expect(unsafe_code, reason = "the bytes of a mapping as a slice")]
    fn deref(&self) -> &[u8] {
        // SAFETY: the range is mapped readable while `self` lives, and its file can be written by its maker alone (checked in `open`), who leaves
        // a message alone from telling of it until its outcome is known, which its reader tells after its last look.
        unsafe { slice::from_raw_parts(self.0.start().as_ptr(), self.0.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parcel::{Parcel, ParcelWriter};

    #[test]
    #[cfg_attr(miri, ignore = "memfds are not emulated")]
    fn only_its_maker_can_write_it_and_as_often_as_it_likes() {
        let mut lending = Lending::create("test", 100_000).unwrap();
        let lent = Lent::open(lending.fd()).unwrap();
        for value in [1, 2, 3] {
            lending.bytes_mut().fill(value);
            assert!(lent.len() == lending.len() && lent.iter().all(|byte| *byte == value));
        }
        assert!(Map::new(lending.fd(), 100_000, Access::ReadWrite, WHAT).is_err(), "a second writer");
        assert!(rustix::io::pwrite(lending.fd(), b"x", 0).is_err());
        assert!(rustix::fs::ftruncate(lending.fd(), 0).is_err());
        drop(lending);
        assert!(lent.iter().all(|byte| *byte == 3), "who has it keeps it");
    }

    #[test]
    #[cfg_attr(miri, ignore = "memfds are not emulated")]
    fn what_others_can_write_is_not_taken_for_lent_nor_lent_memory_for_a_parcel() {
        let open = crate::map::sized_memfd("test", 4096).unwrap();
        assert!(matches!(Lent::open(open.as_fd()), Err(OpenError::NotSealed { .. })));
        let lending = Lending::create("test", 4096).unwrap();
        assert!(matches!(Parcel::map(lending.fd(), 4096), Err(OpenError::NotSealed { .. })));
        let empty = ParcelWriter::create().unwrap().finish().unwrap();
        assert!(matches!(Lent::open(empty.as_fd()), Err(OpenError::WrongSize { .. })), "there is nothing to map");
    }

    #[test]
    #[cfg_attr(miri, ignore = "memfds are not emulated")]
    fn none_is_made_of_no_bytes_or_of_more_than_there_are() {
        for len in [0, usize::MAX, usize::MAX >> 1] {
            assert!(Lending::create("test", len).is_err(), "{len}");
        }
    }
}
