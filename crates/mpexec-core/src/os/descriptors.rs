//! What a worker does with the descriptors it was born with: one is its socket, three are the standard streams, and
//! nothing else is its own. And how many a process may have: as many as it needs.
#![expect(unsafe_code, reason = "descriptors by number: taking over 0, closing whatever else was inherited")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::net::{AddressFamily, SocketType};

use super::rlimits::{self, Resource};

/// The soft limit is raised when so few descriptors are left below it.
const LEFT: u64 = 256;

/// The coordinator's process id, if descriptor 0 is a local stream socket that a process of this user made.
pub(crate) fn coordinator_on_stdin() -> Option<u32> {
    // SAFETY: only asked about; if 0 is not open the calls fail.
    let stdin = unsafe { BorrowedFd::borrow_raw(0) };
    if rustix::net::sockopt::socket_domain(stdin).ok()? != AddressFamily::UNIX
        || rustix::net::sockopt::socket_type(stdin).ok()? != SocketType::STREAM
    {
        return None;
    }
    let peer = rustix::net::sockopt::socket_peercred(stdin).ok()?;
    (peer.uid == rustix::process::geteuid()).then(|| peer.pid.as_raw_nonzero().get().unsigned_abs())
}

/// Moves descriptor 0 to a private one, closes everything else above 2 and reopens stdin on `/dev/null`. To be called
/// once, before anything else in the process has opened a descriptor.
pub(crate) fn take_socket_from_stdin() -> io::Result<OwnedFd> {
    // SAFETY: descriptor 0 was seen to be an open socket.
    let stdin = unsafe { BorrowedFd::borrow_raw(0) };
    let socket = rustix::io::fcntl_dupfd_cloexec(stdin, 3)?;
    let own = socket.as_raw_fd().unsigned_abs();
    close_range(3, own - 1);
    close_range(own + 1, u32::MAX);
    let null = rustix::fs::open(
        "/dev/null",
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )?;
    rustix::stdio::dup2_stdin(null.as_fd())?;
    Ok(socket)
}

fn close_range(first: u32, last: u32) {
    if first > last {
        return;
    }
    // SAFETY: nobody owns these: this runs at the very start of a worker, and what is inherited belongs to others.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if done == 0 {
        return;
    }
    // A kernel before 5.9: one by one, as far as the soft limit goes.
    let most = rlimits::of(Resource::RLIMIT_NOFILE).soft.unwrap_or(1024);
    for number in first..=last.min(u32::try_from(most).unwrap_or(1024)) {
        let Ok(number) = i32::try_from(number) else { return };
        // SAFETY: only asked about; a number that is not open is refused.
        if unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0 {
            // SAFETY: it is open and nobody else in this process owns it.
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
    }
}

/// Room for so many workers: six descriptors each in this process, and the program's own.
pub(crate) fn make_room_for(workers: usize) {
    raise_limit(workers as u64 * 7 + 256);
}

/// Raises the soft limit of descriptors to at least `wanted`, as far as the hard limit allows.
pub(crate) fn raise_limit(wanted: u64) {
    let mut limit = rlimits::of(Resource::RLIMIT_NOFILE);
    if limit.soft.is_some_and(|soft| soft < wanted) {
        limit.soft = Some(limit.hard.map_or(wanted, |hard| hard.min(wanted)));
        let _ = rlimits::set(Resource::RLIMIT_NOFILE, limit);
    }
}

/// Raises the soft limit when `latest`, a descriptor just got, comes near it. The kernel gives the lowest free number, so
/// the number tells how many there are; the limit itself is asked for only when it may have been reached.
pub(crate) fn make_room(latest: BorrowedFd<'_>) {
    static KNOWN: AtomicU64 = AtomicU64::new(0);
    let needed = u64::from(latest.as_raw_fd().unsigned_abs()) + LEFT;
    if needed >= KNOWN.load(Ordering::Relaxed) {
        raise_limit(needed * 2);
        KNOWN.store(rlimits::of(Resource::RLIMIT_NOFILE).soft.unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Whether more than half of all that are allowed are free, by the number of `latest`, a descriptor just got: one that could be done without is not
/// taken from who needs it.
pub(crate) fn many_are_left(latest: BorrowedFd<'_>) -> bool {
    let number = u64::from(latest.as_raw_fd().unsigned_abs());
    rlimits::of(Resource::RLIMIT_NOFILE).soft.is_none_or(|soft| number < soft / 2)
}

/// Doubles the soft limit, as far as the hard limit allows.
pub(crate) fn raise_further() {
    let limit = rlimits::of(Resource::RLIMIT_NOFILE).soft;
    raise_limit(limit.unwrap_or(u64::MAX).saturating_mul(2));
}

/// Makes a descriptor. When all that are allowed are in use, the soft limit is raised and it is tried once more.
///
/// # Errors
/// What `make` says the second time.
pub(crate) fn with_room<T>(make: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match make() {
        Err(error) if error.raw_os_error() == Some(libc::EMFILE) => {
            raise_further();
            make()
        }
        made => made,
    }
}
