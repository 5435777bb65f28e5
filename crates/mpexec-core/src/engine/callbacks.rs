//! The one thread on which a pool's callbacks run, started with the pool; and others for wakers and for notes, started with the first of
//! these, because one of them that stands still may hold up neither the pool, nor whoever turns the crank, nor a callback.
//!
//! Nothing of the user's ever runs on a thread that only came by: it may hold a lock that the callback wants. So a pool that cannot have its
//! thread is not built, and what has no thread of its own later is run on that one.
//!
//! In a fork of the process that has the pool none of these threads is there, so the first call that is made in it starts one of its own.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::os::fork;

type Callback = Box<dyn FnOnce() + Send>;

thread_local! {
    /// Whose callbacks this thread runs: the address of what counts them. Null on any other thread.
    static RUNS: Cell<*const Pending> = const { Cell::new(std::ptr::null()) };
}

/// Whether this is a callback thread: waiting here for another callback would be waiting for oneself.
pub(crate) fn on_this_thread() -> bool {
    !RUNS.get().is_null()
}

/// See the head of this file. Dropping it lets the thread finish what it has and end.
#[derive(Debug)]
pub(crate) struct Callbacks {
    name: &'static str,
    known: bool,
    thread: Mutex<Running>,
}

/// The thread, seen from those that give it calls.
#[derive(Debug)]
struct Running {
    /// Where it runs.
    process: u32,
    queue: Sender<Callback>,
    pending: Arc<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    count: AtomicUsize,
    gate: Mutex<()>,
    none_left: Condvar,
}

impl Callbacks {
    /// # Errors
    /// That the thread cannot be started; so for the others.
    pub(crate) fn start() -> io::Result<Callbacks> {
        Callbacks::on_thread("mpexec-callbacks", true)
    }

    pub(crate) fn start_for_wakers() -> io::Result<Callbacks> {
        Callbacks::on_thread("mpexec-wakers", false)
    }

    pub(crate) fn start_for_notes() -> io::Result<Callbacks> {
        Callbacks::on_thread("mpexec-notes", true)
    }

    fn on_thread(name: &'static str, known: bool) -> io::Result<Callbacks> {
        Ok(Callbacks { name, known, thread: Mutex::new(Running::start(name, known)?) })
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the thread of this process has to do; `None`: it was the parent's.
    fn pending(&self) -> Option<Arc<Pending>> {
        let thread = self.lock();
        (thread.process == fork::this_process()).then(|| thread.pending.clone())
    }

    /// How many have not run to their end.
    pub(crate) fn waiting(&self) -> usize {
        self.pending().map_or(0, |pending| pending.count.load(Ordering::Acquire))
    }

    /// Puts it behind those that wait. Nothing of the user's runs in here.
    pub(crate) fn run(&self, call: Callback) {
        let mut thread = self.lock();
        if thread.process != fork::this_process()
            && let Ok(own) = Running::start(self.name, self.known)
        {
            std::mem::forget(std::mem::replace(&mut *thread, own));
        }
        thread.pending.count.fetch_add(1, Ordering::AcqRel);
        // The thread lasts as long as there is somebody to send.
        let _ = thread.queue.send(call);
    }

    /// Whether this very thread runs them.
    pub(crate) fn run_here(&self) -> bool {
        self.pending().is_some_and(|pending| std::ptr::eq(RUNS.get(), Arc::as_ptr(&pending)))
    }

    /// Waits until all callbacks given so far have run; `false` when the time was up first.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> bool {
        let Some(pending) = self.pending() else { return true };
        let mut gate = pending.gate.lock().unwrap_or_else(PoisonError::into_inner);
        while pending.count.load(Ordering::Acquire) > 0 {
            gate = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => return false,
                Some(left) => pending.none_left.wait_timeout(gate, left).unwrap_or_else(PoisonError::into_inner).0,
                None => pending.none_left.wait(gate).unwrap_or_else(PoisonError::into_inner),
            };
        }
        true
    }
}

impl Running {
    fn start(name: &str, known: bool) -> io::Result<Running> {
        let (queue, calls) = channel::<Callback>();
        let pending = Arc::new(Pending::default());
        let counted = pending.clone();
        let run = move || {
            if known {
                RUNS.set(Arc::as_ptr(&counted));
            }
            for call in calls {
                // A callback that panics stops neither the others nor the pool; the panic hook has told of it. What it panicked with is the
                // user's too, and may panic when it is dropped.
                if let Err(thrown) = catch_unwind(AssertUnwindSafe(call)) {
                    std::mem::forget(thrown);
                }
                if counted.count.fetch_sub(1, Ordering::AcqRel) == 1 {
                    let _gate = counted.gate.lock().unwrap_or_else(PoisonError::into_inner);
                    counted.none_left.notify_all();
                }
            }
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Running { process: fork::this_process(), queue, pending })
    }
}
