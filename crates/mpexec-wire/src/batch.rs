//! The layout of a *batch*: consecutive tasks of one job, from the coordinator to a worker.
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 8 | `batch`: the batch's number |
//! | 8 | 8 | `base_ordinal`: the ordinal of the first task among all that this worker was ever sent |
//! | 16 | 8 | `first_index`: the index of the first task within its job |
//! | 24 | 8 | `function`: which task function, meant as the next field says |
//! | 32 | 4 | `function_kind`: 0 an offset of its entry in the executable, 1 the number of a registered name, 2 the JSON door of that |
//! | 36 | 4 | `count`: how many entries follow |
//! | 40 | 4 | `flags`: bit 0, each task is a job of its own, with index 0; bit 1, the worker tells when it ran them |
//! | 44 | 4 | `attempt`: 0 the first time, then one more each time |
//! | 48 | 8 | `parcels`: how many parcels were sent to this worker before this batch |
//! | 56 | | `count` entries |
//!
//! An entry is `len: u32`, `flags: u32` (bit 0: the payload is a reference to a parcel; bit 1, not with bit 0: to one in lent memory), `len` bytes,
//! and zeros up to a multiple of 8. All integers are little endian. Payloads lie at multiples of 8 from the start of the batch, so that arguments can
//! be borrowed in place.

use crate::{
    le::{get, put},
    record::{ENTRY_HEADER, LentRef, ParcelRef, RecordError, take_entry},
};

/// The length of the header of a batch, in bytes.
pub const BATCH_HEADER: usize = 56;

/// Flag of a batch: each task is a job of its own, with index 0 (many single calls sent together).
pub const BATCH_CALLS: u32 = 1;

/// Flag of a batch: the worker tells when its tasks ended, and which took longest.
pub const BATCH_TIMED: u32 = 2;

/// Flag of a batch: a task of it is to begin once only, so the worker says on its socket that it begins ([`FromWorker::Begun`](crate::FromWorker)),
/// also where it tells so in shared memory: what is in memory a task can write over.
pub const BATCH_ONCE: u32 = 4;

/// Flag of an entry: its payload is a [`ParcelRef`].
pub const ENTRY_PARCEL: u32 = 1;

/// Flag of an entry: its payload is a [`LentRef`].
pub const ENTRY_LENT: u32 = 2;

/// How the number of a task function is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum FunctionKind {
    /// The offset of its entry in the executable that both sides run.
    Offset = 0,
    /// The number of its name in the list that the worker said hello with.
    Named = 1,
    /// The same, but arguments and result are JSON.
    NamedJson = 2,
}

/// The header of a batch; the file's header gives the layout.
///
/// ```
/// use mpexec_wire::{BATCH_HEADER, BatchHeader, FunctionKind};
///
/// let header = BatchHeader {
///     batch: 1, base_ordinal: 40, first_index: 7, function: 0x1234, function_kind: FunctionKind::Offset,
///     count: 3, flags: 0, attempt: 0, parcels: 2,
/// };
/// let mut bytes = [0; BATCH_HEADER];
/// header.write_to(&mut bytes);
/// assert_eq!(BatchHeader::read(&bytes)?, header);
/// # Ok::<(), mpexec_wire::RecordError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// The batch's number.
    pub batch: u64,
    /// The ordinal of its first task among all tasks that this worker was ever sent.
    pub base_ordinal: u64,
    /// The index of its first task within the job.
    pub first_index: u64,
    /// The task function, as `function_kind` says.
    pub function: u64,
    /// How `function` is meant.
    pub function_kind: FunctionKind,
    /// How many tasks there are.
    pub count: u32,
    /// [`BATCH_CALLS`], [`BATCH_TIMED`] and [`BATCH_ONCE`], or 0.
    pub flags: u32,
    /// How often this batch was sent before.
    pub attempt: u32,
    /// How many parcels were sent to this worker before: once so many have come, one that is not there will not come.
    pub parcels: u64,
}

impl BatchHeader {
    /// Writes the 56 bytes.
    #[inline]
    pub fn write_to(&self, bytes: &mut [u8; BATCH_HEADER]) {
        put(bytes, 0, self.batch);
        put(bytes, 8, self.base_ordinal);
        put(bytes, 16, self.first_index);
        put(bytes, 24, self.function);
        put(bytes, 32, self.function_kind as u32);
        put(bytes, 36, self.count);
        put(bytes, 40, self.flags);
        put(bytes, 44, self.attempt);
        put(bytes, 48, self.parcels);
    }

    /// Reads the header at the start of `bytes`; the entries are what follows its 56 bytes.
    ///
    /// # Errors
    /// [`RecordError::Cut`] when there are fewer, [`RecordError::Unknown`] for a flag or a kind of function that does not
    /// exist, [`RecordError::Overflow`] when the last task's ordinal or index is beyond the largest number.
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let bytes = bytes.first_chunk::<BATCH_HEADER>().ok_or(RecordError::Cut { what: "a batch's header" })?;
        let header = Self {
            batch: get(bytes, 0),
            base_ordinal: get(bytes, 8),
            first_index: get(bytes, 16),
            function: get(bytes, 24),
            function_kind: match get::<u32>(bytes, 32) {
                0 => FunctionKind::Offset,
                1 => FunctionKind::Named,
                2 => FunctionKind::NamedJson,
                other => return Err(unknown("kind of function", other)),
            },
            count: get(bytes, 36),
            flags: get(bytes, 40),
            attempt: get(bytes, 44),
            parcels: get(bytes, 48),
        };
        if header.flags & !(BATCH_CALLS | BATCH_TIMED | BATCH_ONCE) != 0 {
            return Err(unknown("batch's flags", header.flags));
        }
        // So that whoever adds an offset to them need not look again.
        for (what, first) in [("ordinal", header.base_ordinal), ("index", header.first_index)] {
            if first.checked_add(header.count.into()).is_none() {
                return Err(RecordError::Overflow { what });
            }
        }
        Ok(header)
    }
}

/// The header of one task of a batch.
///
/// ```
/// use mpexec_wire::{ENTRY_HEADER, EntryHeader};
///
/// let mut bytes = [0; ENTRY_HEADER];
/// EntryHeader { len: 3, flags: 0 }.write_to(&mut bytes);
/// assert_eq!(bytes, [3, 0, 0, 0, 0, 0, 0, 0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryHeader {
    /// The length of the payload in bytes, without padding.
    pub len: u32,
    /// [`ENTRY_PARCEL`], [`ENTRY_LENT`] or 0.
    pub flags: u32,
}

impl EntryHeader {
    /// Writes the 8 bytes.
    #[inline]
    pub fn write_to(&self, bytes: &mut [u8; ENTRY_HEADER]) {
        put(bytes, 0, self.len);
        put(bytes, 4, self.flags);
    }
}

/// One task of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// [`ENTRY_PARCEL`], [`ENTRY_LENT`] or 0.
    pub flags: u32,
    /// The encoded arguments, or a [`ParcelRef`], or a [`LentRef`].
    pub payload: &'a [u8],
}

impl Entry<'_> {
    /// Where the arguments are when they travel by themselves.
    ///
    /// ```
    /// use mpexec_wire::{ENTRY_PARCEL, Entry};
    ///
    /// let payload = [5, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    /// assert_eq!(Entry { flags: 0, payload: &payload }.parcel(), None);
    /// assert_eq!(Entry { flags: ENTRY_PARCEL, payload: &payload }.parcel().map(|it| it.len), Some(256));
    /// ```
    #[inline]
    #[must_use]
    pub fn parcel(&self) -> Option<ParcelRef> {
        match self.flags {
            0 => None,
            ENTRY_LENT => self.lent().map(|lent| lent.parcel),
            _ => ParcelRef::read(self.payload).ok(),
        }
    }

    /// In whose memory they are, when that is lent.
    #[inline]
    #[must_use]
    pub fn lent(&self) -> Option<LentRef> {
        (self.flags == ENTRY_LENT).then(|| LentRef::read(self.payload).ok()).flatten()
    }
}

/// The tasks of a batch, from the bytes that follow its header.
///
/// ```
/// use mpexec_wire::{Entries, RecordError};
///
/// let bytes = [/* length */ 2, 0, 0, 0, /* flags */ 0, 0, 0, 0, /* payload */ 7, 8, /* padding */ 0, 0, 0, 0, 0, 0];
/// let payloads: Vec<&[u8]> = Entries::new(&bytes, 1).map(|it| Ok(it?.payload)).collect::<Result<_, RecordError>>()?;
/// assert_eq!(payloads, [&[7, 8]]);
/// assert_eq!(Entries::new(&bytes, 0).next(), Some(Err(RecordError::Trailing { left: 16 })));
/// # Ok::<(), RecordError>(())
/// ```
///
/// It yields exactly `count` entries, or an error where the bytes say otherwise and nothing after it.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    left: u32,
}

impl<'a> Entries<'a> {
    /// Exactly `count` entries, which take up all of `bytes`.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8], count: u32) -> Self {
        Self { bytes, left: count }
    }

    #[inline]
    fn take(&mut self) -> Result<Entry<'a>, RecordError> {
        let raw = take_entry(self.bytes)?;
        let flags = raw.word;
        match flags {
            0 => {}
            ENTRY_PARCEL => _ = ParcelRef::read(raw.payload)?,
            ENTRY_LENT => _ = LentRef::read(raw.payload)?,
            _ => return Err(unknown("entry's flags", flags)),
        }
        self.bytes = raw.rest;
        self.left -= 1;
        Ok(Entry { flags, payload: raw.payload })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let entry = match (self.left, self.bytes.len()) {
            (0, 0) => return None,
            (0, left) => Err(RecordError::Trailing { left }),
            _ => self.take(),
        };
        if entry.is_err() {
            (self.bytes, self.left) = (&[], 0);
        }
        Some(entry)
    }
}

impl std::iter::FusedIterator for Entries<'_> {}

#[cold]
fn unknown(what: &'static str, value: u32) -> RecordError {
    RecordError::Unknown { what, value: value.into() }
}
