//! A buffer in shared memory that many processes read and nobody can write any more.

use std::io::{self, Write};
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use mpexec_ring::{Blank, Parcel, ParcelWriter};

use super::new_number;
use crate::os::closing;
use crate::os::descriptors;
use crate::os::events::Bell;

/// What the memory is called in lists of mappings.
const NAME: &str = "mpexec-shared";

/// See the head of this file. The descriptor is kept to be passed on.
#[derive(Debug)]
pub(crate) struct Buffer {
    number: u64,
    fd: OwnedFd,
    bytes: Parcel,
    /// Those whose workers have it too.
    told_at_the_end: Mutex<Vec<Weak<Mailbox>>>,
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
        Ok(Arc::new(Buffer { number: new_number(), fd, bytes, told_at_the_end: Mutex::default() }))
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn told(&self) -> MutexGuard<'_, Vec<Weak<Mailbox>>> {
        self.told_at_the_end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `mailbox` gets its number when nobody here holds it any more.
    pub(crate) fn tell_at_the_end(&self, mailbox: &Arc<Mailbox>) {
        let mut told = self.told();
        told.retain(|other| other.strong_count() > 0);
        if !told.iter().any(|other| other.as_ptr() == Arc::as_ptr(mailbox)) {
            told.push(Arc::downgrade(mailbox));
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        for mailbox in self.told().iter().filter_map(Weak::upgrade) {
            mailbox.put(self.number);
        }
    }
}

/// Numbers of buffers that nobody holds any more. Its lock is held for a moment and nothing else is locked meanwhile: a
/// buffer may be dropped anywhere.
#[derive(Debug)]
pub(crate) struct Mailbox {
    numbers: Mutex<Vec<u64>>,
    bell: Arc<Bell>,
}

impl Mailbox {
    /// `bell` is rung for every number.
    pub(crate) fn new(bell: Arc<Bell>) -> Mailbox {
        Mailbox { numbers: Mutex::default(), bell }
    }

    fn put(&self, number: u64) {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).push(number);
        self.bell.ring();
    }

    /// All that came.
    pub(crate) fn take(&self) -> Vec<u64> {
        std::mem::take(&mut *self.numbers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
