//! A stream of bytes cut into frames, in a buffer that the bytes are read straight into.
//!
//! # Why no byte is moved more than once
//! The buffer is a run of 16-byte words, so a frame that begins at its start has its payload at a multiple of 16 and can be decoded
//! in place. Three rules keep that cheap:
//! - when room is made, an unfinished frame is moved to the start, once: from then on it lies there;
//! - while a large frame is unfinished, the room offered is exactly what it lacks, so the next frame starts afresh;
//! - a small frame that begins at an odd place is copied to an aligned one when it is handed out.
//!
//! # What a hostile header costs
//! A length is checked against the cap of its kind as soon as the header is there. Even below the cap, memory grows with what
//! has *arrived*, by doubling, and not with what was announced; and a buffer that grew large is given back when it is empty.

use crate::frame::{FRAME_HEADER, FrameError, FrameHeader, FrameKind};

/// A frame, borrowed from the decoder's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it carries.
    pub kind: FrameKind,
    /// How many descriptors came along with it.
    pub attached: u16,
    /// Its payload, at a multiple of 16 in memory.
    pub payload: &'a [u8],
}

const WORD: usize = size_of::<u128>();

/// An empty buffer larger than this is given back: enough for one piece of a parcel and what may follow it.
const KEEP: usize = 2 << 20;

/// Cuts a stream into frames: read into [`space`](Self::space), say how much with [`filled`](Self::filled), take frames with
/// [`next`](Self::next) until there is none.
///
/// ```
/// use mpexec_wire::{FrameDecoder, FrameHeader, FrameKind};
///
/// let mut stream = FrameHeader::new(FrameKind::Control, 0, 2)?.write().to_vec();
/// stream.extend(b"hi");
///
/// let mut decoder = FrameDecoder::new();
/// for byte in stream {
///     assert_eq!(decoder.next()?, None);
///     decoder.space(1)[0] = byte; // a read(2) in real life
///     decoder.filled(1);
/// }
/// assert_eq!(decoder.next()?.expect("all of it is there").payload, b"hi");
/// # Ok::<(), mpexec_wire::FrameError>(())
/// ```
#[derive(Debug, Default)]
pub struct FrameDecoder {
    buffer: Vec<u128>,
    // What was read and not yet handed out: buffer bytes start..end.
    start: usize,
    end: usize,
    // The length of the last room that was offered and not yet filled.
    offered: usize,
    // Where a frame that begins at an odd place is handed out.
    aside: Vec<u128>,
}

impl FrameDecoder {
    /// A decoder at the start of a stream. It takes no memory before [`space`](Self::space).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Room for at least `min` bytes (and at least one) to read into.
    ///
    /// Call [`next`](Self::next) until it yields none beforehand; the room grows with what is left unfinished.
    pub fn space(&mut self, min: usize) -> &mut [u8] {
        self.tidy();
        let min = min.max(1);
        let lacks = self.lacks();
        // Twice what is there: so growing costs a constant per byte, whatever the header announced.
        let want = lacks.min(self.end).max(min);
        self.reserve(self.end + want);
        let room = self.buffer.len() * WORD - self.end;
        self.offered = if (min..=room).contains(&lacks) { lacks } else { room };
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.buffer);
        &mut bytes[self.end..self.end + self.offered]
    }

    /// The first `n` bytes of the last [`space`](Self::space) were filled.
    ///
    /// # Panics
    /// When that is more than it offered.
    pub fn filled(&mut self, n: usize) {
        let offered = std::mem::take(&mut self.offered);
        assert!(n <= offered, "{n} bytes cannot lie in a room of {offered}: call `space` before each read");
        self.end += n;
    }

    /// The next whole frame, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// What is wrong with the stream; the same again on every further call.
    #[expect(
        clippy::should_implement_trait,
        reason = "the frame borrows from the decoder, which an iterator's items cannot"
    )]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let Some(header) = self.header()? else {
            return Ok(None);
        };
        let len = header.len as usize;
        let from = self.start + FRAME_HEADER;
        if self.end - from < len {
            return Ok(None);
        }
        self.start = from + len;
        let bytes: &[u8] = bytemuck::cast_slice(&self.buffer);
        let mut payload = &bytes[from..from + len];
        if !from.is_multiple_of(WORD) {
            let words = len.div_ceil(WORD);
            if self.aside.len() < words {
                self.aside.resize(words, 0);
            }
            let aside: &mut [u8] = bytemuck::cast_slice_mut(&mut self.aside);
            aside[..len].copy_from_slice(payload);
            payload = &aside[..len];
        }
        Ok(Some(Frame { kind: header.kind, attached: header.attached, payload }))
    }

    /// Whether the stream may end here: no frame is unfinished.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.start == self.end
    }

    /// What was read and not handed out: a frame that is not whole, frames that were not asked for, or what is no frame.
    ///
    /// ```
    /// let mut decoder = mpexec_wire::FrameDecoder::new();
    /// decoder.space(4)[..4].copy_from_slice(b"GET ");
    /// decoder.filled(4);
    /// assert_eq!(decoder.unfinished(), b"GET ");
    /// ```
    #[must_use]
    pub fn unfinished(&self) -> &[u8] {
        let bytes: &[u8] = bytemuck::cast_slice(&self.buffer);
        &bytes[self.start..self.end]
    }

    /// The header of the frame at hand, if it is there as a whole.
    ///
    /// A header that is refused stays where it is, so it is refused again however often one asks.
    fn header(&self) -> Result<Option<FrameHeader>, FrameError> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.buffer);
        let header = bytes[self.start..self.end].first_chunk();
        header.map(FrameHeader::read).transpose()
    }

    /// How many bytes the frame at hand lacks; 0 when that is unknown or it is whole.
    fn lacks(&self) -> usize {
        match self.header() {
            Ok(Some(header)) => {
                let whole = FRAME_HEADER + header.len as usize;
                whole.saturating_sub(self.end - self.start)
            }
            _ => 0,
        }
    }

    /// Moves what is unfinished to the start, and gives back memory that a large frame left.
    fn tidy(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            for vector in [&mut self.buffer, &mut self.aside] {
                if vector.len() * WORD > KEEP {
                    *vector = Vec::new();
                }
            }
        } else if self.start > 0 {
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.buffer);
            bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }

    /// Makes the buffer at least `bytes` long. No more than that: `space` has already doubled what matters.
    fn reserve(&mut self, bytes: usize) {
        let words = bytes.div_ceil(WORD);
        let more = words.saturating_sub(self.buffer.len());
        self.buffer.reserve_exact(more);
        self.buffer.resize(self.buffer.len() + more, 0);
    }
}
