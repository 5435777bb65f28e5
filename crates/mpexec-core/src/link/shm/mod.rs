//! The shared-memory link: two sealed rings per worker, the control socket beside them.
//!
//! A batch is written into the task ring, which the worker maps read-only and reads in place; its bytes stay there until
//! all its outcomes are here. Results come out of the result ring with one copy each group, and only the copy is decoded:
//! the worker can still write what it has sent.

#[cfg(test)]
mod tests;
pub(crate) mod worker;

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};

use mpexec_ring::{Parcel, ResultReceiver, SHORT_RECORD, TaskSender};
use mpexec_wire::{BATCH_ONCE, BatchHeader, FrameKind, FromWorker, PARCEL_REF, ParcelRef, decode};

use super::control::{Reader, Writer, fd};
use super::parcels::{Arrivals, MOST_UNNAMED, Parcels};
use super::{Link, LinkError, Progress, Received, Timing, Upto, Withdrawal};
use crate::os::descriptors;
use crate::os::events::Bell;

/// Kinds of records in the rings.
const BATCH: u32 = 1;
const SHUTDOWN: u32 = 2;
const GROUP: u32 = 1;
const TIMING: u32 = 2;
/// A timing record: nanoseconds, tasks;
const TIMING_LEN: usize = 16;
/// and of tasks of which more is to be told when the last ended, which took longest, and how long.
const TOLD_LEN: usize = 40;

/// The coordinator's end.
#[derive(Debug)]
pub(crate) struct ShmLink {
    tasks: TaskSender,
    results: ResultReceiver,
    spans: VecDeque<mpexec_ring::Span>,
    post: Post,
    bell: Bell,
    parcels: Arrivals,
    sent_parcels: u64,
    /// All of which the worker has said that it has begun them, because they are to begin once only, are below;
    begun: u64,
    /// and all of which it may say so.
    once: u64,
    /// The worker has said that it is leaving.
    bye: bool,
    /// Bytes taken out of the result ring and not given back.
    taken: usize,
    /// Long results came lately: so often yet the worker is woken for any room. It may wait for much of it while little lies in the ring.
    long: u16,
}

/// So many times after a long result.
const LATELY: u16 = 1000;

/// How parcels and messages go beside the rings.
#[derive(Debug)]
pub(crate) enum Post {
    /// To another process: over the control socket.
    Socket(Reader, Writer),
    /// To a thread of this process: over two shelves.
    Shelves { out: Parcels, back: Parcels },
}

impl ShmLink {
    /// `most_bytes`: no result may be longer.
    pub(crate) fn new(tasks: TaskSender, results: ResultReceiver, bell: Bell, post: Post, most_bytes: u64) -> ShmLink {
        let parcels = Arrivals::new(most_bytes);
        ShmLink {
            tasks,
            results,
            spans: VecDeque::new(),
            post,
            bell,
            parcels,
            sent_parcels: 0,
            begun: 0,
            once: 0,
            bye: false,
            taken: 0,
            long: 0,
        }
    }

    /// Takes one frame off the control socket. `false`: there is none now.
    fn take_frame(&mut self) -> Result<bool, LinkError> {
        let Self { post: Post::Socket(reader, _), parcels, begun, once, bye, .. } = self else {
            return Ok(false);
        };
        loop {
            let taken = reader.next(|kind, payload, attached| match kind {
                // Nothing comes after it, so nobody can keep us busy with it.
                _ if *bye => Err(LinkError::broken("it said something after its farewell")),
                FrameKind::Parcel => parcels.put(payload, attached, MOST_UNNAMED),
                FrameKind::Control => match decode::<FromWorker>(payload).map_err(LinkError::broken)? {
                    FromWorker::Bye => {
                        *bye = true;
                        Ok(())
                    }
                    // It says so of none twice, so it has no more to say than it was sent. The result may be here before.
                    FromWorker::Begun { ordinal } if (*begun..*once).contains(&ordinal) => {
                        *begun = ordinal + 1;
                        Ok(())
                    }
                    FromWorker::Refused { reason } => Err(LinkError::Refused(reason)),
                    other => Err(LinkError::broken(format!("{other:?} out of turn"))),
                },
                other => Err(LinkError::broken(format!("a {other:?} frame on the control socket"))),
            })?;
            if taken.is_some() {
                return Ok(true);
            }
            if !reader.fill()? {
                return Ok(false);
            }
        }
    }

    fn record(&mut self, kind: u32, tag: u64, parts: [&[u8]; 2]) -> Option<mpexec_ring::Span> {
        let length = parts[0].len() + parts[1].len();
        let space = self.tasks.grant(length, length)?;
        let (head, body) = space[..length].split_at_mut(parts[0].len());
        head.copy_from_slice(parts[0]);
        mpexec_wire::copy(body, parts[1]);
        Some(self.tasks.commit(length, kind, tag))
    }
}

impl Link for ShmLink {
    fn max_batch(&self) -> usize {
        self.tasks.max_record()
    }

    fn send(&mut self, header: &[u8], entries: &[u8]) -> Result<bool, LinkError> {
        let Some(span) = self.record(BATCH, 0, [header, entries]) else {
            return Ok(false);
        };
        self.spans.push_back(span);
        let batch = BatchHeader::read(header).map_err(LinkError::broken)?;
        if batch.flags & BATCH_ONCE != 0 {
            self.once = batch.base_ordinal + u64::from(batch.count);
        }
        Ok(true)
    }

    fn publish(&mut self) -> Result<(), LinkError> {
        if self.tasks.publish() {
            self.tasks.wake();
        }
        Ok(())
    }

    fn held(&self, nth: usize) -> &[u8] {
        self.spans
            .get(nth)
            .map_or(&[], |span| self.tasks.bytes(*span).get(mpexec_wire::BATCH_HEADER..).unwrap_or_default())
    }

    fn free_front(&mut self) {
        if let Some(span) = self.spans.pop_front() {
            self.tasks.free_to(span);
        }
    }

    fn has_news(&self) -> bool {
        self.results.has_news()
    }

    fn is_quiet(&self) -> bool {
        self.results.is_quiet()
    }

    fn is_mid_message(&self) -> bool {
        matches!(&self.post, Post::Socket(reader, _) if reader.is_cut())
    }

    fn receive(&mut self, upto: Upto, out: &mut Vec<u8>) -> Result<Option<Received>, LinkError> {
        let upto = match upto {
            Upto::Published => mpexec_ring::Upto::Published,
            Upto::Complete => mpexec_ring::Upto::Complete,
        };
        let before = out.len();
        let Some(taken) = self.results.take(upto, out).map_err(LinkError::broken)? else {
            return Ok(None);
        };
        self.taken += taken.len;
        if taken.len > SHORT_RECORD {
            self.long = LATELY;
        }
        match taken.kind {
            GROUP if taken.continued => Ok(Some(Received::Continued)),
            GROUP => Ok(Some(Received::Group)),
            TIMING => {
                let timing = timing(out.get(before..).unwrap_or_default())?;
                out.truncate(before);
                Ok(Some(Received::Timing(timing)))
            }
            kind => Err(LinkError::broken(format!("a record of the unknown kind {kind}"))),
        }
    }

    fn release(&mut self) {
        let taken = std::mem::take(&mut self.taken);
        // A worker waits for room only when the ring, or the part of it for short records, was nearly full; one that sleeps for want of tasks is left asleep.
        self.long = self.long.saturating_sub(1);
        if taken > 0 && self.long == 0 && taken < self.tasks.max_record().min(SHORT_RECORD) {
            return self.results.release_quietly(&self.tasks);
        }
        // With nothing taken now, the last of a record that was taken piece by piece may be over.
        if self.results.release(&self.tasks) {
            self.tasks.wake();
        }
    }

    fn progress(&self) -> Progress {
        let progress = self.results.progress();
        let senseless = progress.senseless;
        Progress { running: progress.running.checked_sub(1), passed: progress.done, senseless }
    }

    fn can_unsay(&self) -> bool {
        true
    }

    fn said_begun(&self) -> u64 {
        self.begun
    }

    fn owes_word(&self) -> bool {
        self.begun < self.once
    }

    fn withdraw(&mut self, lo: u64, hi: u64) -> Result<Withdrawal, LinkError> {
        self.tasks.set_withdrawn(lo, hi);
        Ok(Withdrawal::Done)
    }

    fn peer_cpu(&self) -> Option<u32> {
        Some(self.results.peer_cpu()).filter(|cpu| *cpu != u32::MAX)
    }

    fn send_parcel(&mut self, id: u64, parcel: BorrowedFd<'_>, length: u64) -> Result<(), LinkError> {
        match &mut self.post {
            Post::Socket(_, writer) => writer.send(FrameKind::Parcel, &[&label(id, length)], &[parcel])?,
            Post::Shelves { out, .. } => out.put(id, descriptors::with_room(|| parcel.try_clone_to_owned())?),
        }
        self.sent_parcels += 1;
        Ok(())
    }

    fn parcels_sent(&self) -> u64 {
        self.sent_parcels
    }

    fn forget_parcels(&mut self, ids: &[u64]) -> Result<(), LinkError> {
        match &mut self.post {
            Post::Socket(_, writer) => writer.forget(ids),
            Post::Shelves { out, .. } => {
                out.forget(ids.iter().copied());
                Ok(())
            }
        }
    }

    fn take_parcel(&mut self, id: u64, length: u64) -> Result<Parcel, LinkError> {
        if let Post::Shelves { back, .. } = &self.post {
            self.parcels.admit(length)?;
            return back.take(id, length);
        }
        // It was sent before the result that names it, so it lies in the socket, behind those that were named before.
        while !self.parcels.contains(id) && self.take_frame()? {}
        self.parcels.take(id, length)
    }

    fn shut_down(&mut self) -> Result<(), LinkError> {
        if self.record(SHUTDOWN, 0, [&[], &[]]).is_some() {
            self.publish()?;
            // The worker sleeps only if it said so; asking twice costs nothing at the end.
            self.tasks.wake();
        }
        Ok(())
    }

    fn attend(&mut self) -> Result<bool, LinkError> {
        let sent = match &mut self.post {
            Post::Socket(_, writer) => writer.flush(),
            Post::Shelves { .. } => Ok(()),
        };
        // What the worker has said before its end is taken in before that is told.
        while self.take_frame()? {
            if self.parcels.len() == MOST_UNNAMED {
                return Ok(true);
            }
        }
        sent.map(|()| false)
    }

    fn control(&self) -> Option<BorrowedFd<'_>> {
        match &self.post {
            Post::Socket(reader, _) => Some(fd(reader.socket())),
            Post::Shelves { .. } => None,
        }
    }

    fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    fn wants_to_write(&self) -> bool {
        matches!(&self.post, Post::Socket(_, writer) if writer.queued() > 0)
    }
}

fn timing(record: &[u8]) -> Result<Timing, LinkError> {
    let short =
        record.first_chunk::<TIMING_LEN>().ok_or_else(|| LinkError::broken("a timing record of a wrong length"))?;
    let [nanos, count] = bytemuck::pod_read_unaligned(short);
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let Some(told) = record.first_chunk::<TOLD_LEN>() else {
        return Ok(Timing { nanos, count, ..Timing::default() });
    };
    let [_, _, ended, slowest, longest]: [u64; 5] = bytemuck::pod_read_unaligned(told);
    Ok(Timing { nanos, count, ended, slowest: (u32::try_from(slowest).unwrap_or(u32::MAX), longest) })
}

fn label(id: u64, length: u64) -> [u8; PARCEL_REF] {
    let mut payload = [0; PARCEL_REF];
    ParcelRef { parcel: id, len: length }.write_to(&mut payload);
    payload
}
