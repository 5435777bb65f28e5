//! eventfd and epoll: how a thread sleeps until one of many things happens.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};

/// A counter that wakes whoever watches it. Never read where it is watched by edges; see [`Bell::drain`] for the others.
#[derive(Debug)]
pub(crate) struct Bell(OwnedFd);

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        Ok(Bell(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub(crate) fn from_fd(fd: OwnedFd) -> Bell {
        Bell(fd)
    }

    pub(crate) fn try_clone(&self) -> io::Result<Bell> {
        Ok(Bell(self.0.try_clone()?))
    }

    /// Wakes.
    pub(crate) fn ring(&self) {
        // Nobody closes the descriptors of this process over our heads.
        let _ = self.try_ring();
    }

    /// As [`Bell::ring`], where the descriptor may be gone: a task may close whatever it likes.
    pub(crate) fn try_ring(&self) -> io::Result<()> {
        match rustix::io::write(&self.0, &1u64.to_ne_bytes()) {
            // A full counter (2^64 rings never read) is as good as a ring.
            Ok(_) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets it back, where it is watched by level.
    pub(crate) fn drain(&self) {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.0, &mut count);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// How a descriptor is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Once per ring.
    Edge,
    /// As long as it is readable.
    Level,
    /// As long as it is readable or writable.
    LevelBoth,
}

impl Watch {
    fn flags(self) -> EventFlags {
        match self {
            Watch::Edge => EventFlags::IN | EventFlags::ET,
            Watch::Level => EventFlags::IN,
            Watch::LevelBoth => EventFlags::IN | EventFlags::OUT,
        }
    }
}

/// Nobody sleeps for longer in one go: more than 24 days in milliseconds are too many for the older of the system's two calls, and the newer is not
/// everywhere (Linux before 5.11, and containers that know it not).
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// An epoll instance.
#[derive(Debug)]
pub(crate) struct Watcher(OwnedFd);

impl Watcher {
    pub(crate) fn new() -> io::Result<Watcher> {
        Ok(Watcher(epoll::create(CreateFlags::CLOEXEC)?))
    }

    pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64, watch: Watch) -> io::Result<()> {
        Ok(epoll::add(&self.0, fd, EventData::new_u64(token), watch.flags())?)
    }

    pub(crate) fn change(&self, fd: BorrowedFd<'_>, token: u64, watch: Watch) -> io::Result<()> {
        Ok(epoll::modify(&self.0, fd, EventData::new_u64(token), watch.flags())?)
    }

    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) {
        let _ = epoll::delete(&self.0, fd);
    }

    /// Sleeps until something happens, the time is up, or a day is over; the tokens of what happened are put into `tokens`.
    pub(crate) fn wait(&self, limit: Option<Duration>, tokens: &mut Vec<u64>) -> io::Result<()> {
        tokens.clear();
        let limit = limit.and_then(|limit| Timespec::try_from(limit.min(LONGEST)).ok());
        let mut events = [const { std::mem::MaybeUninit::<Event>::uninit() }; 64];
        match epoll::wait(&self.0, &mut events, limit.as_ref()) {
            Ok((happened, _)) => {
                tokens.extend(happened.iter().map(|event| event.data.u64()));
                Ok(())
            }
            // A signal handler ran: the caller looks around and comes back.
            Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
