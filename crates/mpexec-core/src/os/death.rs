//! Dying with the coordinator, whatever ends it.
//!
//! The kernel sends the parent-death signal when the thread that started us ends. It is a real-time signal with a
//! handler that kills the worker's whole group: plain SIGKILL as death signal would leave the worker's own children alive.
//! A worker that loops, or waits for ever, is interrupted by it all the same. A stopped one has to be woken for that: the
//! signal is an attribute of each *thread*, so a second thread, the guard, asks for SIGCONT.
#![expect(unsafe_code, reason = "prctl and a signal handler")]

use std::ffi::CString;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::mpsc::{RecvError, Sender, channel};

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

/// Asks the kernel for the signal. `coordinator` is compared with the parent as it is afterwards: it may have died before.
///
/// # Errors
/// When the coordinator is gone already, or the kernel refuses.
pub(crate) fn die_with_parent(coordinator: u32) -> io::Result<()> {
    let signal = libc::SIGRTMIN() + 7;
    // SAFETY: an all-zero sigaction is a valid one (no flags, empty mask); the handler has the signature for it and
    // calls only async-signal-safe functions.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = the_coordinator_is_gone as extern "C" fn(libc::c_int) as usize;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    // A mask inherited from the program that started us must not hold the signal back.
    // SAFETY: the set is initialised by sigemptyset before use; both calls only touch it and this thread's mask.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
    }
    // SAFETY: PR_SET_PDEATHSIG takes the signal's number and touches no memory.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // Compared with the coordinator's own pid, never with 1: in a container the coordinator may be 1.
    if coordinator != 0 && std::os::unix::process::parent_id() != coordinator {
        return Err(io::Error::other("the coordinator is gone"));
    }
    Ok(())
}

/// Asks the kernel, for the calling thread, to wake this process when the coordinator dies, should it be stopped then.
/// The thread must live as long as the process.
pub(crate) fn wake_with_parent() {
    // SAFETY: PR_SET_PDEATHSIG takes the signal's number and touches no memory. Should it be refused, a stopped worker
    // of a dead coordinator waits for its SIGCONT from elsewhere.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGCONT) };
}

/// A thread that does nothing else than that, as long as this lives. For one that waits to be welcomed and has no other thread.
#[derive(Debug)]
pub(crate) struct Waking {
    _ends_with: Sender<()>,
}

impl Waking {
    /// # Errors
    /// That the thread cannot be started.
    pub(crate) fn begin() -> io::Result<Waking> {
        let (ends_with, end) = channel();
        let (asked, has_asked) = channel();
        let wait = move || {
            wake_with_parent();
            // Whoever looks sees by the name that it stands.
            call_it("mpexec-waking");
            drop(asked);
            // Nothing is ever sent.
            let _: Result<(), RecvError> = end.recv();
        };
        std::thread::Builder::new().stack_size(64 << 10).spawn(wait)?;
        let _: Result<(), RecvError> = has_asked.recv();
        Ok(Waking { _ends_with: ends_with })
    }
}

/// Takes back what [`die_with_parent`] has asked for: this worker is to outlive its coordinator.
pub(crate) fn live_on() {
    // SAFETY: PR_SET_PDEATHSIG takes the signal's number, 0 for none, and touches no memory.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, 0) };
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

/// Workers are in a background group of the terminal: printing or reading there must not stop them. A core dump would
/// delay the news of a death. The name is for people who look with `ps`.
pub(crate) fn settle_in(name: &str) {
    // SAFETY: SIG_IGN for two job-control signals, and a resource limit from a local value.
    unsafe {
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
