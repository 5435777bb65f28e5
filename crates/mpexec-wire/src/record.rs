//! What all records have in common: padding, the reference to a parcel, and what can be wrong with them.
//!
//! A *record* is what one write to a link carries: a batch of tasks one way (`batch.rs`), a group of results the other way
//! (`group.rs`). Both are a header and entries, the same bytes in a shared-memory ring and in a frame on a socket. The functions
//! work on byte slices alone and check whatever they read, since a worker is not trusted: every length against the bytes that
//! are there, every flag and number against those that exist, every reserved field and padding byte against zero.
//!
//! A payload too large for a record travels by itself, as a *parcel*; the entry then holds a [`ParcelRef`]. One that lies in memory which its reader
//! has already, or gets once, is *lent*; the entry then holds a [`LentRef`].

use thiserror::Error;

use crate::le::{get, put};

/// The length of the header of one entry, in bytes; the same for a task and a result.
pub const ENTRY_HEADER: usize = 8;

/// The length of a [`ParcelRef`], in bytes.
pub const PARCEL_REF: usize = 16;

/// The length of a [`LentRef`], in bytes.
pub const LENT_REF: usize = PARCEL_REF + 8;

/// `n` rounded up to a multiple of 8, the alignment of every payload.
///
/// ```
/// assert_eq!([0, 1, 8, 9].map(mpexec_wire::pad8), [0, 8, 8, 16]);
/// ```
#[inline]
#[must_use]
pub const fn pad8(n: usize) -> usize {
    n.next_multiple_of(8)
}

/// What is wrong with a record. The sender is broken or hostile, and nothing more of this record should be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes end before the thing does.
    #[error("the record ends in the middle of {what}")]
    Cut {
        /// Which part is not there as a whole.
        what: &'static str,
    },
    /// There are bytes behind the last entry.
    #[error("the record has {left} bytes behind its last entry")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// A field holds a value that has no meaning.
    #[error("the record's {what} is {value}, which has no meaning")]
    Unknown {
        /// Which field.
        what: &'static str,
        /// What it holds.
        value: u64,
    },
    /// The record counts beyond the largest number that there is.
    #[error("the record's {what} counts beyond the largest number")]
    Overflow {
        /// Which field.
        what: &'static str,
    },
}

/// A payload that travels by itself, in place of the payload.
///
/// ```
/// use mpexec_wire::{PARCEL_REF, ParcelRef};
///
/// let parcel = ParcelRef { parcel: 3, len: 1 << 30 };
/// let mut payload = [0; PARCEL_REF];
/// parcel.write_to(&mut payload);
/// assert_eq!(ParcelRef::read(&payload)?, parcel);
/// # Ok::<(), mpexec_wire::RecordError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParcelRef {
    /// The parcel's number, given by its sender and never used twice on a link.
    pub parcel: u64,
    /// Its length in bytes.
    pub len: u64,
}

impl ParcelRef {
    /// Writes the 16 bytes.
    #[inline]
    pub fn write_to(&self, bytes: &mut [u8; PARCEL_REF]) {
        put(bytes, 0, self.parcel);
        put(bytes, 8, self.len);
    }

    /// Reads a payload that is a reference to a parcel.
    ///
    /// # Errors
    /// [`RecordError::Cut`] or [`RecordError::Trailing`] when it is not 16 bytes long.
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let what = "a reference to a parcel";
        let (bytes, rest) = bytes.split_first_chunk::<PARCEL_REF>().ok_or(RecordError::Cut { what })?;
        if !rest.is_empty() {
            return Err(RecordError::Trailing { left: rest.len() });
        }
        Ok(Self { parcel: get(bytes, 0), len: get(bytes, 8) })
    }
}

/// A parcel in memory that its sender writes again and again.
///
/// ```
/// use mpexec_wire::{LENT_REF, LentRef, ParcelRef};
///
/// let lent = LentRef { parcel: ParcelRef { parcel: 3, len: 1 << 20 }, memory: 2 };
/// let mut payload = [0; LENT_REF];
/// lent.write_to(&mut payload);
/// assert_eq!(LentRef::read(&payload)?, lent);
/// # Ok::<(), mpexec_wire::RecordError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LentRef {
    /// The parcel's own number, which no other parcel in this memory has, and how many bytes from the memory's start on are its.
    pub parcel: ParcelRef,
    /// The number by which its sender has passed the memory on.
    pub memory: u64,
}

impl LentRef {
    /// Writes the 24 bytes.
    #[inline]
    pub fn write_to(&self, bytes: &mut [u8; LENT_REF]) {
        put(bytes, 0, self.parcel.parcel);
        put(bytes, 8, self.parcel.len);
        put(bytes, PARCEL_REF, self.memory);
    }

    /// Reads a payload that names a lent parcel.
    ///
    /// # Errors
    /// [`RecordError::Cut`] or [`RecordError::Trailing`] when it is not 24 bytes long.
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let what = "a reference to lent memory";
        let (bytes, rest) = bytes.split_first_chunk::<LENT_REF>().ok_or(RecordError::Cut { what })?;
        if !rest.is_empty() {
            return Err(RecordError::Trailing { left: rest.len() });
        }
        Ok(Self { parcel: ParcelRef { parcel: get(bytes, 0), len: get(bytes, 8) }, memory: get(bytes, PARCEL_REF) })
    }
}

/// One entry of a record: its second header word, its payload, and the bytes after it.
pub(crate) struct Raw<'a> {
    pub(crate) word: u32,
    pub(crate) payload: &'a [u8],
    pub(crate) rest: &'a [u8],
}

/// Takes the next entry; the meaning of the second header word is the caller's.
#[inline]
pub(crate) fn take_entry(bytes: &[u8]) -> Result<Raw<'_>, RecordError> {
    let (header, bytes) =
        bytes.split_first_chunk::<ENTRY_HEADER>().ok_or(RecordError::Cut { what: "an entry's header" })?;
    let len = get::<u32>(header, 0) as usize;
    // Before rounding up, which a length at the end of a 32-bit address space would overflow.
    if len > bytes.len() {
        return Err(RecordError::Cut { what: "an entry's payload" });
    }
    let padded = pad8(len);
    let (whole, rest) = bytes.split_at_checked(padded).ok_or(RecordError::Cut { what: "an entry's padding" })?;
    if padded > len {
        // The padding is the upper end of the last word: one load instead of a loop over up to seven bytes.
        let used = 8 - (padded - len);
        let value = get::<u64>(whole, padded - 8) >> (8 * used);
        if value != 0 {
            return Err(RecordError::Unknown { what: "padding", value });
        }
    }
    let payload = &whole[..len];
    Ok(Raw { word: get(header, 4), payload, rest })
}
