//! The one thread on which a pool's callbacks run, started with the first of them; and others for wakers and for notes,
//! because one of these that stands still may hold up neither the pool, nor whoever turns the crank, nor a callback.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

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
    queue: Mutex<Sender<Callback>>,
    pending: Arc<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    count: AtomicUsize,
    gate: Mutex<()>,
    none_left: Condvar,
}

impl Callbacks {
    pub(crate) fn start() -> Callbacks {
        Callbacks::on_thread("mpexec-callbacks", true)
    }

    pub(crate) fn start_for_wakers() -> Callbacks {
        Callbacks::on_thread("mpexec-wakers", false)
    }

    pub(crate) fn start_for_notes() -> Callbacks {
        Callbacks::on_thread("mpexec-notes", true)
    }

    /// How many have not run to their end.
    pub(crate) fn waiting(&self) -> usize {
        self.pending.count.load(Ordering::Acquire)
    }

    fn on_thread(name: &str, known: bool) -> Callbacks {
        let (queue, calls) = channel::<Callback>();
        let pending = Arc::new(Pending::default());
        let counted = pending.clone();
        let run = move || {
            if known {
                RUNS.set(Arc::as_ptr(&counted));
            }
            for call in calls {
                // A callback that panics stops neither the others nor the pool; the panic hook has told of it.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
                if counted.count.fetch_sub(1, Ordering::AcqRel) == 1 {
                    let _gate = counted.gate.lock().unwrap_or_else(PoisonError::into_inner);
                    counted.none_left.notify_all();
                }
            }
        };
        // Without a thread the callbacks are run by whoever delivers: late beats never.
        if std::thread::Builder::new().name(name.to_owned()).spawn(run).is_err() {
            return Callbacks { queue: Mutex::new(channel().0), pending };
        }
        Callbacks { queue: Mutex::new(queue), pending }
    }

    pub(crate) fn run(&self, call: Callback) {
        if let Err(call) = self.queue(call) {
            self.run_now(call);
        }
    }

    /// Puts it behind those that wait. Nothing of the user's runs in here.
    ///
    /// # Errors
    /// There is no thread: the callback comes back, for [`run_now`](Callbacks::run_now).
    pub(crate) fn queue(&self, call: Callback) -> Result<(), Callback> {
        self.pending.count.fetch_add(1, Ordering::AcqRel);
        let sent = self.queue.lock().unwrap_or_else(PoisonError::into_inner).send(call);
        sent.map_err(|back| {
            self.pending.count.fetch_sub(1, Ordering::AcqRel);
            back.0
        })
    }

    /// Late beats never.
    pub(crate) fn run_now(&self, call: Callback) {
        self.pending.count.fetch_add(1, Ordering::AcqRel);
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
        self.pending.count.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether this very thread runs them.
    pub(crate) fn run_here(&self) -> bool {
        std::ptr::eq(RUNS.get(), Arc::as_ptr(&self.pending))
    }

    /// Waits until all callbacks given so far have run; `false` when the time was up first.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut gate = self.pending.gate.lock().unwrap_or_else(PoisonError::into_inner);
        while self.pending.count.load(Ordering::Acquire) > 0 {
            gate = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => return false,
                Some(left) => self.pending.none_left.wait_timeout(gate, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.pending.none_left.wait(gate).unwrap_or_else(PoisonError::into_inner),
            };
        }
        true
    }
}
