//! What several tests need: payloads that can be recognised, and a bell.

#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod echo;

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// Longer than anything here takes, shorter than a patience: a wait that lasts so long has lost its
/// wake-up.
pub(crate) const LOST: Duration = Duration::from_secs(200);

/// Writes the payload number `id` into `room`: a fill of its own with the number at both ends, so
/// that neither a shift nor a cut nor another's bytes go unseen. (Cheap, as this runs unoptimised.)
pub(crate) fn write_pattern(id: u64, room: &mut [u8]) {
    room.fill(id.wrapping_mul(0x9d) as u8 ^ 0x55);
    let stamp = id.to_le_bytes();
    let edge = room.len().min(stamp.len());
    let behind = room.len() - edge;
    room[behind..].copy_from_slice(&stamp[..edge]);
    room[..edge].copy_from_slice(&stamp[..edge]);
}

/// The payload number `id`.
pub(crate) fn pattern(id: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    write_pattern(id, &mut bytes);
    bytes
}

/// The coordinator's bell: an eventfd that counts rings.
pub(crate) struct Bell(OwnedFd);

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        Ok(Bell(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub(crate) fn from_fd(fd: OwnedFd) -> Bell {
        Bell(fd)
    }

    pub(crate) fn fd(&self) -> &OwnedFd {
        &self.0
    }

    pub(crate) fn ring(&self) {
        rustix::io::write(&self.0, &1u64.to_ne_bytes()).expect("an eventfd takes a ring");
    }

    /// Sleeps until somebody rings.
    ///
    /// # Panics
    ///
    /// If nobody does for [`LOST`].
    pub(crate) fn wait(&self) {
        let timeout = Timespec { tv_sec: LOST.as_secs() as i64, tv_nsec: 0 };
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        let rung = loop {
            match poll(&mut fds, Some(&timeout)) {
                Err(rustix::io::Errno::INTR) => continue,
                other => break other.expect("an eventfd can be polled"),
            }
        };
        assert!(rung == 1, "nobody rang for {LOST:?}: a wake-up was lost");
        let mut count = [0; 8];
        rustix::io::read(&self.0, &mut count).expect("a rung eventfd can be read");
    }
}
