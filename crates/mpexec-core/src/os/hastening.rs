//! Telling a descriptor that came from another process that its end is not to be waited for.

#![expect(unsafe_code, reason = "an option of sockets that rustix does not know")]

use std::ffi::c_int;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg, sockopt};

/// How often one looks for what lies in a descriptor that is to be closed: as many messages with descriptors fit into a socket, about.
const MOST_LOOKS: usize = 500;
/// Of descriptors in one message so many are looked at.
const MOST_SEEN: usize = 32;
/// Sockets that lie in each other are looked at so far down.
const DEEPEST: usize = 8;
/// More empty messages do not fit into a socket's queue, unless the system was told otherwise.
const MOST_EMPTY: usize = 64;

/// If it is a socket: whoever closes it last is not to wait for what it has yet to send. And if it is a local one, not for those either that lie
/// in it, or in these.
///
/// They are looked at and stay: the socket may be somebody else's too. How much is looked at has a bound, and so has how many descriptors that
/// opens at once, as a worker that is mad may send sockets that lie in themselves; what is not seen keeps its closer as long as it likes.
pub(super) fn hasten(fd: BorrowedFd<'_>, looks_into: bool) {
    Walk { looks: MOST_LOOKS, bytes: Vec::new() }.hasten(fd, if looks_into { DEEPEST } else { 0 });
}

/// A look at sockets and at what lies in them.
struct Walk {
    /// So many looks are left.
    looks: usize,
    bytes: Vec<u8>,
}

impl Walk {
    fn hasten(&mut self, fd: BorrowedFd<'_>, depth: usize) {
        let _ = sockopt::set_socket_linger(fd, Some(Duration::ZERO));
        if depth == 0 || sockopt::socket_domain(fd) != Ok(AddressFamily::UNIX) {
            return;
        }
        self.bytes.resize(16 << 10, 0);
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SEEN))];
        // What is empty is peeked at once, an error is told once, and the end is told as emptiness again and again.
        let mut nothing = 0;
        if !peek_on(fd, 0) {
            self.looks = self.looks.min(1);
        }
        while nothing < MOST_EMPTY && self.looks > 0 {
            self.looks -= 1;
            let mut ancillary = RecvAncillaryBuffer::new(&mut room);
            let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            match recvmsg(fd, &mut [IoSliceMut::new(&mut self.bytes)], &mut ancillary, flags) {
                Ok(message) if message.bytes > 0 => nothing = 0,
                Err(Errno::AGAIN) => break,
                Ok(_) | Err(_) => nothing += 1,
            }
            for message in ancillary.drain() {
                if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                    descriptors.for_each(|fd| self.hasten(fd.as_fd(), depth - 1));
                }
            }
        }
        peek_on(fd, -1);
    }
}

/// From where in a socket's queue it is peeked: each time behind what was peeked last, or with -1 always at its beginning.
/// `false`: this system cannot.
fn peek_on(fd: BorrowedFd<'_>, from: c_int) -> bool {
    let length = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the option is a number, which is there while it is read.
    unsafe {
        libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEEK_OFF, (&raw const from).cast(), length) == 0
    }
}

#[cfg(test)]
mod tests {
    use std::io::{IoSlice, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;
    use std::time::Instant;

    use rustix::net::{
        SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg, socketpair,
    };

    use super::*;

    /// Sends a descriptor, or nothing but the text.
    fn send(to: &OwnedFd, text: &[u8], fd: Option<BorrowedFd<'_>>) {
        let (mut room, own) = ([MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))], fd.map(|fd| [fd]));
        let mut rights = SendAncillaryBuffer::new(&mut room);
        if let Some(own) = &own {
            assert!(rights.push(SendAncillaryMessage::ScmRights(own)));
        }
        sendmsg(to, &[IoSlice::new(text)], &mut rights, SendFlags::empty()).unwrap();
    }

    /// Puts a descriptor into a socket, behind something else and something empty.
    fn lies_in(fd: OwnedFd) -> OwnedFd {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        send(&ours, b"first", None);
        send(&ours, b"", None);
        send(&ours, b"second", Some(fd.as_fd()));
        theirs
    }

    /// It takes a minute to close, if that is not told otherwise.
    fn slow(listener: &TcpListener) -> OwnedFd {
        let mut slow = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        slow.set_nonblocking(true).unwrap();
        while slow.write(&[0; 1 << 16]).is_ok() {}
        sockopt::set_socket_linger(&slow, Some(Duration::from_secs(60))).unwrap();
        slow.into()
    }

    #[test]
    fn what_would_take_a_minute_to_close_is_closed_at_once_also_where_it_lies_in_a_socket_that_lies_in_another() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let since = Instant::now();
        let end = lies_in(lies_in(slow(&listener)));
        hasten(end.as_fd(), true);
        drop(end);
        assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
    }

    #[test]
    fn sockets_that_lie_in_themselves_are_looked_at_for_a_moment_only() {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        for _ in 0..3 {
            send(&one, b"x", Some(other.as_fd()));
        }
        let mut walk = Walk { looks: MOST_LOOKS, bytes: Vec::new() };
        walk.hasten(other.as_fd(), DEEPEST);
        assert!(walk.looks < MOST_LOOKS, "it was looked at");
        let before = walk.looks;
        walk.hasten(other.as_fd(), 0);
        assert_eq!(walk.looks, before, "and not where nobody is to look");
    }
}
