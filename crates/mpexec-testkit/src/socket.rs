//! In a worker: its own socket, on which it says what a worker of sound mind would not.

use std::fs;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mpexec_wire::{FrameHeader, FrameKind};
use rustix::net::sockopt::socket_type;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketType, sendmsg, shutdown};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// This worker's own socket.
pub fn own() -> OwnedFd {
    let is_socket = |fd: &i32| {
        fs::read_link(format!("/proc/self/fd/{fd}")).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
    };
    numbers().find(is_socket).and_then(held).unwrap()
}

/// Descriptors that this process has.
fn numbers() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(|fd| fd.file_name().to_str()?.parse().ok())
}

/// One of them, once more.
fn held(number: i32) -> Option<OwnedFd> {
    let this = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    pidfd_getfd(this, number, PidfdGetfdFlags::empty()).ok()
}

/// Sends a packet to the first channel of which this worker has an end that takes it; `false`: there is none.
pub fn send_to_a_channel(bytes: &[u8], attached: &[BorrowedFd<'_>]) -> bool {
    let ends = numbers().filter_map(held).filter(|fd| socket_type(fd) == Ok(SocketType::SEQPACKET));
    ends.into_iter().any(|end| send(&end, bytes, attached))
}

/// Sends bytes. `false`: the other end is closed, so this worker is being killed.
pub fn send(socket: &OwnedFd, bytes: &[u8], attached: &[BorrowedFd<'_>]) -> bool {
    send_as(socket, bytes, attached, SendFlags::empty())
}

/// As [`send`], the last byte being urgent.
pub fn send_urgently(socket: &OwnedFd, bytes: &[u8], attached: &[BorrowedFd<'_>]) -> bool {
    send_as(socket, bytes, attached, SendFlags::OOB)
}

fn send_as(socket: &OwnedFd, mut bytes: &[u8], attached: &[BorrowedFd<'_>], flags: SendFlags) -> bool {
    loop {
        // As many as the kernel passes at once.
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
        let mut ancillary = SendAncillaryBuffer::new(&mut room);
        assert!(attached.is_empty() || ancillary.push(SendAncillaryMessage::ScmRights(attached)));
        match sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, flags | SendFlags::NOSIGNAL) {
            Ok(sent) if sent == bytes.len() => return true,
            Ok(sent) => bytes = &bytes[sent..],
            Err(_) => return false,
        }
    }
}

/// A whole frame.
pub fn frame(kind: FrameKind, attached: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = FrameHeader::new(kind, attached, payload.len()).unwrap().write().to_vec();
    frame.extend_from_slice(payload);
    frame
}

/// What begins no frame.
pub(crate) fn send_garbage() -> bool {
    send(&own(), b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", &[])
}

/// The first half of a message; what this worker says next will be taken for the rest.
pub(crate) fn send_half_a_message(kind: FrameKind) -> bool {
    let whole = frame(kind, 0, &[0; 2000]);
    send(&own(), &whole[..whole.len() / 2], &[])
}

/// A header that announces more than any frame may have.
pub(crate) fn send_a_huge_length() -> bool {
    let mut header = frame(FrameKind::Control, 0, &[]);
    header[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    send(&own(), &header, &[])
}

/// Closes it for what this worker would say. What it is told it still hears: its guard does not end it.
pub(crate) fn close() -> bool {
    shutdown(own().as_fd(), Shutdown::Write).is_ok()
}
