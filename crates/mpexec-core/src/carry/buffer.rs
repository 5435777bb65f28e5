//! A buffer in shared memory that many processes read and nobody can write any more.

use std::io::{self, Write};
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use mpexec_ring::{Blank, Parcel, ParcelWriter};

use super::Number;
use crate::os::closing;
use crate::os::descriptors;

/// What the memory is called in lists of mappings.
const NAME: &str = "mpexec-shared";

/// See the head of this file. The descriptor is kept to be passed on.
#[derive(Debug)]
pub(crate) struct Buffer {
    number: Number,
    fd: OwnedFd,
    bytes: Parcel,
}

impl Buffer {
    /// A copy of `bytes`.
    ///
    /// # Errors
    /// What the system says when there is no descriptor or no memory for it.
    pub(crate) fn copy_of(bytes: &[u8]) -> io::Result<Arc<Buffer>> {
        let mut writer = descriptors::with_room(|| ParcelWriter::named(NAME))?;
        writer.write_all(bytes)?;
        Buffer::sealed(writer.finish()?, bytes.len())
    }

    /// A buffer of `length` bytes, zero at first, that `fill` writes.
    ///
    /// # Errors
    /// As [`Buffer::copy_of`].
    pub(crate) fn build(length: usize, fill: impl FnOnce(&mut [u8])) -> io::Result<Arc<Buffer>> {
        let mut blank = descriptors::with_room(|| Blank::create(NAME, length))?;
        fill(blank.bytes_mut());
        Buffer::sealed(blank.finish()?, length)
    }

    fn sealed(fd: OwnedFd, length: usize) -> io::Result<Arc<Buffer>> {
        Buffer::open(fd, length as u64).map_err(io::Error::other)
    }

    /// One that came from another process, which may lie about it.
    ///
    /// # Errors
    /// It can still be written or cut, or has another length.
    pub(crate) fn open(fd: OwnedFd, length: u64) -> Result<Arc<Buffer>, String> {
        descriptors::make_room(fd.as_fd());
        let bytes = match Parcel::map(fd.as_fd(), length) {
            Ok(bytes) => bytes,
            Err(error) => {
                closing::elsewhere(fd);
                return Err(error.to_string());
            }
        };
        Ok(Arc::new(Buffer { number: Number::new(), fd, bytes }))
    }

    pub(crate) fn number(&self) -> u64 {
        self.number.get()
    }

    pub(crate) fn known_as(&self) -> &Number {
        &self.number
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}
