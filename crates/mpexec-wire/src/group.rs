//! The layout of a *group*: results of consecutive tasks of one batch, from a worker to the coordinator.
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 8 | `batch`: the number of the batch they belong to |
//! | 8 | 4 | `first`: the offset of the first result within that batch |
//! | 12 | 4 | `count`: how many entries follow; 0 means *open*: as many as there are bytes |
//! | 16 | 8 | `nanos`: how long the tasks of this group ran, in nanoseconds |
//! | 24 | 8 | `ended`: when the last of them ended, in nanoseconds of the system's monotonic clock; 0: not told |
//! | 32 | | entries |
//!
//! An entry is `len: u32`, `status: u16`, `flags: u16` (bit 0: the payload is a reference to a parcel), `len` bytes, and zeros up
//! to a multiple of 8. All integers are little endian.
//!
//! A worker appends to an open group as its tasks end, so that a death loses nothing that was finished; the coordinator may take
//! a part of it, and the rest later without another header ([`Results::new`] takes where the rest begins).

use crate::{
    le::{get, put},
    record::{ENTRY_HEADER, ParcelRef, RecordError, take_entry},
};

/// The length of the header of a group, in bytes.
pub const GROUP_HEADER: usize = 32;

/// Flag of a result: its payload is a [`ParcelRef`].
pub const RESULT_PARCEL: u16 = 1;

/// What a task ended as, seen from the worker.
///
/// ```
/// use mpexec_wire::Status;
///
/// assert_eq!(Status::try_from(1)?, Status::Panicked);
/// assert!(Status::try_from(7).is_err());
/// # Ok::<(), mpexec_wire::RecordError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Status {
    /// It returned; the payload is its encoded result.
    Ok = 0,
    /// It panicked; the payload is an encoded [`PanicReport`](crate::PanicReport).
    Panicked = 1,
    /// Its arguments could not be decoded; the payload is a text that says why.
    ArgumentUndecodable = 2,
    /// Its result could not be encoded; the payload is a text that says why.
    ResultUnencodable = 3,
    /// It returned an error of its own; the payload is the encoded list of its text and its causes'.
    TaskErr = 4,
    /// It was taken back before it started; no payload.
    Skipped = 5,
    /// The worker knows no such task function; no payload.
    UnknownFunction = 6,
}

impl Status {
    const ALL: [Self; 7] = [
        Self::Ok,
        Self::Panicked,
        Self::ArgumentUndecodable,
        Self::ResultUnencodable,
        Self::TaskErr,
        Self::Skipped,
        Self::UnknownFunction,
    ];
}

impl TryFrom<u16> for Status {
    type Error = RecordError;

    #[inline]
    fn try_from(value: u16) -> Result<Self, RecordError> {
        let found = Self::ALL.get(usize::from(value)).copied();
        found.ok_or(RecordError::Unknown { what: "status", value: value.into() })
    }
}

/// The header of a group; the file's header gives the layout.
///
/// ```
/// use mpexec_wire::{GROUP_HEADER, GroupHeader};
///
/// let header = GroupHeader { batch: 1, first: 16, count: 0, nanos: 250_000, ended: 0 };
/// let mut bytes = [0; GROUP_HEADER];
/// header.write_to(&mut bytes);
/// assert_eq!(GroupHeader::read(&bytes)?, header);
/// # Ok::<(), mpexec_wire::RecordError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupHeader {
    /// The number of the batch.
    pub batch: u64,
    /// The offset of the first result within the batch.
    pub first: u32,
    /// How many results follow; 0: as many as there are bytes.
    pub count: u32,
    /// How long the tasks of this group ran, in nanoseconds.
    pub nanos: u64,
    /// When the last of them ended, in nanoseconds of the system's monotonic clock; 0: not told.
    pub ended: u64,
}

impl GroupHeader {
    /// Writes the 32 bytes.
    #[inline]
    pub fn write_to(&self, bytes: &mut [u8; GROUP_HEADER]) {
        put(bytes, 0, self.batch);
        put(bytes, 8, self.first);
        put(bytes, 12, self.count);
        put(bytes, 16, self.nanos);
        put(bytes, 24, self.ended);
    }

    /// Reads the header at the start of `bytes`; the results are what follows its 32 bytes.
    ///
    /// # Errors
    /// [`RecordError::Cut`] when there are fewer, [`RecordError::Overflow`] when the last result's offset is beyond the largest number.
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let bytes = bytes.first_chunk::<GROUP_HEADER>().ok_or(RecordError::Cut { what: "a group's header" })?;
        let header = Self {
            batch: get(bytes, 0),
            first: get(bytes, 8),
            count: get(bytes, 12),
            nanos: get(bytes, 16),
            ended: get(bytes, 24),
        };
        if header.first.checked_add(header.count).is_none() {
            return Err(RecordError::Overflow { what: "offset" });
        }
        Ok(header)
    }
}

/// The header of one result of a group.
///
/// ```
/// use mpexec_wire::{ENTRY_HEADER, ResultHeader, Status};
///
/// let mut bytes = [0; ENTRY_HEADER];
/// ResultHeader { len: 3, status: Status::Skipped, flags: 0 }.write_to(&mut bytes);
/// assert_eq!(bytes, [3, 0, 0, 0, 5, 0, 0, 0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultHeader {
    /// The length of the payload in bytes, without padding.
    pub len: u32,
    /// What the task ended as.
    pub status: Status,
    /// [`RESULT_PARCEL`] or 0.
    pub flags: u16,
}

impl ResultHeader {
    /// Writes the 8 bytes.
    #[inline]
    pub fn write_to(&self, bytes: &mut [u8; ENTRY_HEADER]) {
        put(bytes, 0, self.len);
        put(bytes, 4, self.status as u16);
        put(bytes, 6, self.flags);
    }
}

/// One result of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultEntry<'a> {
    /// The offset of its task within the batch.
    pub offset: u32,
    /// What the task ended as.
    pub status: Status,
    /// [`RESULT_PARCEL`] or 0.
    pub flags: u16,
    /// What [`Status`] says, or a [`ParcelRef`] to it.
    pub payload: &'a [u8],
}

impl ResultEntry<'_> {
    /// Where the payload is when it travels by itself.
    ///
    /// ```
    /// use mpexec_wire::{RESULT_PARCEL, ResultEntry, Status};
    ///
    /// let result = ResultEntry { offset: 0, status: Status::Ok, flags: RESULT_PARCEL, payload: &[1; 16] };
    /// assert!(result.parcel().is_some());
    /// ```
    #[inline]
    #[must_use]
    pub fn parcel(&self) -> Option<ParcelRef> {
        (self.flags & RESULT_PARCEL != 0).then(|| ParcelRef::read(self.payload).ok()).flatten()
    }
}

/// The results of a group, from the bytes that follow its header.
///
/// ```
/// use mpexec_wire::{Results, Status};
///
/// let bytes = [/* length */ 1, 0, 0, 0, /* status */ 4, 0, /* flags */ 0, 0, /* payload */ b'!', /* padding */ 0, 0, 0, 0, 0, 0, 0];
/// let results = Results::new(&bytes, 10, 0).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((results[0].offset, results[0].status), (10, Status::TaskErr));
/// # Ok::<(), mpexec_wire::RecordError>(())
/// ```
///
/// It yields what the header promised, or an error where the bytes say otherwise and nothing after it.
#[derive(Debug, Clone)]
pub struct Results<'a> {
    bytes: &'a [u8],
    offset: u32,
    // None: open.
    left: Option<u32>,
}

impl<'a> Results<'a> {
    /// Exactly `count` results, or as many as there are bytes when `count` is 0; the first has the offset `first`.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8], first: u32, count: u32) -> Self {
        Self { bytes, offset: first, left: (count != 0).then_some(count) }
    }

    #[inline(always)]
    fn take(&mut self) -> Result<ResultEntry<'a>, RecordError> {
        let raw = take_entry(self.bytes)?;
        // Nearly every result is an ordinary one, whose second word is 0.
        let (status, flags) = if raw.word == 0 { (Status::Ok, 0) } else { special(raw.word, raw.payload)? };
        let offset = self.offset;
        self.offset = offset.checked_add(1).ok_or(RecordError::Overflow { what: "offset" })?;
        self.left = self.left.map(|left| left - 1);
        self.bytes = raw.rest;
        Ok(ResultEntry { offset, status, flags, payload: raw.payload })
    }
}

/// What the second word of a result's header says, if it is not 0.
#[cold]
fn special(word: u32, payload: &[u8]) -> Result<(Status, u16), RecordError> {
    let status = Status::try_from(word as u16)?;
    let flags = (word >> 16) as u16;
    if flags & !RESULT_PARCEL != 0 {
        return Err(RecordError::Unknown { what: "result's flags", value: flags.into() });
    }
    if flags & RESULT_PARCEL != 0 {
        ParcelRef::read(payload)?;
    }
    Ok((status, flags))
}

impl<'a> Iterator for Results<'a> {
    type Item = Result<ResultEntry<'a>, RecordError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let result = match (self.left, self.bytes.len()) {
            (None | Some(0), 0) => return None,
            (Some(0), left) => Err(RecordError::Trailing { left }),
            _ => self.take(),
        };
        if result.is_err() {
            (self.bytes, self.left) = (&[], None);
        }
        Some(result)
    }
}

impl std::iter::FusedIterator for Results<'_> {}
