//! How a process ended that its parent has reaped already: a descriptor of it still knows. The library asks the same way; what judges it must not be its own
//! answer, so this is written again.

#![expect(unsafe_code, reason = "the request for what a pidfd knows")]

use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};

use mpexec_core::Exit;

/// `PIDFD_INFO_EXIT` (Linux 6.15).
const EXIT: u64 = 1 << 3;

/// `struct pidfd_info`, as long as it was when it began to tell of the exit.
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    numbers: [u32; 11],
    status: i32,
}

/// `PIDFD_GET_INFO`: a request that reads and writes an `Info`, number 11 of the kind 0xFF.
const GET_INFO: u32 = 3 << 30 | (size_of::<Info>() as u32) << 16 | 0xFF << 8 | 11;

/// `None`: it was not reaped yet, or the kernel does not keep that.
pub(crate) fn how(pidfd: BorrowedFd<'_>) -> Option<Exit> {
    let mut info = Info { mask: EXIT, ..Info::default() };
    // SAFETY: the request holds the length of what it points to, and the kernel writes no more than that.
    let done = unsafe { libc::ioctl(pidfd.as_raw_fd(), GET_INFO as _, &raw mut info) };
    (done == 0 && info.mask & EXIT != 0).then_some(match info.status & 0x7f {
        0 => Exit::Code(info.status >> 8 & 0xff),
        signal => Exit::Signal(signal),
    })
}
