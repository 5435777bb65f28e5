//! Frames: how messages and records follow each other on a byte stream.
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 2 | magic, `0x4d58` |
//! | 2 | 2 | `kind`, see [`FrameKind`] |
//! | 4 | 2 | `attached`: how many descriptors came along with this frame |
//! | 6 | 2 | reserved, 0 |
//! | 8 | 4 | `len`: the length of the payload in bytes |
//! | 12 | 4 | reserved, 0 |
//! | 16 | `len` | the payload |
//!
//! All integers are little endian. Each kind has a cap on its length, which both sides check: the sender in
//! [`FrameHeader::new`], the receiver before it takes memory. What is larger travels as a parcel, by descriptor where the
//! link can pass one and in pieces ([`ParcelPiece`]) where it cannot. A stream that breaks a rule is not read any further: where its next
//! frame begins is unknown.

use thiserror::Error;

use crate::{
    le::{get, put},
    record::PARCEL_REF,
};

/// The length of the header of a frame, in bytes.
pub const FRAME_HEADER: usize = 16;

/// The first two bytes of every frame: `XM` in memory.
pub const FRAME_MAGIC: u16 = 0x4d58;

/// The most bytes that a control message may take.
pub const MAX_CONTROL: usize = 16 << 20;

/// The most bytes that a batch or a group may take.
pub const MAX_DATA: usize = 64 << 20;

/// The most bytes of a parcel that travel in one piece.
pub const MAX_PIECE: usize = 1 << 20;

/// The most descriptors that come along with one frame; more than this the kernel does not pass at once.
pub const MAX_ATTACHED: u16 = 253;

/// The most parcels that one frame takes back.
pub const MAX_FORGOTTEN: usize = 1 << 10;

/// The length of the header of a piece of a parcel, in bytes.
pub const PIECE_HEADER: usize = 24;

/// The length of an encoded [`Progress`], in bytes.
pub const PROGRESS: usize = 16;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum FrameKind {
    /// An encoded [`FromWorker`](crate::FromWorker) or [`ToWorker`](crate::ToWorker).
    Control = 1,
    /// A batch of tasks.
    Batch = 2,
    /// A group of results.
    Group = 3,
    /// A [`ParcelRef`](crate::ParcelRef) whose descriptor comes along.
    Parcel = 4,
    /// A [`ParcelPiece`] and its bytes.
    ParcelBytes = 5,
    /// A [`Progress`].
    Progress = 6,
    /// Numbers of parcels that the worker shall not keep any longer: [`Forgotten`].
    Forget = 7,
}

impl FrameKind {
    const ALL: [Self; 7] =
        [Self::Control, Self::Batch, Self::Group, Self::Parcel, Self::ParcelBytes, Self::Progress, Self::Forget];

    /// The most bytes that the payload of such a frame may take.
    ///
    /// ```
    /// use mpexec_wire::{FrameKind, MAX_DATA};
    ///
    /// assert_eq!(FrameKind::Batch.cap(), MAX_DATA);
    /// ```
    #[inline]
    #[must_use]
    pub const fn cap(self) -> usize {
        match self {
            Self::Control => MAX_CONTROL,
            Self::Batch | Self::Group => MAX_DATA,
            Self::Parcel => PARCEL_REF,
            Self::ParcelBytes => PIECE_HEADER + MAX_PIECE,
            Self::Progress => PROGRESS,
            Self::Forget => MAX_FORGOTTEN * 8,
        }
    }
}

/// What is wrong with a stream of frames. Nothing more can be read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// These bytes do not begin a frame: the other side is no mpexec, or wrote something else in between.
    #[error(
        "a frame begins with {found:#06x} instead of {FRAME_MAGIC:#06x}: the other side does not speak this protocol"
    )]
    Magic {
        /// The two bytes that are there.
        found: u16,
    },
    /// There is no such kind of frame.
    #[error("a frame is of kind {found}, which does not exist")]
    Kind {
        /// The kind that is there.
        found: u16,
    },
    /// The payload is longer than its kind allows; send it as a parcel.
    #[error("a frame of kind {kind:?} says that {len} bytes follow, more than the {cap} allowed: send it as a parcel")]
    TooLong {
        /// The kind of the frame.
        kind: FrameKind,
        /// The length that it says.
        len: usize,
        /// The most that its kind allows.
        cap: usize,
    },
    /// More descriptors are said to come along than can.
    #[error("a frame says that {found} descriptors came with it, more than the {MAX_ATTACHED} that can")]
    Attached {
        /// The number that is there.
        found: u16,
    },
    /// A reserved field is not 0.
    #[error("a frame's reserved field is {found}, not 0: the other side speaks another protocol")]
    Reserved {
        /// The value that is there.
        found: u32,
    },
    /// The payload of a kind with a fixed layout does not have it.
    #[error("a {what} of {len} bytes does not hold together")]
    Payload {
        /// What it was to be.
        what: &'static str,
        /// The length of the payload.
        len: usize,
    },
}

/// The header of a frame; the file's header gives the layout.
///
/// ```
/// use mpexec_wire::{FrameHeader, FrameKind};
///
/// let header = FrameHeader::new(FrameKind::Control, 2, 100)?;
/// assert_eq!(FrameHeader::read(&header.write())?, header);
/// assert!(FrameHeader::new(FrameKind::Control, 0, 1 << 30).is_err());
/// # Ok::<(), mpexec_wire::FrameError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the frame carries.
    pub kind: FrameKind,
    /// How many descriptors come along with it.
    pub attached: u16,
    /// The length of its payload in bytes.
    pub len: u32,
}

impl FrameHeader {
    /// The header for a payload of `len` bytes.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] or [`FrameError::Attached`] for what the receiver would refuse.
    #[inline]
    pub fn new(kind: FrameKind, attached: u16, len: usize) -> Result<Self, FrameError> {
        let cap = kind.cap();
        if len > cap {
            return Err(FrameError::TooLong { kind, len, cap });
        }
        if attached > MAX_ATTACHED {
            return Err(FrameError::Attached { found: attached });
        }
        // Every cap is below 2^32.
        let len = len as u32;
        Ok(Self { kind, attached, len })
    }

    /// The 16 bytes.
    #[inline]
    #[must_use]
    pub fn write(&self) -> [u8; FRAME_HEADER] {
        let mut bytes = [0; FRAME_HEADER];
        put(&mut bytes, 0, FRAME_MAGIC);
        put(&mut bytes, 2, self.kind as u16);
        put(&mut bytes, 4, self.attached);
        put(&mut bytes, 8, self.len);
        bytes
    }

    /// Reads 16 bytes.
    ///
    /// # Errors
    /// The [`FrameError`] for the first field that is wrong.
    #[inline]
    pub fn read(bytes: &[u8; FRAME_HEADER]) -> Result<Self, FrameError> {
        let magic = get(bytes, 0);
        if magic != FRAME_MAGIC {
            return Err(FrameError::Magic { found: magic });
        }
        let kind: u16 = get(bytes, 2);
        let kind =
            FrameKind::ALL.into_iter().find(|known| *known as u16 == kind).ok_or(FrameError::Kind { found: kind })?;
        for found in [u32::from(get::<u16>(bytes, 6)), get(bytes, 12)] {
            if found != 0 {
                return Err(FrameError::Reserved { found });
            }
        }
        Self::new(kind, get(bytes, 4), get::<u32>(bytes, 8) as usize)
    }
}

/// A piece of a parcel, before its bytes.
///
/// ```
/// use mpexec_wire::{PIECE_HEADER, ParcelPiece};
///
/// let piece = ParcelPiece { parcel: 1, total: 10, offset: 8 };
/// let mut payload = [0; PIECE_HEADER].to_vec();
/// piece.write_to(payload.first_chunk_mut().unwrap());
/// payload.extend([1, 2]);
/// assert_eq!(ParcelPiece::read(&payload)?, (piece, [1, 2].as_slice()));
/// # Ok::<(), mpexec_wire::FrameError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParcelPiece {
    /// The parcel's number.
    pub parcel: u64,
    /// The length of the whole parcel, in bytes.
    pub total: u64,
    /// Where in it this piece begins, in bytes.
    pub offset: u64,
}

impl ParcelPiece {
    /// Writes the 24 bytes.
    #[inline]
    pub fn write_to(&self, bytes: &mut [u8; PIECE_HEADER]) {
        put(bytes, 0, self.parcel);
        put(bytes, 8, self.total);
        put(bytes, 16, self.offset);
    }

    /// Reads the payload of a [`FrameKind::ParcelBytes`]: the piece and its bytes, which lie within the parcel.
    ///
    /// `total` is only what the other side says: check it before taking memory.
    ///
    /// # Errors
    /// [`FrameError::Payload`] when there are fewer than 24 bytes, or the piece reaches beyond the parcel's end.
    #[inline]
    pub fn read(payload: &[u8]) -> Result<(Self, &[u8]), FrameError> {
        let wrong = FrameError::Payload { what: "piece of a parcel", len: payload.len() };
        let (header, bytes) = payload.split_first_chunk::<PIECE_HEADER>().ok_or(wrong)?;
        let piece = Self { parcel: get(header, 0), total: get(header, 8), offset: get(header, 16) };
        match piece.offset.checked_add(bytes.len() as u64) {
            Some(end) if end <= piece.total => Ok((piece, bytes)),
            _ => Err(wrong),
        }
    }
}

/// What a worker is doing, on links without a progress cell.
///
/// ```
/// use mpexec_wire::Progress;
///
/// let progress = Progress { done: 5, running: 6 };
/// assert_eq!(Progress::read(&progress.write())?, progress);
/// # Ok::<(), mpexec_wire::FrameError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many ordinals are passed.
    pub done: u64,
    /// The ordinal of the running task plus 1; 0 when none runs.
    pub running: u64,
}

impl Progress {
    /// The 16 bytes.
    #[inline]
    #[must_use]
    pub fn write(&self) -> [u8; PROGRESS] {
        let mut bytes = [0; PROGRESS];
        put(&mut bytes, 0, self.done);
        put(&mut bytes, 8, self.running);
        bytes
    }

    /// Reads the payload of a [`FrameKind::Progress`].
    ///
    /// # Errors
    /// [`FrameError::Payload`] when it is not 16 bytes long.
    #[inline]
    pub fn read(payload: &[u8]) -> Result<Self, FrameError> {
        if payload.len() != PROGRESS {
            return Err(FrameError::Payload { what: "progress", len: payload.len() });
        }
        Ok(Self { done: get(payload, 0), running: get(payload, 8) })
    }
}

/// Numbers of parcels that are no longer needed, as the payload of a [`FrameKind::Forget`].
///
/// ```
/// use mpexec_wire::Forgotten;
///
/// let payload = Forgotten::write(&[7, 9]);
/// assert_eq!(Forgotten::read(&payload)?.collect::<Vec<_>>(), [7, 9]);
/// assert!(Forgotten::read(&payload[..9]).is_err());
/// # Ok::<(), mpexec_wire::FrameError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Forgotten<'a>(&'a [[u8; 8]]);

impl<'a> Forgotten<'a> {
    /// The payload for these numbers, of which at most [`MAX_FORGOTTEN`] fit into one frame.
    #[must_use]
    pub fn write(numbers: &[u64]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    /// Reads the payload of a [`FrameKind::Forget`].
    ///
    /// # Errors
    /// [`FrameError::Payload`] when it does not consist of whole numbers.
    pub fn read(payload: &'a [u8]) -> Result<Self, FrameError> {
        match payload.as_chunks() {
            (numbers, []) => Ok(Self(numbers)),
            _ => Err(FrameError::Payload { what: "list of forgotten parcels", len: payload.len() }),
        }
    }
}

impl Iterator for Forgotten<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }
}
