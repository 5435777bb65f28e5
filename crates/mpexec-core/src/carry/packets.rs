//! A local socket that keeps packets apart, with two ends: what senders hold and what receivers hold.
//!
//! The kernel gives what a channel between processes needs and no shared lock can: a packet is taken by one receiver, whole
//! or not at all; who sends more than is read waits; when the last descriptor of one side is closed, also by a death, the
//! other side hears it. So a process killed at any instant holds nobody up.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mpexec_ring::{OpenError, Parcel};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg, shutdown, socketpair,
};

use crate::os::closing::{self, Foreign};
use crate::os::descriptors;

/// More descriptors than these the kernel does not pass at once.
pub(crate) const MOST_ATTACHED: usize = closing::MOST_AT_ONCE;

/// An end of a channel. That of receivers may hold at its end what was sent and nobody has received, descriptors too.
#[derive(Debug)]
pub(crate) struct ChannelEnd {
    /// `None`: it is being dropped.
    fd: Option<OwnedFd>,
    receives: bool,
}

impl ChannelEnd {
    /// An end of those who send. Nothing can lie there, as nobody can send that way.
    pub(crate) fn of_senders(fd: OwnedFd) -> Arc<ChannelEnd> {
        Arc::new(ChannelEnd { fd: Some(fd), receives: false })
    }

    /// An end of those who receive.
    pub(crate) fn of_receivers(fd: OwnedFd) -> Arc<ChannelEnd> {
        Arc::new(ChannelEnd { fd: Some(fd), receives: true })
    }
}

impl AsFd for ChannelEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_ref().expect("it is there until it is dropped").as_fd()
    }
}

impl Drop for ChannelEnd {
    fn drop(&mut self) {
        match self.fd.take() {
            Some(fd) if self.receives => closing::close_end(fd),
            fd => drop(fd),
        }
    }
}

/// A pair: the senders' end, the receivers' end. `capacity`: about how many bytes may wait between them.
pub(crate) fn pair(capacity: Option<usize>) -> io::Result<(OwnedFd, OwnedFd)> {
    let make = || socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let (senders, receivers) = descriptors::with_room(|| Ok(make()?))?;
    descriptors::make_room(receivers.as_fd());
    // Nothing goes back: unread, it would spoil the end.
    shutdown(&receivers, Shutdown::Write)?;
    if let Some(capacity) = capacity {
        // The system has a most of its own, far below this.
        sockopt::set_socket_send_buffer_size(&senders, capacity.min(i32::MAX as usize))?;
    }
    Ok((senders, receivers))
}

/// A descriptor that came from somewhere, if it is such a socket.
pub(crate) fn if_one(fd: OwnedFd) -> Option<OwnedFd> {
    let is_one = sockopt::socket_domain(&fd).is_ok_and(|domain| domain == AddressFamily::UNIX)
        && sockopt::socket_type(&fd).is_ok_and(|kind| kind == SocketType::SEQPACKET);
    if is_one {
        return Some(fd);
    }
    closing::elsewhere(fd);
    None
}

/// How many bytes the senders' end lets wait, the kernel's own included.
pub(crate) fn capacity(senders: BorrowedFd<'_>) -> usize {
    sockopt::socket_send_buffer_size(senders).unwrap_or(0)
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    None,
    Until(Instant),
    Forever,
}

impl Patience {
    /// A limit too far away to be told is none.
    pub(crate) fn of(limit: Duration) -> Patience {
        Instant::now().checked_add(limit).map_or(Patience::Forever, Patience::Until)
    }

    /// Waits until something can be done; `false` when the time is up.
    fn wait(self, fd: BorrowedFd<'_>, what: PollFlags) -> io::Result<bool> {
        loop {
            let limit = match self {
                Patience::None => return Ok(false),
                Patience::Forever => None,
                Patience::Until(until) => match until.saturating_duration_since(Instant::now()) {
                    Duration::ZERO => return Ok(false),
                    left => Timespec::try_from(left).ok(),
                },
            };
            match poll(&mut [PollFd::from_borrowed_fd(fd, what)], limit.as_ref()) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Why nothing went or came.
#[derive(Debug)]
pub(crate) enum Blocked {
    /// Not within the time.
    NotNow,
    /// Nobody is left at the other side.
    Closed,
    Os(io::Error),
}

impl From<io::Error> for Blocked {
    fn from(error: io::Error) -> Blocked {
        Blocked::Os(error)
    }
}

/// Sends one packet, whole or not at all.
pub(crate) fn send(
    fd: BorrowedFd<'_>,
    parts: &[IoSlice<'_>],
    attached: &[BorrowedFd<'_>],
    patience: Patience,
) -> Result<(), Blocked> {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_ATTACHED))];
    // The kernel's own waiting is the cheaper one, where no limit is set.
    let mut flags = SendFlags::NOSIGNAL;
    flags.set(SendFlags::DONTWAIT, patience != Patience::Forever);
    let mut raised = false;
    loop {
        let mut ancillary = SendAncillaryBuffer::new(&mut room);
        if !attached.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(attached)) {
            return Err(Errno::TOOMANYREFS.into_blocked());
        }
        match sendmsg(fd, parts, &mut ancillary, flags) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if !patience.wait(fd, PollFlags::OUT)? => return Err(Blocked::NotNow),
            Err(Errno::AGAIN) => {}
            Err(Errno::TOOMANYREFS) if !raised => {
                raised = true;
                descriptors::raise_further();
            }
            Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => return Err(Blocked::Closed),
            Err(error) => return Err(error.into_blocked()),
        }
    }
}

fn has_ended(receivers: BorrowedFd<'_>) -> bool {
    let ended = PollFlags::HUP | PollFlags::RDHUP;
    let mut asked = [PollFd::from_borrowed_fd(receivers, PollFlags::RDHUP)];
    poll(&mut asked, Some(&Timespec::default())).is_err() || asked[0].revents().intersects(ended)
}

/// A descriptor that came with a packet. Nobody has looked at it.
#[derive(Debug)]
pub(crate) struct Sent(Foreign);

impl Sent {
    /// For whoever looks at it.
    pub(crate) fn into_fd(self) -> OwnedFd {
        self.0.trusted()
    }

    /// Maps it, if it is a parcel of so many bytes.
    pub(crate) fn into_parcel(self, length: u64) -> Result<Parcel, OpenError> {
        self.0.into_parcel(length)
    }
}

/// What came.
#[derive(Debug)]
pub(crate) struct Packet {
    /// Bytes of the buffer.
    pub length: usize,
    pub attached: Vec<Sent>,
    /// Something of it did not fit: bytes, or descriptors that this process may not have.
    pub cut: bool,
}

/// Takes one packet into `buffer`.
pub(crate) fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8], patience: Patience) -> Result<Packet, Blocked> {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_ATTACHED))];
    let mut flags = RecvFlags::CMSG_CLOEXEC;
    flags.set(RecvFlags::DONTWAIT, patience != Patience::Forever);
    loop {
        let mut ancillary = RecvAncillaryBuffer::new(&mut room);
        match recvmsg(fd, &mut [IoSliceMut::new(buffer)], &mut ancillary, flags) {
            Ok(message) => {
                let mut attached = Vec::new();
                for message in ancillary.drain() {
                    if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                        attached.extend(descriptors.map(|fd| Sent(Foreign::new(fd))));
                    }
                }
                // No packet of ours is empty: this is the end, unless somebody makes believe that it is.
                if message.bytes == 0 && attached.is_empty() {
                    if has_ended(fd) {
                        return Err(Blocked::Closed);
                    }
                    continue;
                }
                let cut = message.flags.intersects(ReturnFlags::CTRUNC | ReturnFlags::TRUNC);
                return Ok(Packet { length: message.bytes, attached, cut });
            }
            // A reset is told once, before what still lies there.
            Err(Errno::INTR | Errno::CONNRESET) => {}
            // Another receiver was quicker, or somebody has set the socket not to wait.
            Err(Errno::AGAIN) if !patience.wait(fd, PollFlags::IN)? => return Err(Blocked::NotNow),
            Err(Errno::AGAIN) => {}
            Err(error) => return Err(error.into_blocked()),
        }
    }
}

trait IntoBlocked {
    fn into_blocked(self) -> Blocked;
}

impl IntoBlocked for Errno {
    fn into_blocked(self) -> Blocked {
        Blocked::Os(self.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(fd: &OwnedFd, bytes: &[u8]) -> Result<(), Blocked> {
        send(fd.as_fd(), &[IoSlice::new(bytes)], &[], Patience::None)
    }

    fn taken(fd: &OwnedFd) -> Result<Vec<u8>, Blocked> {
        let mut buffer = [0; 100];
        receive(fd.as_fd(), &mut buffer, Patience::None).map(|packet| buffer[..packet.length].to_vec())
    }

    #[test]
    fn packets_stay_apart_and_are_all_read_before_the_end_is_told_to_every_receiver() {
        let (senders, receivers) = pair(None).unwrap();
        let other = receivers.try_clone().unwrap();
        sent(&senders, b"one").unwrap();
        sent(&senders, b"and two").unwrap();
        assert!(matches!(taken(&receivers), Ok(bytes) if bytes == b"one"));
        drop(senders);
        assert!(matches!(taken(&other), Ok(bytes) if bytes == b"and two"));
        for fd in [&receivers, &other, &receivers] {
            assert!(matches!(taken(fd), Err(Blocked::Closed)));
        }
    }

    #[test]
    fn a_sender_hears_that_the_last_receiver_is_gone() {
        let (senders, receivers) = pair(None).unwrap();
        let other = receivers.try_clone().unwrap();
        drop(receivers);
        sent(&senders, b"x").unwrap();
        drop(other);
        assert!(matches!(sent(&senders, b"x"), Err(Blocked::Closed)));
    }

    #[test]
    fn nobody_can_send_the_wrong_way() {
        let (senders, receivers) = pair(None).unwrap();
        assert!(matches!(sent(&receivers, b"x"), Err(Blocked::Closed)));
        assert!(matches!(taken(&senders), Err(Blocked::Closed)));
    }

    #[test]
    fn an_empty_packet_is_not_taken_for_the_end() {
        let (senders, receivers) = pair(None).unwrap();
        for _ in 0..3 {
            sent(&senders, b"").unwrap();
        }
        sent(&senders, b"x").unwrap();
        assert!(matches!(taken(&receivers), Ok(bytes) if bytes == b"x"));
        sent(&senders, b"").unwrap();
        assert!(matches!(taken(&receivers), Err(Blocked::NotNow)));
    }

    #[test]
    fn who_waits_for_nothing_or_too_long_is_told_so() {
        let (senders, receivers) = pair(Some(1)).unwrap();
        assert!(matches!(taken(&receivers), Err(Blocked::NotNow)));
        while sent(&senders, b"x").is_ok() {}
        assert!(matches!(sent(&senders, b"x"), Err(Blocked::NotNow)));
        let patience = Patience::of(Duration::from_millis(5));
        let late = send(senders.as_fd(), &[IoSlice::new(b"x")], &[], patience);
        assert!(matches!(late, Err(Blocked::NotNow)));
    }
}
