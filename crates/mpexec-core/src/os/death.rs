//! Dying with the coordinator, whatever ends it.
//!
//! The kernel sends the parent-death signal when the thread that started us ends. It has a handler that kills the worker's whole
//! group: plain SIGKILL as death signal would leave the worker's own children alive. A worker that loops, or waits for ever, is
//! interrupted by it all the same. A stopped one has to be woken for that, which SIGCONT alone does; and its handler is the task's to
//! change. The signal is an attribute of each *thread*: so the main thread has SIGCONT with a handler at first, and as soon as a second
//! one, the guard, has asked for SIGCONT, a real-time signal, while SIGCONT is left to tasks.
//!
//! If the worker's group is stopped and nobody of its session is left above it, the kernel sends SIGHUP to it before SIGCONT: it must not
//! end the worker before its handler has killed the group, where others may ignore it.
#![expect(unsafe_code, reason = "prctl and a signal handler")]

use std::ffi::CString;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// The file to write to so that all dies that is in this worker's cgroup; null: it is in none of its own.
static ALL_ELSE: AtomicPtr<libc::c_char> = AtomicPtr::new(std::ptr::null_mut());

/// The group dies, and if we are in no group of our own, at least we do.
extern "C" fn the_coordinator_is_gone(_signal: libc::c_int) {
    let all_else = ALL_ELSE.load(Ordering::Relaxed);
    // SAFETY: open, write, getpid, kill and _exit are async-signal-safe; the path is a text that lives for ever.
    unsafe {
        if !all_else.is_null() {
            let file = libc::open(all_else, libc::O_WRONLY | libc::O_CLOEXEC);
            // This ends us too. Where it cannot be had, the group is killed as without it.
            libc::write(file, c"1".as_ptr().cast(), 1);
        }
        let own = libc::getpid();
        libc::kill(-own, libc::SIGKILL);
        libc::kill(own, libc::SIGKILL);
        libc::_exit(137);
    }
}

/// This worker and its parent at birth. A fork of the worker is neither, and keeps its handlers.
static OWN: AtomicI32 = AtomicI32::new(0);
static PARENT: AtomicI32 = AtomicI32::new(0);

fn is_orphaned() -> bool {
    // SAFETY: both take nothing and cannot fail; they may be called in a handler.
    let (own, parent) = unsafe { (libc::getpid(), libc::getppid()) };
    own == OWN.load(Ordering::Relaxed) && parent != PARENT.load(Ordering::Relaxed)
}

/// SIGCONT or SIGHUP came: from the kernel because the coordinator is gone, or from somebody.
extern "C" fn perhaps_the_coordinator_is_gone(signal: libc::c_int) {
    if is_orphaned() {
        the_coordinator_is_gone(signal);
    }
    if signal == libc::SIGHUP {
        // It ends us as it would have without this, when the handler has returned.
        // SAFETY: both may be called in a handler, and take numbers only.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
}

fn death_signal() -> libc::c_int {
    libc::SIGRTMIN() + 7
}

fn on(signal: libc::c_int, handler: extern "C" fn(libc::c_int)) -> io::Result<()> {
    // SAFETY: an all-zero sigaction is a valid one (empty mask); the handler has the signature for it and calls only
    // async-signal-safe functions.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What comes of a signal now: a handler, or the number of an action.
fn action_of(signal: libc::c_int) -> Option<libc::sighandler_t> {
    // SAFETY: an all-zero sigaction is a valid one, to be filled in.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, std::ptr::null(), &raw mut now) == 0).then_some(now.sa_sigaction)
    }
}

fn back_to_default(signal: libc::c_int, handler: extern "C" fn(libc::c_int)) {
    if action_of(signal) == Some(handler as extern "C" fn(libc::c_int) as usize) {
        // SAFETY: the default action, in place of a handler of ours.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Asks the kernel for a signal to the calling thread when the coordinator dies; 0 for none.
fn ask_for(signal: libc::c_int) -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes the signal's number and touches no memory.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// From now on this process, which has one thread, ends when its coordinator does, be it stopped by then. `coordinator` is compared with the
/// parent as it is afterwards: it may have died before.
///
/// # Errors
/// When the coordinator is gone already, or the kernel refuses.
pub(crate) fn die_with_parent(coordinator: u32) -> io::Result<()> {
    let parent = std::os::unix::process::parent_id();
    OWN.store(std::process::id().cast_signed(), Ordering::Relaxed);
    PARENT.store(parent.cast_signed(), Ordering::Relaxed);
    on(death_signal(), the_coordinator_is_gone)?;
    on(libc::SIGCONT, perhaps_the_coordinator_is_gone)?;
    // Who was started so as to ignore it, as by nohup, goes on ignoring it.
    if action_of(libc::SIGHUP) == Some(libc::SIG_DFL) {
        on(libc::SIGHUP, perhaps_the_coordinator_is_gone)?;
    }
    // A mask inherited from the program that started us must not hold them back.
    // SAFETY: the set is initialised by sigemptyset before use; the calls only touch it and this thread's mask.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in [death_signal(), libc::SIGCONT, libc::SIGHUP] {
            libc::sigaddset(&raw mut set, signal);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
    }
    ask_for(libc::SIGCONT)?;
    // Compared with the coordinator's own pid, never with 1: in a container the coordinator may be 1.
    if is_orphaned() || coordinator != 0 && parent != coordinator {
        return Err(io::Error::other("the coordinator is gone"));
    }
    Ok(())
}

/// For the main thread, when another one has asked to have this process woken: SIGCONT is the task's from now on.
///
/// # Errors
/// As [`die_with_parent`].
pub(crate) fn leave_waking_to_the_guard() -> io::Result<()> {
    ask_for(death_signal())?;
    if is_orphaned() {
        return Err(io::Error::other("the coordinator is gone"));
    }
    back_to_default(libc::SIGCONT, perhaps_the_coordinator_is_gone);
    Ok(())
}

/// Asks the kernel, for the calling thread, to wake this process when the coordinator dies, should it be stopped then.
/// The thread must live as long as the process.
pub(crate) fn wake_with_parent() {
    // Should it be refused, a stopped worker of a dead coordinator waits for its SIGCONT from elsewhere.
    let _ = ask_for(libc::SIGCONT);
}

/// Takes back what [`die_with_parent`] has asked for: this worker is to outlive its coordinator.
pub(crate) fn live_on() {
    let _ = ask_for(0);
    for signal in [libc::SIGCONT, libc::SIGHUP] {
        back_to_default(signal, perhaps_the_coordinator_is_gone);
    }
}

/// When the coordinator is gone, all that is in this cgroup is to die, wherever it has gone since.
pub(crate) fn take_along(cgroup: &Path) {
    if let Ok(path) = CString::new(cgroup.join("cgroup.kill").into_os_string().into_encoded_bytes()) {
        // A worker is in one cgroup for its life.
        ALL_ELSE.store(path.into_raw(), Ordering::Relaxed);
    }
}

/// Kills this worker and everything in its group, at once. For the guard that saw the coordinator's socket end.
pub(crate) fn kill_own_group() -> ! {
    the_coordinator_is_gone(0);
    // The call above does not come back; this says so to the compiler.
    std::process::abort()
}

/// Workers are in a background group of the terminal: printing or reading there must not stop them. Where children are not to be waited for
/// because whoever started the program ignores SIGCHLD, no task could learn how its own have ended. A core dump would delay the news of a
/// death. The name is for people who look with `ps`.
pub(crate) fn settle_in(name: &str) {
    // SAFETY: SIG_IGN for two job-control signals, the default for one that was ignored, and a resource limit from a local value.
    unsafe {
        if action_of(libc::SIGCHLD) == Some(libc::SIG_IGN) {
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        }
        libc::signal(libc::SIGTTIN, libc::SIG_IGN);
        libc::signal(libc::SIGTTOU, libc::SIG_IGN);
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
    }
    call_it(name);
}

/// What the calling thread, which is the process for whoever looks, is called: the first 15 bytes of it.
pub(crate) fn call_it(name: &str) {
    let mut buffer = [0u8; 16];
    let length = name.floor_char_boundary(15);
    buffer[..length].copy_from_slice(&name.as_bytes()[..length]);
    // SAFETY: the name is in a NUL-terminated buffer that outlives the call.
    unsafe { libc::prctl(libc::PR_SET_NAME, buffer.as_ptr()) };
}
