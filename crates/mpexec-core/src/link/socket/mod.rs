//! The socket link: batches, results and progress as frames on the control socket. Works on every Unix.
//!
//! The worker's guard thread reads; it puts batches into a queue for the task thread and answers a taking back at once,
//! also while a task runs. Before a task starts, one write says what was finished and what starts now, so that a death
//! names its culprit as exactly as the shared progress cell does.

mod marks;
#[cfg(test)]
mod tests;
pub(crate) mod worker;

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use mpexec_ring::Parcel;
use mpexec_wire::{
    BatchHeader, FRAME_HEADER, FrameHeader, FrameKind, FromWorker, GROUP_HEADER, PARCEL_REF, PROGRESS, ParcelRef,
    Progress as ProgressFrame, ToWorker, copied, decode,
};

use super::control::{Reader, Socket, Writer, fd};
use super::parcels::{Arrivals, MOST_UNNAMED};
use super::{Link, LinkError, Progress, Received, Upto, Withdrawal};

/// The largest batch in one frame.
const LARGEST: usize = 1 << 20;
/// No more is sent than the socket is likely to take soon; the rest waits in the queues where it can still be moved.
const MOST_QUEUED: usize = 2 << 20;
/// What a dead worker has left unread is not much, unless something that it left behind goes on in its name.
const MOST_REST: usize = 4 << 20;
/// In one turn of the crank no more is taken in from one worker, so that one that sends without end keeps nobody from the
/// others: so many bytes,
const MOST_BYTES: usize = 1 << 20;
/// and so many frames.
const MOST_FRAMES: usize = 512;

/// The coordinator's end.
#[derive(Debug)]
pub(crate) struct SocketLink {
    socket: Socket,
    reader: Reader,
    writer: Writer,
    /// The entries of batches that are not freed: the copy from which unfinished work is queued again.
    kept: VecDeque<Vec<u8>>,
    arrived: VecDeque<(Received, Vec<u8>)>,
    told: Told,
    parcels: Arrivals,
    sent_parcels: u64,
    /// What was taken in during this turn: bytes, frames.
    spent: (usize, usize),
    /// It was left at that, and there may be more.
    more: bool,
    /// Why nothing more will come; told once everything that came was received.
    broken: Option<LinkError>,
}

/// What the worker has told, and what it may tell.
#[derive(Debug, Default)]
struct Told {
    /// All ordinals below are behind it.
    done: u64,
    /// The ordinal that runs, plus 1; 0 for none.
    running: u64,
    /// The highest ordinal that it started, plus 1.
    started: u64,
    /// All ordinals that it was sent are below.
    sent: u64,
    /// What it was asked to give back, `lo..hi`, and has not answered.
    asked: VecDeque<(u64, u64)>,
    /// It is leaving.
    bye: bool,
    /// Something came that was no word of a worker of sound mind, so there may have been words of it within.
    odd: bool,
}

impl Told {
    /// Each word tells of something new among the tasks that it was sent, so there are no more words than tasks.
    fn progress(&mut self, told: ProgressFrame) -> Result<(), LinkError> {
        let ProgressFrame { done, running } = told;
        // Before it sleeps, or begins another task, each that it has begun is behind it.
        let possible = (self.started..=self.sent).contains(&done) && running <= self.sent;
        let new = if running == 0 { self.running != 0 } else { running > self.started };
        if !possible || !new {
            self.odd = true;
            let what = format!("it told that {done} tasks are done and number {running} runs, which cannot be");
            return Err(LinkError::Broken(what));
        }
        (self.done, self.running, self.started) = (done, running, self.started.max(running));
        Ok(())
    }

    /// What it gives back is within what it was asked for, and it has not told before that it had begun it. (It may tell so a moment later:
    /// then it skips that task, and says so.)
    fn gave_back(&mut self, lo: u64, hi: u64) -> Result<Received, LinkError> {
        let asked = self.asked.pop_front().ok_or_else(|| LinkError::broken("an answer to nothing"))?;
        if lo < asked.0 || hi != asked.1 {
            self.odd = true;
            let what = format!("it gave {lo}..{hi} back, and was asked for {}..{}", asked.0, asked.1);
            return Err(LinkError::Broken(what));
        }
        Ok(Received::GaveBack { from: lo.max(self.started), to: hi })
    }
}

impl SocketLink {
    /// `most_bytes`: no result may be longer.
    pub(crate) fn new(socket: Socket, mut reader: Reader, writer: Writer, most_bytes: u64) -> SocketLink {
        reader.expect_data();
        SocketLink {
            socket,
            reader,
            writer,
            kept: VecDeque::new(),
            arrived: VecDeque::new(),
            told: Told::default(),
            parcels: Arrivals::new(most_bytes),
            sent_parcels: 0,
            spent: (0, 0),
            more: false,
            broken: None,
        }
    }

    /// Takes in whole frames, until there is none or it is enough for this turn.
    fn take_in(&mut self) -> Result<(), LinkError> {
        let Self { reader, arrived, told, parcels, spent, more, .. } = self;
        *more = false;
        loop {
            if spent.0 >= MOST_BYTES || spent.1 >= MOST_FRAMES {
                *more = true;
                return Ok(());
            }
            let frames = spent.1;
            let taken = reader.next(|kind, payload, attached| {
                *spent = (spent.0 + payload.len(), spent.1 + 1);
                match kind {
                    // Nothing comes after it, so nobody can keep us busy with it.
                    _ if told.bye => return Err(LinkError::broken("it said something after its farewell")),
                    FrameKind::Group if payload.len() > GROUP_HEADER => {
                        told.odd |= told.running == 0;
                        arrived.push_back((Received::Group, copied(payload)));
                    }
                    FrameKind::Progress => told.progress(ProgressFrame::read(payload).map_err(LinkError::broken)?)?,
                    // Each result that is here and not taken in may name one.
                    FrameKind::Parcel => parcels.put(payload, attached, arrived.len() + MOST_UNNAMED)?,
                    FrameKind::Control => match decode::<FromWorker>(payload).map_err(LinkError::broken)? {
                        FromWorker::GaveBack { lo, hi } => {
                            let answer = told.gave_back(lo, hi)?;
                            arrived.push_back((answer, Vec::new()));
                        }
                        FromWorker::Bye => told.bye = true,
                        FromWorker::Refused { reason } => return Err(LinkError::Refused(reason)),
                        other => return Err(LinkError::broken(format!("{other:?} out of turn"))),
                    },
                    other => {
                        let length = payload.len();
                        return Err(LinkError::broken(format!("a {other:?} frame of {length} bytes from a worker")));
                    }
                }
                Ok(())
            });
            let Some(()) = taken.inspect_err(|_| told.odd |= spent.1 > frames || !reader.is_unreadable())? else {
                match reader.fill() {
                    Ok(true) => continue,
                    Ok(false) => return Ok(()),
                    Err(error) => {
                        told.odd |= !matches!(error, LinkError::Closed);
                        return Err(error);
                    }
                }
            };
        }
    }
}

impl Link for SocketLink {
    fn max_batch(&self) -> usize {
        LARGEST
    }

    fn send(&mut self, header: &[u8], entries: &[u8]) -> Result<bool, LinkError> {
        if self.writer.queued() > MOST_QUEUED {
            return Ok(false);
        }
        let batch = BatchHeader::read(header).map_err(LinkError::broken)?;
        self.writer.send(FrameKind::Batch, &[header, entries], &[])?;
        self.told.sent = batch.base_ordinal + u64::from(batch.count);
        self.kept.push_back(copied(entries));
        Ok(true)
    }

    fn publish(&mut self) -> Result<(), LinkError> {
        self.writer.flush()
    }

    fn held(&self, nth: usize) -> &[u8] {
        self.kept.get(nth).map_or(&[], Vec::as_slice)
    }

    fn free_front(&mut self) {
        self.kept.pop_front();
    }

    fn has_news(&self) -> bool {
        self.more || !self.arrived.is_empty() || self.broken.is_some()
    }

    fn is_cut(&self) -> bool {
        self.reader.is_cut()
    }

    fn is_mid_message(&self) -> bool {
        self.reader.is_cut()
    }

    /// A task begins after its worker has told so, in one write. Where the stream cannot be cut into frames any more, the word is looked
    /// for in all that came after.
    fn may_have_begun(&mut self, ordinal: u64) -> bool {
        let told = &self.told;
        if told.odd || told.done > ordinal || told.started > ordinal {
            return true;
        }
        let cut_short = self.reader.is_cut() || self.reader.is_unreadable();
        match self.reader.rest(MOST_REST).filter(|_| cut_short) {
            Some(rest) => begins(&rest, ordinal),
            None => true,
        }
    }

    fn must_ask(&self) -> bool {
        true
    }

    fn receive(&mut self, _upto: Upto, out: &mut Vec<u8>) -> Result<Option<Received>, LinkError> {
        if self.arrived.is_empty() && self.broken.is_none() {
            self.broken = self.attend().err();
        }
        match self.arrived.pop_front() {
            Some((Received::Group, bytes)) => {
                out.extend_from_slice(&bytes);
                Ok(Some(Received::Group))
            }
            Some((other, _)) => Ok(Some(other)),
            None => {
                // The turn is over; the next may take in as much again.
                self.spent = (0, 0);
                self.broken.take().map_or(Ok(None), Err)
            }
        }
    }

    fn release(&mut self) {}

    fn progress(&self) -> Progress {
        Progress { running: self.told.running.checked_sub(1), passed: self.told.done, senseless: false }
    }

    fn withdraw(&mut self, lo: u64, hi: u64) -> Result<Withdrawal, LinkError> {
        self.writer.message(&ToWorker::Withdraw { lo, hi }, &[])?;
        self.told.asked.push_back((lo, hi));
        Ok(Withdrawal::Asked)
    }

    fn peer_cpu(&self) -> Option<u32> {
        None
    }

    fn send_parcel(&mut self, id: u64, parcel: BorrowedFd<'_>, length: u64) -> Result<(), LinkError> {
        self.writer.send(FrameKind::Parcel, &[&label(id, length)], &[parcel])?;
        self.sent_parcels += 1;
        Ok(())
    }

    fn parcels_sent(&self) -> u64 {
        self.sent_parcels
    }

    fn forget_parcels(&mut self, ids: &[u64]) -> Result<(), LinkError> {
        self.writer.forget(ids)
    }

    fn take_parcel(&mut self, id: u64, length: u64) -> Result<Parcel, LinkError> {
        self.parcels.take(id, length)
    }

    fn shut_down(&mut self) -> Result<(), LinkError> {
        self.writer.message(&ToWorker::Shutdown, &[])
    }

    fn attend(&mut self) -> Result<bool, LinkError> {
        self.take_in()?;
        match self.writer.flush() {
            // What came before the end is taken in before the end is told: reading tells it.
            Ok(()) | Err(LinkError::Closed) => Ok(self.more),
            Err(error) => Err(error),
        }
    }

    fn bell(&self) -> BorrowedFd<'_> {
        fd(&self.socket)
    }

    fn wants_to_write(&self) -> bool {
        self.writer.queued() > 0
    }
}

/// Whether there is a word in `bytes` that the task with this ordinal runs, or one after it.
fn begins(bytes: &[u8], ordinal: u64) -> bool {
    let Ok(header) = FrameHeader::new(FrameKind::Progress, 0, PROGRESS).map(|header| header.write()) else {
        return true;
    };
    bytes.windows(FRAME_HEADER + PROGRESS).filter_map(|word| word.strip_prefix(&header)).any(|word| {
        // A word of this length can be read.
        ProgressFrame::read(word).is_ok_and(|told| told.running > ordinal || told.done > ordinal)
    })
}

fn label(id: u64, length: u64) -> [u8; PARCEL_REF] {
    let mut payload = [0; PARCEL_REF];
    ParcelRef { parcel: id, len: length }.write_to(&mut payload);
    payload
}
