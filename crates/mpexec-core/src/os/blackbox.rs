//! A worker's black box: a little memory that the coordinator holds too, and that is still there when the worker is not.
//!
//! The worker notes in it when it looked at its clock; and when a signal ends it that means a fault in the program (SIGSEGV,
//! SIGABRT, ...), where that was: [`crash`] is the handler. Whoever died tells the rest by how it ended.
//!
//! The coordinator never maps it. It reads a copy when the worker is over, and believes nothing: numbers are numbers, and text is
//! only shown.
#![expect(unsafe_code, reason = "the worker's own mapping of the memory")]

mod crash;
mod walk;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::time::Instant;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use rustix::time::{ClockId, clock_gettime};

pub(crate) use crash::{Crash, Refused};

use super::memory;

/// All of it: numbers first, then text. Memory is taken as it is written.
const SIZE: usize = 16 << 10;
/// Where the text begins.
const TEXT: usize = 1024;
/// So many return addresses have room.
const MOST_FRAMES: usize = 96;

/// The places of the numbers, each eight bytes.
const BEGAN: usize = 0;
const STATE: usize = 1;
const PROCESS: usize = 2;
const SIGNAL: usize = 3;
const AT: usize = 4;
const ADDRESS: usize = 5;
const BASE: usize = 6;
const COUNT: usize = 7;
const TEXT_LENGTH: usize = 8;
const HAS_ADDRESS: usize = 9;
const REFUSED: usize = 10;
const REFUSER: usize = 11;
const UNSHOWN: usize = 12;
const ABORTER: usize = 13;
const FRAMES: usize = 16;
const _: () = assert!((FRAMES + MOST_FRAMES) * 8 <= TEXT);

/// The coordinator's end.
#[derive(Debug)]
pub(crate) struct BlackBox(OwnedFd);

/// What was found in it.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// When the worker last noted the time before it ran a task, as nanoseconds of the system's clock; 0: it did not.
    pub noted: u64,
    pub crash: Option<Crash>,
}

impl BlackBox {
    /// An empty one, which can neither grow nor shrink.
    ///
    /// # Errors
    /// When the system has no memory files, or no descriptor.
    pub(crate) fn new() -> io::Result<BlackBox> {
        mpexec_ring::may_be_as_long_as(SIZE as u64)?;
        let file = rustix::fs::memfd_create("mpexec-black-box", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&file, SIZE as u64)?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(BlackBox(file))
    }

    /// For the worker.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// What is in it; `process` is the worker's, which is over. A child that it forked has the same memory.
    pub(crate) fn read(&self, process: u32) -> Found {
        let mut bytes = vec![0; SIZE];
        match rustix::io::pread(&self.0, &mut bytes, 0) {
            Ok(SIZE) => Found { noted: word(&bytes, BEGAN), crash: Crash::read(&bytes, process) },
            _ => Found::default(),
        }
    }
}

fn word(bytes: &[u8], place: usize) -> u64 {
    bytes.get(place * 8..place * 8 + 8).and_then(|eight| eight.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

/// The system's clock, the same for all processes, in nanoseconds.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or(0).saturating_mul(1_000_000_000) + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// The worker's mapping of it: `SIZE` bytes, for the rest of the process's life.
static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());

/// A moment by both clocks: the one in which tasks are timed does not give its number away.
static ANCHOR: OnceLock<(Instant, u64)> = OnceLock::new();

/// One of the numbers, in a worker that has a black box.
fn cell(place: usize) -> Option<&'static AtomicU64> {
    let page = PAGE.load(Ordering::Relaxed);
    // SAFETY: when it is not null it is the start of a mapping of `SIZE` bytes that is never removed, and `place` lies
    // within (the places are constants below `TEXT / 8`, or checked by the caller). Nobody in this process has any other kind
    // of reference to it.
    (!page.is_null() && place < TEXT / 8).then(|| unsafe { &*page.add(place) })
}

fn put(place: usize, value: u64) {
    if let Some(cell) = cell(place) {
        cell.store(value, Ordering::Release);
    }
}

/// In a worker: takes the black box that it was given, and from now on notes what ends it. To be called once, on the thread that
/// will run the tasks.
///
/// # Errors
/// When it is no black box, or cannot be mapped; the worker then goes without.
pub(crate) fn carry(file: OwnedFd) -> io::Result<()> {
    // It is the coordinator's own; but a worker that trusts it with less would die of a write behind its end.
    let sealed = rustix::fs::fcntl_get_seals(&file)?.contains(SealFlags::SHRINK);
    if !sealed || rustix::fs::fstat(&file)?.st_size != SIZE as i64 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: with a null address the kernel picks a free range, so no existing mapping is touched; the file has `SIZE` bytes
    // and cannot shrink, so every access within the range is backed.
    let page =
        unsafe { mmap(std::ptr::null_mut(), SIZE, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, &file, 0) }?;
    ANCHOR.get_or_init(|| (Instant::now(), now()));
    PAGE.store(page.cast(), Ordering::Release);
    // Whoever refuses backtraces of panics refuses these. Where memory is limited, what is written down says if it ran out.
    let wanted = std::env::var_os("RUST_BACKTRACE").is_none_or(|value| value != "0");
    let walled = memory::own_limit().is_some();
    if wanted || walled {
        crash::install(wanted, walled)?;
    }
    Ok(())
}

/// In a worker: a task begins now, which is so many nanoseconds after `since`; `None`: nobody looked at a clock. As cheap as
/// a store.
#[inline]
pub(crate) fn note(since: Option<Instant>, nanos: u64) {
    if let (Some(cell), Some((anchor, at))) = (cell(BEGAN), ANCHOR.get()) {
        let passed = |since: Instant| since.saturating_duration_since(*anchor).as_nanos() as u64;
        let now = since.map_or(0, |since| at.wrapping_add(passed(since)).wrapping_add(nanos));
        cell.store(now, Ordering::Relaxed);
    }
}

/// In a worker: whether its memory is limited, and whether that ran out is to be told.
pub(crate) fn minds_refusals() -> bool {
    crash::minds_refusals()
}

/// In a worker, before a task: what the system has refused to this thread by now is no reason for what comes.
#[inline]
pub(crate) fn forget_refusals() {
    // SAFETY: the C library's own errno of this thread.
    unsafe { *libc::__errno_location() = 0 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_black_box_tells_nothing() {
        let found = BlackBox::new().unwrap().read(1);
        assert!(found.noted == 0 && found.crash.is_none());
    }

    #[test]
    fn a_black_box_keeps_its_size() {
        let black_box = BlackBox::new().unwrap();
        assert!(rustix::fs::ftruncate(black_box.fd(), 1).is_err());
        assert!(rustix::fs::ftruncate(black_box.fd(), 1 << 30).is_err());
    }

    #[test]
    fn rubbish_in_a_black_box_is_a_crash_with_no_more_frames_than_have_room_or_none() {
        let black_box = BlackBox::new().unwrap();
        rustix::io::pwrite(black_box.fd(), &[0xff; SIZE], 0).unwrap();
        assert!(black_box.read(7).crash.is_none(), "of another process");
        let crash = black_box.read(u32::MAX).crash;
        assert!(crash.is_none_or(|crash| crash.frames.len() <= MOST_FRAMES && crash.modules.len() <= SIZE - TEXT));
    }
}
