//! One call: where its argument lies and where its result goes.
//!
//! The result is encoded straight into the space that the outbox offers. If that is too small it moves, once, to a buffer
//! on the heap, and from a quarter of the ring on to a parcel (a memory file of its own): serde cannot be suspended half way.

use std::cell::Cell;
use std::io::{self, Write};

use mpexec_ring::ParcelWriter;
use mpexec_wire::{Sink, SinkFull, Status, append, copy};

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
        // If even that is refused the message is empty.
        let _ = self.sink.write(message.as_bytes());
        status
    }
}

thread_local! {
    /// The buffer of the last result that was long and went over the heap: the pages of a new one cost more than the way over it.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// One that is longer is not kept.
const LONGEST_SPARE: usize = (8 << 20) + (64 << 10);

/// The result has been sent.
pub(crate) fn keep_spare(mut heap: Vec<u8>) {
    if heap.capacity() <= LONGEST_SPARE {
        heap.clear();
        SPARE.set(heap);
    }
}

/// Where a result's bytes went that the window did not hold.
#[derive(Debug)]
pub(crate) enum Spill {
    /// On the heap.
    Heap(Vec<u8>),
    /// In a parcel, so many bytes.
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
    /// Something was refused, so nothing follows what is missing, also if the value's own `Serialize` goes on.
    shut: bool,
}

impl<'a> ResultSink<'a> {
    pub(crate) fn new(window: &'a mut [u8], largest: usize) -> ResultSink<'a> {
        ResultSink { window, used: 0, largest, beyond: None }
    }

    pub(crate) fn restart(&mut self) {
        self.used = 0;
        if let Some(beyond) = &mut self.beyond {
            beyond.spill = None;
            beyond.shut = false;
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
        copy(place, bytes);
        self.used += bytes.len();
        true
    }

    fn spill(&self) -> Option<&Spill> {
        self.beyond.as_ref()?.spill.as_ref()
    }

    fn refuse(&mut self, error: io::Error) -> SinkFull {
        let beyond = self.beyond.get_or_insert_default();
        (beyond.refused, beyond.shut) = (Some(error), true);
        SinkFull
    }

    #[cold]
    fn write_spilled(&mut self, bytes: &[u8]) -> Result<(), SinkFull> {
        if self.beyond.as_ref().is_some_and(|beyond| beyond.shut) {
            return Err(SinkFull);
        }
        // After a new beginning there is room again.
        if self.spill().is_none() && self.write_inside(bytes) {
            return Ok(());
        }
        let so_far = match self.beyond.get_or_insert_default().spill.take() {
            None => {
                let mut heap = SPARE.take();
                append(&mut heap, &self.window[..self.used]);
                heap
            }
            Some(Spill::Heap(heap)) => heap,
            Some(Spill::Parcel(mut writer, length)) => {
                writer.write_all(bytes).map_err(|error| self.refuse(error))?;
                self.beyond.get_or_insert_default().spill = Some(Spill::Parcel(writer, length + bytes.len()));
                return Ok(());
            }
        };
        let mut heap = so_far;
        if heap.len() + bytes.len() <= self.largest {
            append(&mut heap, bytes);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn put(sink: &mut ResultSink<'_>, bytes: usize) {
        for _ in 0..bytes {
            sink.write(&[7]).unwrap();
        }
        assert_eq!(sink.written(), bytes);
    }

    #[test]
    fn a_result_is_whole_wherever_it_goes_and_after_a_new_beginning_too() {
        for before in [0, 8, 9, 64, 65] {
            for (after, place) in [(0, "window"), (8, "window"), (9, "heap"), (64, "heap"), (65, "parcel")] {
                let mut window = [0; 8];
                let mut sink = ResultSink::new(&mut window, 64);
                put(&mut sink, before);
                sink.restart();
                put(&mut sink, after);
                let went = match sink.finish() {
                    Ok(used) => {
                        assert_eq!((used, &window[..used]), (after, &[7; 8][..after]));
                        "window"
                    }
                    Err(Spill::Heap(heap)) => {
                        assert_eq!(heap, vec![7; after]);
                        "heap"
                    }
                    Err(Spill::Parcel(_, length)) => {
                        assert_eq!(length, after);
                        "parcel"
                    }
                };
                assert_eq!(went, place, "{before} and then {after}");
            }
        }
    }

    #[test]
    fn nothing_follows_what_was_refused_until_a_new_beginning() {
        let mut window = [0; 8];
        let mut sink = ResultSink::new(&mut window, 64);
        put(&mut sink, 2);
        sink.refuse(io::ErrorKind::StorageFull.into());
        assert!(sink.write(&[7]).is_err());
        sink.restart();
        put(&mut sink, 8);
        assert!(sink.why_refused().contains("no memory file could be had"));
        assert!(matches!(sink.finish(), Ok(8)));
    }
}
