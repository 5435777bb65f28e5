//! The socket link: batches, results and progress as frames on the control socket. Works on every Unix.
//!
//! The worker's guard thread reads; it puts batches into a queue for the task thread and answers a taking back at once,
//! also while a task runs. Before a task starts, one write says what was finished and what starts now, so that a death
//! names its culprit as exactly as the shared progress cell does.

pub(crate) mod worker;

use std::collections::{HashMap, VecDeque};
use std::os::fd::{BorrowedFd, OwnedFd};

use mpexec_ring::Parcel;
use mpexec_wire::{FrameKind, FromWorker, PARCEL_REF, ParcelRef, Progress as ProgressFrame, ToWorker, decode};

use super::control::{Reader, Socket, Writer, fd};
use super::{Link, LinkError, Progress, Received, Upto, Withdrawal};

/// The largest batch in one frame.
const LARGEST: usize = 1 << 20;
/// No more is sent than the socket is likely to take soon; the rest waits in the queues where it can still be moved.
const MOST_QUEUED: usize = 2 << 20;

/// The coordinator's end.
#[derive(Debug)]
pub(crate) struct SocketLink {
    socket: Socket,
    reader: Reader,
    writer: Writer,
    /// The entries of batches that are not freed: the copy from which unfinished work is queued again.
    kept: VecDeque<Vec<u8>>,
    arrived: VecDeque<(Received, Vec<u8>)>,
    progress: Progress,
    parcels: HashMap<u64, OwnedFd>,
    /// Why nothing more will come; told once everything that came was received.
    broken: Option<LinkError>,
}

impl SocketLink {
    pub(crate) fn new(socket: Socket, mut reader: Reader, writer: Writer) -> SocketLink {
        reader.expect_data();
        SocketLink {
            socket,
            reader,
            writer,
            kept: VecDeque::new(),
            arrived: VecDeque::new(),
            progress: Progress::default(),
            parcels: HashMap::new(),
            broken: None,
        }
    }

    /// Takes in whole frames until there is none.
    fn take_in(&mut self) -> Result<(), LinkError> {
        let Self { reader, arrived, progress, parcels, .. } = self;
        loop {
            let taken = reader.next(|kind, payload, mut attached| {
                match kind {
                    FrameKind::Group => arrived.push_back((Received::Group, payload.to_vec())),
                    FrameKind::Progress => {
                        let told = ProgressFrame::read(payload).map_err(LinkError::broken)?;
                        *progress = Progress { running: told.running.checked_sub(1), passed: told.done };
                    }
                    FrameKind::Parcel => {
                        let parcel = ParcelRef::read(payload).map_err(LinkError::broken)?;
                        let fd =
                            attached.pop().ok_or_else(|| LinkError::broken("a parcel came without its descriptor"))?;
                        parcels.insert(parcel.parcel, fd);
                    }
                    FrameKind::Control => match decode::<FromWorker>(payload).map_err(LinkError::broken)? {
                        FromWorker::GaveBack { lo, hi } => {
                            arrived.push_back((Received::GaveBack { from: lo, to: hi }, Vec::new()))
                        }
                        FromWorker::Bye => {}
                        FromWorker::Refused { reason } => return Err(LinkError::Refused(reason)),
                        other => return Err(LinkError::broken(format!("{other:?} out of turn"))),
                    },
                    other => {
                        return Err(LinkError::broken(format!("a {other:?} frame from a worker")));
                    }
                }
                Ok(())
            })?;
            if taken.is_none() && !reader.fill()? {
                return Ok(());
            }
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
        self.writer.send(FrameKind::Batch, &[header, entries], &[])?;
        self.kept.push_back(entries.to_vec());
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
        !self.arrived.is_empty() || self.broken.is_some()
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
            None => self.broken.take().map_or(Ok(None), Err),
        }
    }

    fn release(&mut self) {}

    fn progress(&self) -> Progress {
        self.progress
    }

    fn withdraw(&mut self, lo: u64, hi: u64) -> Result<Withdrawal, LinkError> {
        self.writer.message(&ToWorker::Withdraw { lo, hi }, &[])?;
        Ok(Withdrawal::Asked)
    }

    fn peer_cpu(&self) -> Option<u32> {
        None
    }

    fn send_parcel(&mut self, id: u64, parcel: BorrowedFd<'_>, length: u64) -> Result<(), LinkError> {
        self.writer.send(FrameKind::Parcel, &[&label(id, length)], &[parcel])
    }

    fn take_parcel(&mut self, id: u64, length: u64) -> Result<Parcel, LinkError> {
        let fd = self.parcels.remove(&id).ok_or_else(|| LinkError::broken("it names a parcel that it never sent"))?;
        Parcel::open(fd, length).map_err(LinkError::broken)
    }

    fn shut_down(&mut self) -> Result<(), LinkError> {
        self.writer.message(&ToWorker::Shutdown, &[])
    }

    fn attend(&mut self) -> Result<(), LinkError> {
        // What came before the end is taken in before the end is told.
        let taken = self.take_in();
        taken.and_then(|()| self.writer.flush())
    }

    fn bell(&self) -> BorrowedFd<'_> {
        fd(&self.socket)
    }

    fn wants_to_write(&self) -> bool {
        self.writer.queued() > 0
    }
}

fn label(id: u64, length: u64) -> [u8; PARCEL_REF] {
    let mut payload = [0; PARCEL_REF];
    ParcelRef { parcel: id, len: length }.write_to(&mut payload);
    payload
}
