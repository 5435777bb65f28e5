//! A parcel that is filled in place: memory that its maker writes through a mapping and then seals.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::slice;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use rustix::system::sysinfo;

use crate::error::os;
use crate::map::{Access, FROZEN, Map, seal, sized_memfd};

/// Zero bytes that can be written until they are sealed.
///
/// ```
/// use mpexec_ring::{Blank, Parcel};
/// let mut blank = Blank::create("example", 5000)?;
/// blank.bytes_mut()[4999] = 7;
/// let parcel = Parcel::open(blank.finish()?, 5000)?;
/// assert_eq!((parcel[0], parcel[4999]), (0, 7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Blank {
    fd: OwnedFd,
    /// `None` without any bytes: nothing cannot be mapped.
    map: Option<Map>,
}

impl Blank {
    /// `len` zero bytes; `name` is what lists of mappings show. All memory is taken now.
    ///
    /// # Errors
    ///
    /// If the system gives no memfd (descriptors are used up) or not so much memory.
    pub fn create(name: &str, len: usize) -> io::Result<Blank> {
        let fd = sized(name, len)?;
        allocate(fd.as_fd(), len)?;
        if len == 0 {
            return Ok(Blank { fd, map: None });
        }
        let map = Map::new(fd.as_fd(), len, Access::ReadWrite, "the buffer").map_err(os)?;
        Ok(Blank { fd, map: Some(map) })
    }

    /// The bytes; aligned to a page.
    #[expect(unsafe_code, reason = "the bytes of a mapping as a slice")]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match &self.map {
            // SAFETY: the range is mapped readable and writable while `self` lives, its file cannot shrink (`Map::new`
            // checks the seal), and all of it is there (allocated in `create`). The descriptor has been given to
            // nobody and no other mapping of the file exists before `finish`, which consumes `self`; so nobody else
            // reads or writes it, and `self` is borrowed mutably.
            Some(map) => unsafe { slice::from_raw_parts_mut(map.start().as_ptr(), map.len()) },
            None => &mut [],
        }
    }

    /// Closes it for ever and gives the descriptor to pass on.
    ///
    /// # Errors
    ///
    /// If the system refuses to seal it.
    pub fn finish(self) -> io::Result<OwnedFd> {
        // A file that somebody can still write through a mapping is not sealed.
        drop(self.map);
        seal(self.fd.as_fd(), FROZEN)?;
        Ok(self.fd)
    }
}

/// A memfd of `len` zero bytes whose size is sealed, and which the machine may have the memory for.
pub(crate) fn sized(name: &str, len: usize) -> io::Result<OwnedFd> {
    // Asked for more than the machine has, the kernel would end processes before it says no.
    let machine = sysinfo();
    let all = (machine.totalram as u64).saturating_add(machine.totalswap as u64);
    if len as u64 > all.saturating_mul(u64::from(machine.mem_unit)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    sized_memfd(name, len as u64)
}

/// All its memory: a page that is missing later would end the process that touches it.
pub(crate) fn allocate(fd: BorrowedFd<'_>, len: usize) -> io::Result<()> {
    // A signal ends it; what was done until then is given back.
    while len > 0
        && let Err(error) = fallocate(fd, FallocateFlags::empty(), 0, len as u64)
    {
        if error != Errno::INTR {
            return Err(error.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parcel::Parcel;

    #[test]
    #[cfg_attr(miri, ignore = "memfds are not emulated")]
    fn an_untouched_blank_is_a_parcel_of_zeros() {
        for len in [0, 1, 4096, 10_000] {
            let parcel = Parcel::open(Blank::create("test", len).unwrap().finish().unwrap(), len as u64).unwrap();
            assert!(parcel.len() == len && parcel.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "memfds are not emulated")]
    fn an_absurd_length_is_an_error() {
        assert!(Blank::create("test", usize::MAX).is_err());
        assert!(Blank::create("test", usize::MAX >> 1).is_err());
    }
}
