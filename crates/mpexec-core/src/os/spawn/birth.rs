//! The start of one child, up to its program: from its first step on it dies with the thread that started it.
//!
//! A program can ask for that itself, but not while the system still loads it: stopped there, and its parent killed, it would stay stopped for
//! ever. `std::process::Command` does nothing in a child that it is not told beforehand, unless it copies the whole parent (`pre_exec`: 98 ms
//! a child from one of 2 GiB instead of 1). So this does what `posix_spawn(3)` does in the C library, and asks the kernel on the way: the child
//! runs a few system calls in our memory, on a stack of its own, while this thread sleeps until it runs its program. What it needs is
//! laid ready before, for it may neither allocate nor take a lock: another thread of ours may hold that.
#![expect(unsafe_code, reason = "a child that shares this memory until it runs its program")]

use std::ffi::{CString, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, pidfd_send_signal, waitid, waitpid,
};

use super::Birth;
use crate::os::child::ChildProcess;

/// So many words are more than its few frames need, also where a sanitizer widens them.
const STACK: usize = (64 << 10) / size_of::<u128>();

/// What the child reads, in our memory.
struct Steps {
    program: *const libc::c_char,
    arguments: *const *const libc::c_char,
    environment: *const *const libc::c_char,
    /// Null: this one's.
    directory: *const libc::c_char,
    streams: [libc::c_int; 3],
    parent: libc::pid_t,
    mask: libc::sigset_t,
    /// Why it could not run its program; 0 if it could.
    failed: AtomicI32,
}

/// The way to a child of which the thread that starts it knows nothing yet, because it sleeps until the child runs its program: somebody may have stopped that
/// before its first step.
#[derive(Debug)]
pub(super) struct Cradle {
    /// The kernel puts the child's descriptor there before the child runs; -1 until then.
    pidfd: AtomicI32,
    /// It has been taken out.
    over: Mutex<bool>,
}

impl Default for Cradle {
    fn default() -> Cradle {
        Cradle { pidfd: AtomicI32::new(-1), over: Mutex::new(false) }
    }
}

impl Cradle {
    /// Kills the child, if it is still being started: nobody wants it any more.
    pub(super) fn kill(&self) {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        let pidfd = self.pidfd.load(Ordering::Relaxed);
        if !*over && pidfd >= 0 {
            // SAFETY: nobody closes the descriptor before it is taken out, which waits for the lock.
            let pidfd = unsafe { BorrowedFd::borrow_raw(pidfd) };
            // It may be over just now.
            let _ = pidfd_send_signal(pidfd, Signal::KILL);
        }
    }

    /// There is no child. A start that failed late may have left a number that is nobody's, or another's by now.
    fn close(&self) {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.pidfd.store(-1, Ordering::Relaxed);
    }

    fn take(&self) -> Option<OwnedFd> {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        let pidfd = self.pidfd.swap(-1, Ordering::Relaxed);
        // SAFETY: the kernel has opened it for us, and it is taken once.
        (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) })
    }
}

impl Birth {
    /// Starts it.
    ///
    /// # Errors
    /// Why there is no child, or why it could not run its program; then it is gone.
    pub(super) fn start(self, cradle: &Cradle) -> io::Result<ChildProcess> {
        let program = text(self.program.into_os_string())?;
        let arguments = self.arguments.into_iter().map(text).collect::<io::Result<Vec<_>>>()?;
        let variable = |(mut name, value): (OsString, OsString)| {
            name.push("=");
            name.push(value);
            text(name)
        };
        let environment = self.environment.into_iter().map(variable).collect::<io::Result<Vec<_>>>()?;
        let directory = self.directory.map(|path| text(path.into_os_string())).transpose()?;
        let streams = self.streams.map(|stream| stream.map(above_standard).transpose());
        let [stdin, stdout, stderr] = streams;
        let streams = [stdin?, stdout?, stderr?];
        let (arguments, environment) = (Listed::new(arguments), Listed::new(environment));
        let mut steps = Steps {
            program: program.as_ptr(),
            arguments: arguments.pointers.as_ptr(),
            environment: environment.pointers.as_ptr(),
            directory: directory.as_ref().map_or(ptr::null(), |path| path.as_ptr()),
            streams: streams.each_ref().map(|stream| stream.as_ref().map_or(-1, AsRawFd::as_raw_fd)),
            parent: std::process::id().cast_signed(),
            mask: every_signal(),
            failed: AtomicI32::new(0),
        };
        let mut stack = Box::<[u128]>::new_uninit_slice(STACK);
        steps.mask = change_mask(&every_signal());
        // SAFETY: the child has a stack of its own, whose upper end is aligned to 16 bytes, and reads `steps`; both live until this
        // thread goes on, which is (CLONE_VFORK) when it runs its program or has ended. What it runs until then is said at `first_steps`.
        // The kernel writes one number to the cradle (CLONE_PIDFD), which lives longer.
        let pid = unsafe {
            let top = stack.as_mut_ptr_range().end.cast::<libc::c_void>();
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
            libc::clone(first_steps, top, flags, (&raw mut steps).cast(), cradle.pidfd.as_ptr())
        };
        let refused = io::Error::last_os_error();
        change_mask(&steps.mask);
        let Some(pid) = (pid > 0).then(|| Pid::from_raw(pid)).flatten() else {
            cradle.close();
            return Err(refused);
        };
        // By this, not by its number, which may be another's if somebody else has reaped it.
        let Some(pidfd) = cradle.take() else {
            let _ = kill_process(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::empty());
            return Err(io::Error::other("the system has no descriptors of processes (Linux 5.2)"));
        };
        match steps.failed.load(Ordering::Relaxed) {
            0 => Ok(ChildProcess::held_by(pid, pidfd)),
            why => {
                // Somebody else may have done so.
                while waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED)
                    .is_err_and(|error| error == Errno::INTR)
                {}
                Err(io::Error::from_raw_os_error(why))
            }
        }
    }
}

fn text(of: OsString) -> io::Result<CString> {
    Ok(CString::new(of.into_vec())?)
}

/// Texts as C wants a list of them.
struct Listed {
    pointers: Vec<*const libc::c_char>,
    /// What they point to.
    _texts: Vec<CString>,
}

impl Listed {
    fn new(texts: Vec<CString>) -> Listed {
        let pointers = texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
        Listed { pointers, _texts: texts }
    }
}

/// A host program that has closed its standard streams may get one of their numbers for ours, which the child is about to replace.
fn above_standard(stream: OwnedFd) -> io::Result<OwnedFd> {
    if stream.as_raw_fd() > 2 {
        return Ok(stream);
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(&stream, 3)?)
}

fn every_signal() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the call fills the set in.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        set.assume_init()
    }
}

/// Sets the calling thread's mask and gives the one before.
fn change_mask(mask: &libc::sigset_t) -> libc::sigset_t {
    let mut before = *mask;
    // SAFETY: both are sets that live for the call.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, &raw mut before) };
    before
}

/// All that the child does. It shares our memory, and its thread-local `errno` with the thread that sleeps: it makes system calls, which write
/// to its own stack and to `failed` alone.
extern "C" fn first_steps(steps: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `start` gives its `Steps`, which live as long as this runs, and has no other reference to them meanwhile.
    let steps = unsafe { &*steps.cast::<Steps>() };
    // SAFETY: what `Steps` points to lives as long.
    unsafe { run(steps) };
    let why = io::Error::last_os_error().raw_os_error().filter(|why| *why != 0).unwrap_or(libc::ESRCH);
    steps.failed.store(why, Ordering::Relaxed);
    // It is the process's exit code.
    127
}

/// Comes back if a step failed, which `errno` says.
///
/// # Safety
/// The pointers of `steps` are to texts, and to lists of texts that end with null.
unsafe fn run(steps: &Steps) {
    // SAFETY: these calls take numbers, the texts of `steps`, and sets and actions on this stack, which are zeros at first: they are numbers
    // and pointers that may be null.
    unsafe {
        // The worker asks for another one when it can see to its group itself.
        if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
            return;
        }
        // It may have died before. 0: its number is not known here, in another namespace.
        let parent = libc::getppid();
        if parent != steps.parent && parent != 0 || libc::setpgid(0, 0) != 0 {
            return;
        }
        for (own, stream) in (0..).zip(steps.streams) {
            if stream >= 0 && libc::dup2(stream, own) < 0 {
                return;
            }
        }
        if !steps.directory.is_null() && libc::chdir(steps.directory) != 0 {
            return;
        }
        // Handlers are this program's, in this memory: none may run here. What is ignored is ignored by the child too, but for SIGPIPE, which
        // the Rust runtime ignores for itself alone.
        for signal in 1..=libc::SIGRTMAX() {
            let mut action: libc::sigaction = std::mem::zeroed();
            let known = libc::sigaction(signal, ptr::null(), &raw mut action) == 0;
            let ignored = action.sa_sigaction == libc::SIG_IGN && signal != libc::SIGPIPE;
            if known && !ignored && action.sa_sigaction != libc::SIG_DFL {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const steps.mask, ptr::null_mut());
        libc::execve(steps.program, steps.arguments, steps.environment);
    }
}
