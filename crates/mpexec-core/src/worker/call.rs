//! One call: where its argument lies and where its result goes.
//!
//! The result is encoded straight into the space that the outbox offers. If that is too small it moves, once, to a buffer
//! on the heap, and from a quarter of the ring on to a parcel (a memory file of its own): serde cannot be suspended half way.

use std::io::{self, Write};

use mpexec_ring::ParcelWriter;
use mpexec_wire::{Sink, SinkFull, Status};

use crate::os::{descriptors, fork};

/// A task function as code: reads `call.input`, writes `call.sink`, says how it went.
pub(crate) type Entry = fn(&mut Call<'_>) -> Status;

/// One call in the worker.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub input: &'a [u8],
    pub sink: ResultSink<'a>,
}

impl Call<'_> {
    /// The function has returned, perhaps in a fork of the worker too, whose result is nobody's: such a process ends here.
    #[inline]
    pub(crate) fn must_be_in_the_worker(&self) {
        fork::leave_if_forked();
    }

    /// The call failed: whatever was written is dropped and the message is the payload.
    pub(crate) fn fail(&mut self, status: Status, message: &str) -> Status {
        self.sink.restart();
        // A message that does not fit is cut by the sink's own spilling; it cannot be refused.
        let _ = self.sink.write(message.as_bytes());
        status
    }
}

/// Where a result's bytes went that the window did not hold.
#[derive(Debug)]
pub(crate) enum Spill {
    /// On the heap.
    Heap(Vec<u8>),
    /// In a parcel, so many.
    Parcel(ParcelWriter, usize),
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct ResultSink<'a> {
    window: &'a mut [u8],
    used: usize,
    /// From here on a parcel is used.
    largest: usize,
    /// What most results have no need of, so that a task pays for one word.
    beyond: Option<Box<Beyond>>,
}

/// What becomes of a result that does not fit into the window.
#[derive(Debug, Default)]
struct Beyond {
    spill: Option<Spill>,
    /// Why there is no parcel.
    refused: Option<io::Error>,
}

impl<'a> ResultSink<'a> {
    pub(crate) fn new(window: &'a mut [u8], largest: usize) -> ResultSink<'a> {
        ResultSink { window, used: 0, largest, beyond: None }
    }

    pub(crate) fn restart(&mut self) {
        self.used = 0;
        if let Some(beyond) = &mut self.beyond {
            beyond.spill = None;
        }
    }

    /// Its length in the window, or where else it is.
    #[inline]
    pub(crate) fn finish(self) -> Result<usize, Spill> {
        match self.beyond.and_then(|beyond| beyond.spill) {
            None => Ok(self.used),
            Some(spill) => Err(spill),
        }
    }

    /// Why a write was refused that was no fault of the value's own.
    pub(crate) fn why_refused(&mut self) -> String {
        match self.beyond.as_mut().and_then(|beyond| beyond.refused.take()) {
            Some(error) => format!("no memory file could be had for it: {error}"),
            None => "no memory could be had for it".to_owned(),
        }
    }

    /// Behind what is in the window. `false`: there is no room for it.
    #[inline]
    fn write_inside(&mut self, bytes: &[u8]) -> bool {
        let Some(place) = self.window.get_mut(self.used..self.used + bytes.len()) else { return false };
        place.copy_from_slice(bytes);
        self.used += bytes.len();
        true
    }

    fn spill(&self) -> Option<&Spill> {
        self.beyond.as_ref()?.spill.as_ref()
    }

    fn refuse(&mut self, error: io::Error) -> SinkFull {
        self.beyond.get_or_insert_default().refused = Some(error);
        SinkFull
    }

    #[cold]
    fn write_spilled(&mut self, bytes: &[u8]) -> Result<(), SinkFull> {
        // After a new beginning there is room again.
        if self.spill().is_none() && self.write_inside(bytes) {
            return Ok(());
        }
        let so_far = match self.beyond.get_or_insert_default().spill.take() {
            None => self.window[..self.used].to_vec(),
            Some(Spill::Heap(heap)) => heap,
            Some(Spill::Parcel(mut writer, length)) => {
                writer.write_all(bytes).map_err(|error| self.refuse(error))?;
                self.beyond.get_or_insert_default().spill = Some(Spill::Parcel(writer, length + bytes.len()));
                return Ok(());
            }
        };
        let mut heap = so_far;
        if heap.len() + bytes.len() <= self.largest {
            heap.extend_from_slice(bytes);
            self.beyond.get_or_insert_default().spill = Some(Spill::Heap(heap));
        } else {
            let made = descriptors::with_room(ParcelWriter::create).and_then(|mut writer| {
                writer.write_all(&heap)?;
                writer.write_all(bytes)?;
                Ok(writer)
            });
            let writer = made.map_err(|error| self.refuse(error))?;
            self.beyond.get_or_insert_default().spill = Some(Spill::Parcel(writer, heap.len() + bytes.len()));
        }
        Ok(())
    }
}

impl Sink for ResultSink<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkFull> {
        if self.beyond.is_none() && self.write_inside(bytes) {
            return Ok(());
        }
        self.write_spilled(bytes)
    }

    fn written(&self) -> usize {
        match self.spill() {
            None => self.used,
            Some(Spill::Heap(heap)) => heap.len(),
            Some(Spill::Parcel(_, length)) => *length,
        }
    }
}
