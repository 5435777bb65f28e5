//! What a process's descriptor can do that the system's libraries do not offer yet: it names the process's group too, and knows
//! how a process ended that somebody else has reaped.
//!
//! A number can be another process's as soon as nobody has it any more, neither as the number of a process nor as that of a group.
//! A descriptor stands for what had the number when it was opened, for good.

#![expect(unsafe_code, reason = "pidfd_send_signal with flags, and the request for what a pidfd knows")]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::error::Exit;

/// `PIDFD_SIGNAL_PROCESS_GROUP` (Linux 6.9).
const PROCESS_GROUP: libc::c_uint = 1 << 2;
/// `PIDFD_INFO_EXIT` (Linux 6.15).
const EXIT: u64 = 1 << 3;

/// `struct pidfd_info`, as long as it was when it began to tell of the exit.
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    numbers: [u32; 11],
    exit: i32,
}

/// `PIDFD_GET_INFO`: a request that reads and writes an `Info`, number 11 of the kind 0xFF.
const GET_INFO: u32 = 3 << 30 | (size_of::<Info>() as u32) << 16 | 0xFF << 8 | 11;

/// SIGKILL to each process of the group that the process leads, or has led: also when it was reaped, and never to another group
/// that has the same number by now.
///
/// # Errors
/// `ESRCH`: there is none. Anything else: the kernel does not know this.
pub(crate) fn kill_group(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the call takes numbers and a null pointer, by which it makes up what it tells of the sender itself.
    let done =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), libc::SIGKILL, none, PROCESS_GROUP) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// How a process ended that somebody else has reaped; `None` where the kernel does not keep that.
pub(crate) fn exit_of_reaped(pidfd: BorrowedFd<'_>) -> Option<Exit> {
    let mut info = Info { mask: EXIT, ..Info::default() };
    // SAFETY: the request holds the length of what it points to, and the kernel writes no more than that.
    let done = unsafe { libc::ioctl(pidfd.as_raw_fd(), GET_INFO as _, &raw mut info) };
    (done == 0 && info.mask & EXIT != 0).then_some(match info.exit & 0x7f {
        0 => Exit::Code(info.exit >> 8 & 0xff),
        signal => Exit::Signal(signal),
    })
}
