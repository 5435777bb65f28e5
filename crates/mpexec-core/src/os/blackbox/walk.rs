//! Walking the stack of a thread that has just crashed, from within its handler: return addresses, written down one by one.

use libc::c_void;

use super::{COUNT, FRAMES, MOST_FRAMES, put};

/// Writes the addresses from where the fault was. Should a stack that is no more than rubbish make this fault in turn, what was
/// written by then is there.
pub(super) fn write_frames(context: *mut c_void) {
    let at = place_of_fault(context);
    if let Some(at) = at {
        put(FRAMES, at);
        put(COUNT, 1);
    }
    // Whoever walks the stack looks at the code there.
    if at.is_some_and(is_nowhere) || follow(at, usize::from(at.is_some())) <= 1 {
        // It has jumped to where no code is; its caller is told by the stack.
        as_if_returned(context, walk_behind);
    }
}

fn walk_behind(context: *mut c_void) {
    if let Some(at) = place_of_fault(context).filter(|at| !is_nowhere(*at)) {
        put(FRAMES + 1, at);
        put(COUNT, 2);
        follow(Some(at), 2);
    }
}

/// What lies at an address, if anything does.
fn peek(address: u64) -> Option<u64> {
    let mut found = 0u64;
    let ours = libc::iovec { iov_base: (&raw mut found).cast(), iov_len: 8 };
    let theirs = libc::iovec { iov_base: address as *mut c_void, iov_len: 8 };
    // SAFETY: it is the kernel that reads there, and it refuses what is not there; it writes to a local value.
    let read = unsafe { libc::process_vm_readv(libc::getpid(), &raw const ours, 1, &raw const theirs, 1, 0) };
    (read == 8).then_some(found)
}

/// Whether nothing lies at an address for sure.
fn is_nowhere(address: u64) -> bool {
    // SAFETY: the C library's own errno of this thread.
    peek(address).is_none() && unsafe { *libc::__errno_location() } == libc::EFAULT
}

/// Writes the addresses behind the frame at `from`, from the `count`th on.
fn follow(from: Option<u64>, mut count: usize) -> usize {
    let mut seen = from.is_none();
    // SAFETY: the lock that it does without guards caches of names, which are not asked for here; one thread of this process
    // comes here.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            let at = frame.ip() as u64;
            if seen && at != 0 {
                put(FRAMES + count, at);
                count += 1;
                put(COUNT, count as u64);
            }
            // What lies before is this handler.
            seen |= Some(at) == from;
            count < MOST_FRAMES
        });
    }
    count
}

#[cfg(target_arch = "x86_64")]
fn place_of_fault(context: *mut c_void) -> Option<u64> {
    // SAFETY: the kernel passes the registers as they were, in this form.
    Some(unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] as u64 })
}

#[cfg(target_arch = "aarch64")]
fn place_of_fault(context: *mut c_void) -> Option<u64> {
    // SAFETY: the kernel passes the registers as they were, in this form.
    Some(unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.pc })
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn place_of_fault(_context: *mut c_void) -> Option<u64> {
    None
}

/// Does something with the registers as they were if the function at fault had returned at once.
#[cfg(target_arch = "x86_64")]
fn as_if_returned(context: *mut c_void, then: fn(*mut c_void)) {
    let (rip, rsp) = (libc::REG_RIP as usize, libc::REG_RSP as usize);
    // SAFETY: the kernel passes the registers as they were, in this form, and puts them back from there.
    unsafe {
        let registers = (&raw mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs).cast::<i64>();
        let before = (*registers.add(rip), *registers.add(rsp));
        if let Some(back) = peek(before.1 as u64) {
            (*registers.add(rip), *registers.add(rsp)) = (back as i64, before.1 + 8);
            then(context);
            (*registers.add(rip), *registers.add(rsp)) = before;
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn as_if_returned(_context: *mut c_void, _then: fn(*mut c_void)) {}
