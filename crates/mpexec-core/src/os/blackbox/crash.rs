//! What a worker writes down when a fault of its program ends it: the signal, the return addresses, and where its program and
//! libraries lie. It is the coordinator that finds names for them; the dying process takes no lock and no memory for this.
//!
//! The handler runs on a stack of its own, because the thread's may have overflowed. How the process ends stays as it was: a
//! handler that was there before (the standard library's, which tells of an overflow) has its turn, and without one the signal
//! takes its course. Should anything here hang or fault in turn, a timer, or that fault, comes back with the first signal.

use std::cell::UnsafeCell;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use libc::{c_int, c_void, siginfo_t};

use super::{
    ABORTER, ADDRESS, AT, BASE, COUNT, FRAMES, HAS_ADDRESS, MOST_FRAMES, PAGE, PROCESS, REFUSED, REFUSER, SIGNAL, SIZE,
    STATE, TEXT, TEXT_LENGTH, UNSHOWN, cell, now, put, walk, word,
};
use crate::os::text;

/// The signals that mean a fault of the program.
const FAULTS: [c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT, libc::SIGTRAP, libc::SIGSYS];
/// The handler's stack.
const STACK: usize = 128 << 10;
/// The handler takes no longer than this.
const LONGEST: libc::timespec = libc::timespec { tv_sec: 1, tv_nsec: 0 };
const PAGE_SIZE: usize = 4096;
/// The standard library's functions for memory that was refused, and for an abort, are no longer than this; return addresses lie
/// in them. Each is a call and little more.
const LEAP: u64 = 40;

/// What an abort has to do with memory that the system refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Nothing.
    #[default]
    No,
    /// It was the reason: the standard library's function for this is among the calls; or no Rust code has aborted, and the last
    /// that the system had refused to the thread, since its task began, was memory.
    Yes,
    /// The last that the system had refused was memory, but the task may have coped with that and aborted for a reason of its own. The
    /// standard library prints the reason before it aborts for memory.
    IfItSaidSo,
}

impl Refused {
    /// `last`: memory was what the system had refused last; by the return addresses in `frames` and where the standard library's
    /// functions begin.
    fn of(last: bool, frames: &[u64], refuser: u64, aborter: u64) -> Refused {
        let called =
            |function: u64| function != 0 && frames.iter().any(|at| (1..=LEAP).contains(&at.wrapping_sub(function)));
        match (called(refuser), last, called(aborter)) {
            (true, _, _) | (false, true, false) => Refused::Yes,
            (false, true, true) => Refused::IfItSaidSo,
            (false, false, _) => Refused::No,
        }
    }
}

/// What was written down.
#[derive(Debug)]
pub(crate) struct Crash {
    pub signal: i32,
    /// When, by [`now`].
    pub at: u64,
    /// The address at fault, where there is one.
    pub address: Option<u64>,
    /// Where the program was loaded.
    pub base: u64,
    pub refused: Refused,
    /// The first is where the fault was, the others are where their calls return to.
    pub frames: Vec<u64>,
    /// The executable lines of the process's list of mappings.
    pub modules: String,
}

impl Crash {
    /// Out of a copy of a black box.
    pub(super) fn read(bytes: &[u8], process: u32) -> Option<Crash> {
        if word(bytes, STATE) == 0 || word(bytes, PROCESS) != u64::from(process) {
            return None;
        }
        let count = usize::try_from(word(bytes, COUNT)).unwrap_or(0).min(MOST_FRAMES);
        let frames: Vec<u64> = (FRAMES..FRAMES + count).map(|place| word(bytes, place)).collect();
        let refused = Refused::of(word(bytes, REFUSED) != 0, &frames, word(bytes, REFUSER), word(bytes, ABORTER));
        let shown = word(bytes, UNSHOWN) == 0;
        let length = usize::try_from(word(bytes, TEXT_LENGTH)).unwrap_or(0).min(SIZE - TEXT);
        Some(Crash {
            signal: i32::try_from(word(bytes, SIGNAL)).ok()?,
            at: word(bytes, AT),
            address: (word(bytes, HAS_ADDRESS) != 0).then(|| word(bytes, ADDRESS)),
            base: word(bytes, BASE),
            refused,
            frames: if shown { frames } else { Vec::new() },
            modules: String::from_utf8_lossy(bytes.get(TEXT..TEXT + length).unwrap_or_default()).into_owned(),
        })
    }
}

/// What was there before, by signal; written before the handler of that signal is in place.
static BEFORE: [AtomicPtr<libc::sigaction>; 32] = [const { AtomicPtr::new(ptr::null_mut()) }; 32];
/// This process; a forked child has the memory too, and is nobody's worker.
static OWN: AtomicU32 = AtomicU32::new(0);
/// Where the program was loaded.
static LOADED_AT: AtomicU64 = AtomicU64::new(0);
/// Whether calls are to be shown,
static WANTED: AtomicBool = AtomicBool::new(true);
/// and whether this process's memory is limited.
static WALLED: AtomicBool = AtomicBool::new(false);
/// The thread that writes, 0, or
static WRITER: AtomicI32 = AtomicI32::new(0);
/// that it is written, and a handler that was there before has its turn.
const WRITTEN: i32 = -1;
/// The signal that it writes about.
static ABOUT: AtomicI32 = AtomicI32::new(0);

/// Room to read in, of whoever is [`WRITER`].
struct Scratch(UnsafeCell<[u8; 1024]>);
// SAFETY: only the one thread that has made itself the writer touches it.
unsafe impl Sync for Scratch {}
static SCRATCH: Scratch = Scratch(UnsafeCell::new([0; 1024]));

/// Puts the handlers in place, and gives the calling thread a stack for them. `wanted`: the calls are to be shown; `walled`: memory is
/// limited, and whether it ran out is to be told.
///
/// # Errors
/// What the system says.
pub(super) fn install(wanted: bool, walled: bool) -> io::Result<()> {
    WANTED.store(wanted, Ordering::Relaxed);
    WALLED.store(walled, Ordering::Relaxed);
    OWN.store(std::process::id(), Ordering::Relaxed);
    LOADED_AT.store(text::loaded_at() as u64, Ordering::Relaxed);
    give_stack()?;
    for signal in FAULTS {
        // SAFETY: an all-zero sigaction is a valid one, to be filled in.
        let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: only asks; `before` outlives the call.
        if unsafe { libc::sigaction(signal, ptr::null(), &raw mut before) } != 0 || before.sa_sigaction == libc::SIG_IGN
        {
            continue;
        }
        BEFORE[signal as usize].store(Box::into_raw(Box::new(before)), Ordering::Release);
        // SAFETY: an all-zero sigaction is a valid one (empty mask); the handler has the signature that SA_SIGINFO asks for.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_fault as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
            // Not held back while it runs: a second fault, and the timer, must come through.
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            libc::sigaction(signal, &raw const action, ptr::null_mut());
        }
    }
    Ok(())
}

/// Whether this process's memory is limited.
pub(super) fn minds_refusals() -> bool {
    WALLED.load(Ordering::Relaxed)
}

/// A stack for handlers, for the calling thread, with a page below that nobody may touch.
fn give_stack() -> io::Result<()> {
    // SAFETY: fresh memory that the kernel places and nobody else knows of; it stays for ever. The lowest page is closed.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        let stack = libc::mmap(ptr::null_mut(), STACK, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if stack == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        libc::mprotect(stack, PAGE_SIZE, libc::PROT_NONE);
        let (start, size) = (stack.byte_add(PAGE_SIZE), STACK - PAGE_SIZE);
        let stack = libc::stack_t { ss_sp: start, ss_flags: 0, ss_size: size };
        match libc::sigaltstack(&raw const stack, ptr::null_mut()) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

extern "C" fn on_fault(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // The system's last word to this thread, before anything else is asked. An allocator that was refused memory leaves it so.
    let memory = io::Error::last_os_error().raw_os_error() == Some(libc::ENOMEM);
    // SAFETY: gettid only asks.
    let thread = unsafe { libc::gettid() };
    // SAFETY: the kernel passes a valid description.
    let code = unsafe { (*info).si_code };
    loop {
        match WRITER.compare_exchange(0, thread, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => break,
            // It hangs, or has faulted itself: enough.
            Err(writer) if writer == thread || code == libc::SI_TIMER => die_of(ABOUT.load(Ordering::Acquire)),
            Err(WRITTEN) => return end(signal, code, info, context),
            // Another thread has crashed first, and most likely ends the process any moment.
            Err(_) => {
                let moment = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
                // SAFETY: reads a local value.
                unsafe { libc::nanosleep(&raw const moment, ptr::null_mut()) };
            }
        }
    }
    ABOUT.store(signal, Ordering::Release);
    // SAFETY: getpid only asks.
    let own = unsafe { libc::getpid() };
    if own.unsigned_abs() == OWN.load(Ordering::Relaxed) {
        let timer = Timer::start(signal);
        // SAFETY: the kernel passes a valid description, which has a sender where the signal was sent.
        let aborts = signal == libc::SIGABRT && code == libc::SI_TKILL && unsafe { (*info).si_pid() } == own;
        write_down(signal, code, memory && aborts, info, context);
        timer.stop();
    }
    end(signal, code, info, context);
}

/// Lets happen what would have happened.
fn end(signal: c_int, code: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let before = BEFORE[signal as usize & 31].load(Ordering::Acquire);
    // SAFETY: it is null or was made by `install` and is never freed.
    let Some(before) = (unsafe { before.as_ref() }) else { die_of(signal) };
    if before.sa_sigaction == libc::SIG_DFL {
        die_of(signal);
    }
    // What the other handler brings about (an abort) is written down already.
    WRITER.store(WRITTEN, Ordering::Release);
    if before.sa_flags & libc::SA_SIGINFO != 0 {
        // SAFETY: it was in place with SA_SIGINFO, and so has this signature; it gets what the kernel has given.
        let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
            unsafe { std::mem::transmute(before.sa_sigaction) };
        handler(signal, info, context);
    } else {
        // SAFETY: it was in place without SA_SIGINFO, and so has this signature.
        let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(before.sa_sigaction) };
        handler(signal);
    }
    // SAFETY: only asks.
    let given_up = unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, ptr::null(), &raw mut now) == 0 && now.sa_sigaction == libc::SIG_DFL
    };
    if !given_up {
        // It has mended what was wrong, and the process goes on.
        if let Some(state) = cell(STATE) {
            state.store(0, Ordering::Relaxed);
        }
        WRITER.store(0, Ordering::Release);
    } else if code <= 0 {
        // It was sent, and does not come again by itself.
        die_of(signal);
    }
}

/// Ends the process by this signal.
fn die_of(signal: c_int) -> ! {
    // SAFETY: all of these may be called in a handler, and touch only local values.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(signal, &raw const action, ptr::null_mut());
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut());
        libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::gettid(), signal);
        libc::_exit(128 + signal)
    }
}

/// Sends the signal once more when the time is up.
struct Timer(Option<c_int>);

impl Timer {
    fn start(signal: c_int) -> Timer {
        let mut id: c_int = 0;
        // SAFETY: system calls that fill in `id` and read local values; an all-zero sigevent is a valid one.
        unsafe {
            let mut event: libc::sigevent = std::mem::zeroed();
            event.sigev_notify = libc::SIGEV_SIGNAL;
            event.sigev_signo = signal;
            let made = libc::syscall(libc::SYS_timer_create, libc::CLOCK_MONOTONIC, &raw const event, &raw mut id);
            let once = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: LONGEST };
            let none = ptr::null_mut::<libc::itimerspec>();
            let set = made == 0 && libc::syscall(libc::SYS_timer_settime, id, 0, &raw const once, none) == 0;
            Timer(set.then_some(id))
        }
    }

    fn stop(self) {
        if let Some(id) = self.0 {
            // SAFETY: a timer of ours.
            unsafe { libc::syscall(libc::SYS_timer_delete, id) };
        }
    }
}

fn write_down(signal: c_int, code: c_int, refused: bool, info: *mut siginfo_t, context: *mut c_void) {
    put(PROCESS, u64::from(OWN.load(Ordering::Relaxed)));
    put(SIGNAL, signal as u64);
    put(AT, now());
    // SAFETY: the kernel passes a valid description, which has an address where these signals come of a fault.
    let address = unsafe { (*info).si_addr() as u64 };
    put(ADDRESS, address);
    put(HAS_ADDRESS, u64::from(matches!(signal, libc::SIGSEGV | libc::SIGBUS) && code > 0));
    put(BASE, LOADED_AT.load(Ordering::Relaxed));
    if signal == libc::SIGABRT && WALLED.load(Ordering::Relaxed) {
        put(REFUSED, u64::from(refused));
        put(REFUSER, std::alloc::handle_alloc_error as fn(std::alloc::Layout) -> ! as usize as u64);
        put(ABORTER, std::process::abort as fn() -> ! as usize as u64);
    }
    put(UNSHOWN, u64::from(!WANTED.load(Ordering::Relaxed)));
    put(STATE, 1);
    write_modules();
    walk::write_frames(context);
}

/// Copies the executable lines of the list of this process's mappings.
fn write_modules() {
    // SAFETY: open, read and close may be called in a handler; the scratch room is this thread's, the text lies within the
    // mapping, and `length < SIZE - TEXT` is checked before each byte.
    unsafe {
        let list = libc::open(c"/proc/self/maps".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if list < 0 {
            return;
        }
        let text = PAGE.load(Ordering::Relaxed).cast::<u8>().add(TEXT);
        let scratch = SCRATCH.0.get().cast::<u8>();
        let (mut length, mut line, mut mode) = (0, 0, Column::Range);
        'lines: loop {
            let read = libc::read(list, scratch.cast(), 1024);
            let Ok(read @ 1..) = usize::try_from(read) else { break };
            for at in 0..read {
                if length >= SIZE - TEXT {
                    break 'lines;
                }
                let byte = *scratch.add(at);
                text.add(length).write(byte);
                length += 1;
                mode = mode.after(byte);
                if byte == b'\n' {
                    line = if mode == Column::Kept { length } else { line };
                    (length, mode) = (line, Column::Range);
                }
            }
        }
        libc::close(list);
        put(TEXT_LENGTH, line as u64);
    }
}

/// Where in a line of mappings: `7f00-7f10 r-xp ...`.
#[derive(Clone, Copy, PartialEq)]
enum Column {
    Range,
    Mode,
    Kept,
    Dropped,
}

impl Column {
    fn after(self, byte: u8) -> Column {
        match (self, byte) {
            (Column::Range, b' ') => Column::Mode,
            (Column::Mode, b'x') => Column::Kept,
            (Column::Mode, b' ') => Column::Dropped,
            (same, _) => same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abort_is_for_memory_if_the_calls_say_so_or_nothing_else_can_be_known() {
        let (refuser, aborter) = (0x1000, 0x2000);
        let of = |last, frames: &[u64]| Refused::of(last, frames, refuser, aborter);
        assert_eq!(of(false, &[0x9000, 0x2008, 0x1009]), Refused::Yes, "the message has changed the last word");
        assert_eq!(of(true, &[0x9000, 0x2008, 0x1009]), Refused::Yes);
        assert_eq!(of(true, &[0x9000, 0x2008, 0x5000]), Refused::IfItSaidSo, "Rust code, which may have coped with it");
        assert_eq!(of(false, &[0x9000, 0x2008, 0x5000]), Refused::No);
        assert_eq!(of(true, &[0x9000, 0x5000]), Refused::Yes, "a C library");
        assert_eq!(of(false, &[0x9000, 0x5000]), Refused::No);
        assert_eq!(of(true, &[]), Refused::Yes, "the calls are not known");
        assert_eq!(of(true, &[0x1000, 0x1029, 0x2029]), Refused::Yes, "what lies before and behind is something else");
        assert_eq!(Refused::of(false, &[1, 8], 0, 0), Refused::No, "where they begin was not written down");
    }
}
