//! Messages above a quarter of the ring: each in a memfd of its own, sealed by the writer, checked
//! and used in place by the reader.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::error::OpenError;
use crate::longest::{longest, within};
use crate::map::{FROZEN, FrozenMap, memfd, seal};

/// Bytes gathered before a system call writes them: an encoder writes a few at a time.
const BUFFER: usize = 64 << 10;

/// Writes a message of any length into a memfd.
///
/// ```
/// use std::io::Write;
/// use mpexec_ring::{Parcel, ParcelWriter};
/// let mut writer = ParcelWriter::create()?;
/// writer.write_all(&[7; 100_000])?;
/// let len = writer.len();
/// let parcel = Parcel::open(writer.finish()?, len)?;
/// assert_eq!(parcel.len(), 100_000);
/// assert!(parcel.iter().all(|byte| *byte == 7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ParcelWriter {
    file: io::BufWriter<File>,
    len: u64,
    longest: u64,
}

impl ParcelWriter {
    /// An empty parcel.
    ///
    /// # Errors
    ///
    /// If the system gives no memfd (descriptors are used up).
    pub fn create() -> io::Result<ParcelWriter> {
        ParcelWriter::named("mpexec-parcel")
    }

    /// As [`ParcelWriter::create`]; `name` is what lists of mappings show.
    ///
    /// # Errors
    ///
    /// As [`ParcelWriter::create`].
    pub fn named(name: &str) -> io::Result<ParcelWriter> {
        let file = File::from(memfd(name)?);
        Ok(ParcelWriter { file: io::BufWriter::with_capacity(BUFFER, file), len: 0, longest: longest() })
    }

    /// Bytes written so far. The reader wants to know the number.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Closes the parcel for ever and gives the descriptor to pass on.
    ///
    /// # Errors
    ///
    /// If the memory for the last bytes cannot be had.
    pub fn finish(self) -> io::Result<OwnedFd> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        seal(file.as_fd(), FROZEN)?;
        Ok(file.into())
    }
}

impl Write for ParcelWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        within(self.longest, self.len.saturating_add(bytes.len() as u64))?;
        let written = self.file.write(bytes)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A message in a memfd, used in place. Its bytes are 16-aligned and cannot change, whoever wrote
/// them: that is sealed.
///
/// See [`ParcelWriter`] for an example.
#[derive(Debug)]
pub struct Parcel(FrozenMap);

impl Parcel {
    /// Maps a parcel of exactly `len` bytes.
    ///
    /// Mapping costs nothing per byte, reading does: a file may be long without having memory yet.
    /// If its writer is not trusted, compare `len` with what you would accept first.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the file is not sealed against every change, has another length, has holes,
    /// or cannot be mapped.
    pub fn open(fd: OwnedFd, len: u64) -> Result<Parcel, OpenError> {
        Parcel::map(fd.as_fd(), len)
    }

    /// As [`Parcel::open`]; the descriptor can be passed on.
    ///
    /// # Errors
    ///
    /// As [`Parcel::open`].
    pub fn map(fd: BorrowedFd<'_>, len: u64) -> Result<Parcel, OpenError> {
        FrozenMap::new(fd, len, "the parcel").map(Parcel)
    }
}

impl Deref for Parcel {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
