//! Encoded tasks before they are handed to the engine: entries one after another, as they will lie in a batch.
//!
//! The user's `Serialize` runs here, on the caller's thread and outside every lock. An argument too large for a batch goes
//! on, from the byte where that shows, into a parcel of its own; a long slice goes into memory that is lent, if there is some.

use std::cell::Cell;
use std::io::{self, Write};

use mpexec_ring::ParcelWriter;
use mpexec_wire::{
    ENTRY_HEADER, ENTRY_LENT, ENTRY_PARCEL, EncodeError, EntryHeader, LENT_REF, LentRef, PARCEL_REF, ParcelRef, Sink,
    SinkFull, append, pad8,
};

use crate::carry::Attachment;
use crate::carry::outgoing::{Naming, collect};
use crate::engine::attachments::Wanted;
use crate::engine::lending::{self, Filling, Places};
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
    /// How long the last argument was that outgrew the lent memory it was begun in: of several long slices the first does not tell.
    static OUTGREW: Cell<usize> = const { Cell::new(0) };
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

    /// Encodes one task.
    ///
    /// # Errors
    /// When the argument cannot be encoded: nothing of it is left here.
    pub(crate) fn push(
        &mut self,
        places: Places<'_>,
        encode: impl FnOnce(&mut EntrySink<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), TaskError> {
        let start = self.staged.bytes.len();
        self.staged.bytes.extend_from_slice(&[0; ENTRY_HEADER]);
        let mut sink = EntrySink::behind(&mut self.staged.bytes, places);
        let (encoded, attachments) = collect(Naming::Number, || encode(&mut sink));
        let (elsewhere, refused) = sink.into_parcel();
        let flags = match (encoded, elsewhere) {
            (Ok(()), None) => 0,
            (Ok(()), Some(elsewhere)) => {
                self.staged.bytes.truncate(start + ENTRY_HEADER);
                match self.name(*elsewhere) {
                    Ok(flags) => flags,
                    Err(error) => {
                        self.staged.bytes.truncate(start);
                        return Err(TaskError::ArgumentUnencodable { message: error.to_string() });
                    }
                }
            }
            (Err(error), elsewhere) => {
                if let Some(Elsewhere::Lent(filling)) = elsewhere.map(|elsewhere| *elsewhere) {
                    places.take_back(filling);
                }
                self.staged.bytes.truncate(start);
                return Err(TaskError::ArgumentUnencodable { message: refusal(error, refused) });
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

    /// A payload that says where the arguments are; its entry's flag.
    #[cold]
    fn name(&mut self, elsewhere: Elsewhere) -> io::Result<u32> {
        let (parcel, len, memory) = match elsewhere {
            Elsewhere::Parcel(writer) => {
                let len = writer.len();
                (Parcel::new(writer.finish()?, len), len, None)
            }
            Elsewhere::Lent(filling) => {
                let (len, loan) = (filling.len() as u64, filling.finish());
                let memory = loan.number().get();
                (Parcel::lent(loan), len, Some(memory))
            }
        };
        self.parcel_bytes += len;
        let named = ParcelRef { parcel: parcel.id, len };
        self.staged.parcels.push(parcel);
        if let Some(memory) = memory {
            let mut payload = [0; LENT_REF];
            LentRef { parcel: named, memory }.write_to(&mut payload);
            self.staged.bytes.extend_from_slice(&payload);
            return Ok(ENTRY_LENT);
        }
        let mut payload = [0; PARCEL_REF];
        named.write_to(&mut payload);
        self.staged.bytes.extend_from_slice(&payload);
        Ok(ENTRY_PARCEL)
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

/// Where the bytes go that are not behind those of the other tasks.
#[derive(Debug)]
pub(crate) enum Elsewhere {
    Parcel(ParcelWriter),
    Lent(Filling),
}

/// Where one task's arguments go.
#[derive(Debug)]
pub(crate) struct EntrySink<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
    places: Places<'a>,
    /// What would make `bytes` longer than this goes elsewhere; 0 once something does.
    limit: usize,
    elsewhere: Option<Box<Elsewhere>>,
    /// How long it was expected to become, if one before it had outgrown its memory.
    expected: usize,
    /// It was begun in lent memory, which was too short.
    outgrew: bool,
    /// Why there is no parcel.
    refused: Option<io::Error>,
}

impl<'a> EntrySink<'a> {
    /// Writes behind what `bytes` hold, or elsewhere.
    pub(crate) fn behind(bytes: &'a mut Vec<u8>, places: Places<'a>) -> EntrySink<'a> {
        let start = bytes.len();
        let limit = start.saturating_add(places.largest);
        EntrySink { bytes, start, places, limit, elsewhere: None, expected: 0, outgrew: false, refused: None }
    }

    /// What went elsewhere, and why there is no parcel although there should be.
    #[inline]
    pub(crate) fn into_parcel(self) -> (Option<Box<Elsewhere>>, Option<io::Error>) {
        if self.elsewhere.is_some() || self.outgrew {
            self.expect_of_the_next();
        }
        (self.elsewhere, self.refused)
    }

    #[cold]
    fn expect_of_the_next(&self) {
        match self.elsewhere.as_deref() {
            _ if self.outgrew => OUTGREW.set(self.written()),
            Some(Elsewhere::Lent(filling)) if !filling.is_mostly_idle() => OUTGREW.set(self.expected),
            _ => {}
        }
    }

    /// As [`EntrySink::into_parcel`], of one that had nothing to lend.
    pub(crate) fn into_file(self) -> (Option<ParcelWriter>, Option<io::Error>) {
        let (elsewhere, refused) = self.into_parcel();
        match elsewhere.map(|elsewhere| *elsewhere) {
            Some(Elsewhere::Parcel(writer)) => (Some(writer), refused),
            _ => (None, refused),
        }
    }

    /// All so far and this goes into lent memory. `false`: there is none for so much.
    fn lend(&mut self, more: &[u8]) -> bool {
        if more.len() < lending::LEAST || self.outgrew {
            return false;
        }
        let so_far = &self.bytes[self.start..];
        let (least, expected) = (so_far.len() + more.len(), OUTGREW.take());
        let longer = || (expected > least).then(|| Filling::begin(self.places, expected)).flatten();
        let Some(mut filling) = longer().or_else(|| Filling::begin(self.places, least)) else { return false };
        self.expected = expected;
        let filled = filling.write(so_far) && filling.write(more);
        if filled {
            (self.elsewhere, self.limit) = (Some(Box::new(Elsewhere::Lent(filling))), 0);
        }
        filled
    }

    /// It is longer than the lent memory that it was begun in: it goes on as if that had not been, and the next is expected to be as long.
    fn outgrow(&mut self) {
        if let Some(Elsewhere::Lent(mut filling)) = self.elsewhere.take().map(|elsewhere| *elsewhere) {
            self.outgrew = true;
            self.limit = self.start.saturating_add(self.places.largest);
            self.bytes.truncate(self.start);
            append(self.bytes, filling.written());
            self.places.take_back(filling);
        }
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

    /// A slice so long that it may be worth a place of its own.
    #[cold]
    fn write_long(&mut self, more: &[u8]) -> Result<(), SinkFull> {
        if self.lend(more) {
            return Ok(());
        }
        self.make_room(more.len());
        append(self.bytes, more);
        Ok(())
    }

    /// What is not to go behind the other tasks.
    #[cold]
    fn spill(&mut self, more: &[u8]) -> Result<(), SinkFull> {
        if let Some(Elsewhere::Lent(filling)) = self.elsewhere.as_deref_mut() {
            if filling.write(more) {
                return Ok(());
            }
            self.outgrow();
            return self.write(more);
        }
        if self.elsewhere.is_none() && self.lend(more) {
            return Ok(());
        }
        let written = match self.elsewhere.as_deref_mut() {
            Some(Elsewhere::Parcel(writer)) => writer.write_all(more),
            _ => new_file().and_then(|mut writer| {
                writer.write_all(&self.bytes[self.start..])?;
                writer.write_all(more)?;
                (self.elsewhere, self.limit) = (Some(Box::new(Elsewhere::Parcel(writer))), 0);
                Ok(())
            }),
        };
        written.map_err(|error| {
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
            return self.write_long(bytes);
        }
        append(self.bytes, bytes);
        Ok(())
    }

    #[inline]
    fn written(&self) -> usize {
        match self.elsewhere.as_deref() {
            Some(Elsewhere::Parcel(writer)) => usize::try_from(writer.len()).unwrap_or(usize::MAX),
            Some(Elsewhere::Lent(filling)) => filling.len(),
            None => self.bytes.len() - self.start,
        }
    }
}
