//! Encoded tasks before they are handed to the engine: entries one after another, as they will lie in a batch.
//!
//! The user's `Serialize` runs here, on the caller's thread and outside every lock. An argument too large for a batch goes
//! on, from the byte where that shows, into a parcel of its own.

use std::cell::Cell;
use std::io::{self, Write};

use mpexec_ring::ParcelWriter;
use mpexec_wire::{
    ENTRY_HEADER, ENTRY_PARCEL, EncodeError, EntryHeader, PARCEL_REF, ParcelRef, Sink, SinkFull, append, pad8,
};

use crate::carry::Attachment;
use crate::carry::outgoing::{Naming, collect};
use crate::engine::attachments::Wanted;
use crate::engine::open::Staged;
use crate::engine::parcels::{Parcel, new_file};
use crate::engine::recycled::{self, Recycled};
use crate::error::TaskError;

/// Encoded tasks.
#[derive(Debug, Default)]
pub(crate) struct Staging {
    pub(crate) staged: Staged,
    pub(crate) count: u32,
    /// Where the last whole entry ends.
    end: usize,
    parcel_bytes: u64,
}

/// A buffer that grew beyond this is not kept for this thread's next call, but for any.
const KEPT: usize = 64 << 10;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Staging {
    /// An empty one, over a buffer that was used before.
    pub(crate) fn over(mut bytes: Vec<u8>) -> Staging {
        bytes.clear();
        Staging { staged: Staged { bytes, ..Staged::default() }, count: 0, end: 0, parcel_bytes: 0 }
    }

    /// An empty one, over the buffer that this thread used last.
    pub(crate) fn recycled() -> Staging {
        Staging::over(take_spare())
    }

    /// Bytes of all arguments, those in parcels too.
    pub(crate) fn weight(&self) -> u64 {
        self.staged.bytes.len() as u64 + self.parcel_bytes
    }

    /// Drops what a `Serialize` that panicked has left.
    pub(crate) fn drop_unfinished(&mut self) {
        self.staged.bytes.truncate(self.end);
    }

    /// Encodes one task. Payloads above `largest` become parcels.
    ///
    /// # Errors
    /// When the argument cannot be encoded: nothing of it is left here.
    pub(crate) fn push(
        &mut self,
        largest: usize,
        encode: impl FnOnce(&mut EntrySink<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), TaskError> {
        let start = self.staged.bytes.len();
        self.staged.bytes.extend_from_slice(&[0; ENTRY_HEADER]);
        let mut sink = EntrySink::behind(&mut self.staged.bytes, largest);
        let (encoded, attachments) = collect(Naming::Number, || encode(&mut sink));
        let (parcel, refused) = sink.into_parcel();
        let unencodable = |error| TaskError::ArgumentUnencodable { message: refusal(error, refused) };
        let finished = encoded.map_err(unencodable).and_then(|()| match parcel {
            None => Ok(None),
            Some(writer) => {
                let length = writer.len();
                let parcel =
                    writer.finish().map_err(|error| TaskError::ArgumentUnencodable { message: error.to_string() })?;
                Ok(Some((parcel, length)))
            }
        });
        let flags = match finished {
            Err(error) => {
                self.staged.bytes.truncate(start);
                return Err(error);
            }
            Ok(None) => 0,
            Ok(Some((parcel, length))) => {
                let mut payload = [0; PARCEL_REF];
                let parcel = Parcel::new(parcel, length);
                ParcelRef { parcel: parcel.id, len: length }.write_to(&mut payload);
                self.staged.bytes.truncate(start + ENTRY_HEADER);
                self.staged.bytes.extend_from_slice(&payload);
                self.staged.parcels.push(parcel);
                self.parcel_bytes += length;
                ENTRY_PARCEL
            }
        };
        let length = self.staged.bytes.len() - start - ENTRY_HEADER;
        self.staged.bytes.extend_from_slice(&[0; 8][..pad8(length) - length]);
        // A payload is at most `largest`, which is a part of a ring, so its length fits.
        let header = EntryHeader { len: u32::try_from(length).unwrap_or(u32::MAX), flags };
        if let Some(place) = self.staged.bytes.get_mut(start..).and_then(|bytes| bytes.first_chunk_mut()) {
            header.write_to(place);
        }
        if let Some(attachments) = attachments {
            self.want(attachments);
        }
        self.count += 1;
        self.end = self.staged.bytes.len();
        Ok(())
    }

    #[cold]
    fn want(&mut self, attachments: Vec<Attachment>) {
        let first = u64::from(self.count);
        match self.staged.wanted.last_mut() {
            Some(last) if last.first + last.count == first && last.is_of(&attachments) => last.count += 1,
            _ => self.staged.wanted.push(Wanted { first, count: 1, attachments }),
        }
    }
}

/// The buffer that this thread used last.
pub(crate) fn take_spare() -> Vec<u8> {
    SPARE.take()
}

/// Leaves a buffer for this thread's next call.
pub(crate) fn leave_spare(bytes: Vec<u8>) {
    if (1..=KEPT).contains(&bytes.capacity()) {
        SPARE.set(bytes);
    } else {
        drop(Recycled::from(bytes));
    }
}

impl Staged {
    /// Leaves the buffer for this thread's next call.
    pub(crate) fn recycle(self) {
        leave_spare(self.bytes);
    }
}

/// Why a value could not be encoded.
pub(crate) fn refusal(error: EncodeError, refused: Option<io::Error>) -> String {
    match (error, refused) {
        (EncodeError::Refused { type_name, message }, _) => format!("{type_name}: {message}"),
        (_, Some(error)) => format!("no memory file could be had for it: {error}"),
        _ => "no memory could be had for it".to_owned(),
    }
}

/// Where one task's arguments go.
#[derive(Debug)]
pub(crate) struct EntrySink<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
    /// What would make `bytes` longer than this goes into the parcel; 0 once there is one.
    limit: usize,
    parcel: Option<ParcelWriter>,
    /// Why there is no parcel.
    refused: Option<io::Error>,
}

impl<'a> EntrySink<'a> {
    /// Writes behind what `bytes` hold; from more than `largest` bytes on into a parcel.
    pub(crate) fn behind(bytes: &'a mut Vec<u8>, largest: usize) -> EntrySink<'a> {
        let start = bytes.len();
        EntrySink { bytes, start, limit: start.saturating_add(largest), parcel: None, refused: None }
    }

    /// The parcel, if there is one, and why there is none although there should be.
    pub(crate) fn into_parcel(self) -> (Option<ParcelWriter>, Option<io::Error>) {
        (self.parcel, self.refused)
    }

    /// For many bytes at once, in a buffer that was used before, if there is one.
    #[cold]
    fn make_room(&mut self, more: usize) {
        let room = self.bytes.len() + more;
        if self.bytes.capacity() < room
            && let Some(larger) = recycled::take_with(room, self.bytes)
        {
            leave_spare(std::mem::replace(self.bytes, larger));
        }
    }

    #[cold]
    fn spill(&mut self, more: &[u8]) -> Result<(), SinkFull> {
        let spilled = match &mut self.parcel {
            Some(writer) => writer.write_all(more),
            None => new_file().and_then(|mut writer| {
                writer.write_all(&self.bytes[self.start..])?;
                writer.write_all(more)?;
                self.parcel = Some(writer);
                self.limit = 0;
                Ok(())
            }),
        };
        spilled.map_err(|error| {
            self.refused = Some(error);
            SinkFull
        })
    }
}

impl Sink for EntrySink<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkFull> {
        if self.bytes.len() + bytes.len() > self.limit && !bytes.is_empty() {
            return self.spill(bytes);
        }
        if bytes.len() >= recycled::LEAST {
            self.make_room(bytes.len());
        }
        append(self.bytes, bytes);
        Ok(())
    }

    #[inline]
    fn written(&self) -> usize {
        match &self.parcel {
            Some(writer) => usize::try_from(writer.len()).unwrap_or(usize::MAX),
            None => self.bytes.len() - self.start,
        }
    }
}
