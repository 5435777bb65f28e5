//! The control socket: an unnamed pair of local sockets per worker, whose far end the child gets as its stdin.
//!
//! It carries the handshake, liveness (its end is the other side's death) and descriptors; on the socket link it carries
//! the data as well. There is no name that another user could guess, squat or open.
//!
//! Sending never blocks the coordinator: what the socket does not take is kept and sent on when it becomes writable.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock, Weak};

use interprocess::local_socket::Stream;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, Shutdown, recvmsg, sendmsg, shutdown, sockopt,
};
use serde::Serialize;

use mpexec_wire::{FRAME_HEADER, Forgotten, FrameDecoder, FrameHeader, FrameKind, MAX_FORGOTTEN, encode_to_vec};

use super::LinkError;
use crate::os::closing::{self, Foreign};
use crate::os::descriptors;
use crate::os::events::Watcher;

/// Most descriptors that come with one frame.
const MOST_ATTACHED: usize = 8;
/// What is wrong when a descriptor is lost.
const TOO_MANY: &str = "more descriptors came than a frame can have, or this process may have no more (ulimit -n)";
const NO_MEMORY: &str = "a descriptor came that is no memory file";
/// How much is read at once at least: a handshake needs little, and fresh memory costs a page fault for each 4 KiB;
const READ: usize = 4 << 10;
/// data needs more.
const READ_DATA: usize = 64 << 10;

/// A local socket, shared by the reading and the writing half.
pub(crate) type Socket = Arc<End>;

/// One end of it. That of a coordinator may hold at its end what the worker has sent and nobody has received, descriptors too: then it is
/// closed elsewhere.
#[derive(Debug)]
pub(crate) struct End {
    /// `None`: it is being dropped.
    stream: Option<Stream>,
    /// The process in whose hands the other side is a worker: a fork of it must not end what is not its own.
    made_by: Option<u32>,
    watched_by: OnceLock<Weak<Watcher>>,
}

impl End {
    fn new(socket: OwnedFd, made_by: Option<u32>) -> Socket {
        let stream = Some(Stream::UdSocket(UnixStream::from(socket).into()));
        Arc::new(End { stream, made_by, watched_by: OnceLock::new() })
    }

    /// At its end it is watched no longer, also where it is closed later.
    pub(crate) fn is_watched_by(&self, watcher: &Arc<Watcher>) {
        // One pool's supervisor has one.
        let _ = self.watched_by.set(Arc::downgrade(watcher));
    }

    /// Whether something lies here. Nothing comes any more.
    fn holds_something(&self) -> bool {
        let socket = fd(self);
        // Afterwards nobody can send to it; what has come stays.
        let _ = shutdown(socket, Shutdown::Both);
        rustix::io::ioctl_fionread(socket).map_or(true, |bytes| bytes > 0)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if self.made_by != Some(std::process::id()) || !self.holds_something() {
            return;
        }
        if let Some(watcher) = self.watched_by.get().and_then(Weak::upgrade) {
            watcher.remove(fd(self));
        }
        if let Some(Stream::UdSocket(socket)) = self.stream.take() {
            closing::elsewhere(socket.into());
        }
    }
}

/// A connected pair: ours, and the one for the child.
pub(crate) fn pair() -> io::Result<(Socket, OwnedFd)> {
    let (ours, theirs) = UnixStream::pair()?;
    // What is urgent is read in its turn. Else the kernel drops it in the midst of our reading, with the descriptors that came with it.
    sockopt::set_socket_oobinline(&ours, true)?;
    Ok((End::new(ours.into(), Some(std::process::id())), theirs.into()))
}

/// Takes a connected local socket, whose other side is trusted.
pub(crate) fn wrap(socket: OwnedFd) -> Socket {
    End::new(socket, None)
}

/// The descriptor of a socket.
pub(crate) fn fd(socket: &End) -> BorrowedFd<'_> {
    // It is taken out where it is dropped, and after that nobody has it.
    let stream = socket.stream.as_ref().expect("a socket in use has its descriptor");
    match stream {
        Stream::UdSocket(socket) => socket.as_fd(),
    }
}

/// The receiving half.
#[derive(Debug)]
pub(crate) struct Reader {
    socket: Socket,
    decoder: FrameDecoder,
    attached: VecDeque<Foreign>,
    flags: RecvFlags,
    ended: bool,
    read: usize,
}

impl Reader {
    /// `blocking`: in the worker. The coordinator never waits in a read.
    pub(crate) fn new(socket: Socket, blocking: bool) -> Reader {
        let flags = if blocking { RecvFlags::CMSG_CLOEXEC } else { RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT };
        Reader { socket, decoder: FrameDecoder::new(), attached: VecDeque::new(), flags, ended: false, read: READ }
    }

    /// Reads once. `Ok(false)`: nothing there now (only when not blocking).
    pub(crate) fn fill(&mut self) -> Result<bool, LinkError> {
        // As many as can come at once, of somebody who does not keep to what a frame can have: what there is no room for, the kernel closes in
        // the midst of our reading, and that may take its time.
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(closing::MOST_AT_ONCE))];
        loop {
            let mut ancillary = RecvAncillaryBuffer::new(&mut room);
            let space = self.decoder.space(self.read);
            match recvmsg(fd(&self.socket), &mut [IoSliceMut::new(space)], &mut ancillary, self.flags) {
                Ok(message) => {
                    let known = self.attached.len();
                    for message in ancillary.drain() {
                        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                            self.attached.extend(descriptors.map(Foreign::new));
                        }
                    }
                    // They come with a frame's first byte: these are of the frame at hand and of the next.
                    if message.flags.contains(ReturnFlags::CTRUNC) || self.attached.len() > 2 * MOST_ATTACHED {
                        return Err(LinkError::broken(TOO_MANY));
                    }
                    if !self.trusts() && !self.attached.iter().skip(known).all(Foreign::is_memory) {
                        // A child that is started while they are open here closes them too, and waits for that.
                        self.attached.truncate(known);
                        return Err(LinkError::broken(NO_MEMORY));
                    }
                    if message.bytes == 0 {
                        self.ended = true;
                        return Err(LinkError::Closed);
                    }
                    self.decoder.filled(message.bytes);
                    return Ok(true);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(false),
                Err(rustix::io::Errno::CONNRESET) => {
                    self.ended = true;
                    return Err(LinkError::Closed);
                }
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
    }

    /// Whether the other side is a coordinator.
    fn trusts(&self) -> bool {
        !self.flags.contains(RecvFlags::DONTWAIT)
    }

    /// From now on data comes this way.
    pub(crate) fn expect_data(&mut self) {
        self.read = READ_DATA;
    }

    /// Whether the other side has closed.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether a frame has begun to come and is not whole.
    pub(crate) fn is_cut(&self) -> bool {
        !self.decoder.is_between_frames()
    }

    /// Whether what comes next is no frame.
    pub(crate) fn is_unreadable(&mut self) -> bool {
        self.decoder.next().is_err()
    }

    /// All that came and was not handed out, when nothing more is sent; `None`: it is more than `most`, or cannot be had.
    pub(crate) fn rest(&mut self, most: usize) -> Option<Vec<u8>> {
        while self.decoder.unfinished().len() <= most {
            match self.fill() {
                Ok(true) => {}
                Ok(false) | Err(LinkError::Closed) => return Some(self.decoder.unfinished().to_vec()),
                Err(_) => return None,
            }
        }
        None
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> &End {
        &self.socket
    }

    /// Hands the next whole frame and its descriptors to `take`; `None` when there is none yet.
    pub(crate) fn next<R>(
        &mut self,
        take: impl FnOnce(FrameKind, &[u8], Vec<Foreign>) -> Result<R, LinkError>,
    ) -> Result<Option<R>, LinkError> {
        let attached = &mut self.attached;
        match self.decoder.next().map_err(LinkError::broken)? {
            None => Ok(None),
            Some(frame) => {
                let count = usize::from(frame.attached);
                if count > attached.len() {
                    return Err(LinkError::broken("a frame announces descriptors that did not come"));
                }
                let descriptors = attached.drain(..count).collect();
                take(frame.kind, frame.payload, descriptors).map(Some)
            }
        }
    }
}

#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    sent: usize,
    attached: Vec<OwnedFd>,
}

/// The sending half.
#[derive(Debug)]
pub(crate) struct Writer {
    socket: Socket,
    queue: VecDeque<Piece>,
    queued: usize,
    flags: SendFlags,
    /// Nobody need be there to read.
    outlives: bool,
}

impl Writer {
    /// `blocking`: in the worker.
    pub(crate) fn new(socket: Socket, blocking: bool) -> Writer {
        let flags = if blocking { SendFlags::NOSIGNAL } else { SendFlags::NOSIGNAL | SendFlags::DONTWAIT };
        Writer { socket, queue: VecDeque::new(), queued: 0, flags, outlives: false }
    }

    /// From now on what is sent when the other side is gone is dropped: this side goes on without it.
    pub(crate) fn outlive_the_reader(&mut self) {
        self.outlives = true;
    }

    /// Bytes that the socket has not taken yet.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Sends a message.
    pub(crate) fn message<T: Serialize>(&mut self, message: &T, attached: &[BorrowedFd<'_>]) -> Result<(), LinkError> {
        let bytes = encode_to_vec(message).map_err(LinkError::broken)?;
        self.send(FrameKind::Control, &[&bytes], attached)
    }

    /// Sends a frame whose payload is `parts`, one after another.
    pub(crate) fn send(
        &mut self,
        kind: FrameKind,
        parts: &[&[u8]],
        attached: &[BorrowedFd<'_>],
    ) -> Result<(), LinkError> {
        let mut bytes = Vec::new();
        frame_into(&mut bytes, kind, parts, attached.len())?;
        self.send_framed(bytes, attached)
    }

    /// Sends frames that were laid out by [`frame_into`].
    pub(crate) fn send_framed(&mut self, bytes: Vec<u8>, attached: &[BorrowedFd<'_>]) -> Result<(), LinkError> {
        let mut sent = 0;
        if self.queue.is_empty() {
            match self.push(&bytes, attached) {
                Ok(count) => sent = count,
                Err(error) => return Err(error),
            }
            if sent == bytes.len() {
                return Ok(());
            }
        }
        // Descriptors go with the first byte.
        let attached = if sent == 0 {
            attached.iter().map(|fd| descriptors::with_room(|| fd.try_clone_to_owned())).collect::<io::Result<_>>()?
        } else {
            Vec::new()
        };
        self.queued += bytes.len() - sent;
        self.queue.push_back(Piece { bytes, sent, attached });
        self.flush()
    }

    /// Says that the worker needs these parcels no longer.
    pub(crate) fn forget(&mut self, ids: &[u64]) -> Result<(), LinkError> {
        ids.chunks(MAX_FORGOTTEN).try_for_each(|ids| self.send(FrameKind::Forget, &[&Forgotten::write(ids)], &[]))
    }

    /// Sends on what was kept.
    pub(crate) fn flush(&mut self) -> Result<(), LinkError> {
        while let Some(mut piece) = self.queue.pop_front() {
            let borrowed: Vec<BorrowedFd<'_>> = piece.attached.iter().map(AsFd::as_fd).collect();
            let count = self.push(&piece.bytes[piece.sent..], &borrowed)?;
            self.queued -= count;
            piece.sent += count;
            if piece.sent < piece.bytes.len() {
                if count > 0 {
                    piece.attached.clear();
                }
                let stuck = count == 0;
                self.queue.push_front(piece);
                if stuck {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// One send; zero bytes when the socket takes nothing now.
    fn push(&self, bytes: &[u8], attached: &[BorrowedFd<'_>]) -> Result<usize, LinkError> {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_ATTACHED))];
        let mut raised = false;
        loop {
            let mut ancillary = SendAncillaryBuffer::new(&mut room);
            if !attached.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(attached)) {
                return Err(LinkError::broken("too many descriptors for one frame"));
            }
            match sendmsg(fd(&self.socket), &[IoSlice::new(bytes)], &mut ancillary, self.flags) {
                Ok(count) => return Ok(count),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(0),
                Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) if self.outlives => return Ok(bytes.len()),
                // As many are under way as this process may have open.
                Err(rustix::io::Errno::TOOMANYREFS) if !raised => {
                    raised = true;
                    descriptors::raise_further();
                }
                Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => {
                    return Err(LinkError::Closed);
                }
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
    }
}

/// Lays a frame out at the end of `bytes`.
pub(crate) fn frame_into(
    bytes: &mut Vec<u8>,
    kind: FrameKind,
    parts: &[&[u8]],
    attached: usize,
) -> Result<(), LinkError> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let header =
        FrameHeader::new(kind, u16::try_from(attached).unwrap_or(u16::MAX), length).map_err(LinkError::broken)?;
    bytes.reserve(FRAME_HEADER + length);
    bytes.extend_from_slice(&header.write());
    for part in parts {
        bytes.extend_from_slice(part);
    }
    Ok(())
}
