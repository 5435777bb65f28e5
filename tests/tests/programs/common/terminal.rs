//! A terminal for the programs to write to, with nobody at it.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

/// The side of whoever sits at the terminal, and the side that a program has as one of its streams.
pub(crate) fn pair() -> (File, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags).expect("the system has terminals");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("a new terminal is ours");
    let theirs = ioctl_tiocgptpeer(&ours, flags).expect("it has another side");
    (File::from(ours), theirs)
}
