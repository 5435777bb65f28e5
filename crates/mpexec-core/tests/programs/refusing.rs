//! A process that the kernel refuses certain system calls, as a container's profile does; and files that it lets nobody open
//! for a while, as a server that does not answer.

#![expect(unsafe_code, reason = "a filter of system calls is installed, and a file leased, by raw calls")]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

/// By which signal the holder of a lease is told (`fcntl.h`).
const F_SETSIG: i32 = 10;

/// As long as this is kept, whoever opens the file waits; but no longer than the system allows, which is 45 s unless set.
pub(crate) struct Lease(File);

impl Lease {
    /// `None` where it is not to be had.
    pub(crate) fn of(file: &Path) -> Option<Lease> {
        let file = File::open(file).unwrap();
        let fcntl = |command, argument: i32| {
            // SAFETY: these commands take a number and touch no memory of this process.
            unsafe { libc::fcntl(file.as_raw_fd(), command, argument) == 0 }
        };
        // By default its holder is killed by the news that somebody wants to open the file.
        let told = fcntl(F_SETSIG, libc::SIGURG);
        while told && !fcntl(libc::F_SETLEASE, libc::F_WRLCK) {
            // Somebody has it open, a child perhaps that is just being started and still has all that is open here.
            if std::io::Error::last_os_error().raw_os_error() != Some(libc::EAGAIN) {
                return None;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(1));
        }
        told.then_some(Lease(file))
    }

    /// Whether somebody waits.
    pub(crate) fn is_wanted(&self) -> bool {
        // SAFETY: the command takes no argument and touches no memory of this process.
        let lease = unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_GETLEASE) };
        lease != libc::F_WRLCK
    }
}

/// From now on the calling thread, the threads that it starts and their children are refused this call: it fails with
/// `error`.
pub(crate) fn refuse(call: libc::c_long, error: i32) {
    let rule = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let program = [
        // The number of the call is the first word of what the filter sees.
        rule(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        rule(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, u32::try_from(call).unwrap()),
        rule(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | error.unsigned_abs()),
        rule(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let length = u16::try_from(program.len()).unwrap();
    let filter = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // SAFETY: the first call takes no pointer; the second reads the filter and its rules, which outlive it.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) == 0
    };
    assert!(done, "{}", std::io::Error::last_os_error());
}

impl Drop for Lease {
    /// By closing it would not be given back: the child that waits for the file has a copy of the descriptor.
    fn drop(&mut self) {
        // SAFETY: the command takes a number and touches no memory of this process.
        unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) };
    }
}
