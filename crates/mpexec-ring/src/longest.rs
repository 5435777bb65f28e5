//! How long a file may be here (`ulimit -f`, `RLIMIT_FSIZE`). Memory files count too, and whoever makes one longer is sent SIGXFSZ, which ends a
//! process that has not said otherwise. So it is asked before.

use std::io;

use nix::sys::resource::{Resource, getrlimit};

/// The most bytes that a file may have when this process writes it. Where the system refuses to tell (a filter of system calls does), none is known.
pub(crate) fn longest() -> u64 {
    getrlimit(Resource::RLIMIT_FSIZE).map_or(u64::MAX, |(soft, _)| soft)
}

pub(crate) fn within(longest: u64, len: u64) -> io::Result<()> {
    if len <= longest {
        return Ok(());
    }
    let told = format!("a memory file of {len} bytes is longer than files may be here, {longest} bytes (ulimit -f)");
    Err(io::Error::new(io::ErrorKind::FileTooLarge, told))
}

/// Whether this process may make a file so long.
///
/// ```
/// assert!(mpexec_ring::may_be_as_long_as(0).is_ok());
/// ```
///
/// # Errors
///
/// [`io::ErrorKind::FileTooLarge`], and which limit it is.
pub fn may_be_as_long_as(len: u64) -> io::Result<()> {
    within(longest(), len)
}
