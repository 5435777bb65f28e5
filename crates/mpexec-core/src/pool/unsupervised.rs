//! What comes of a panic of the supervisor's thread, which would be a fault of ours: the pool ends with an error that says so, and
//! nobody hangs. The panic comes out of a link, which is the only thing that a test can exchange.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use mpexec_ring::Parcel;
use mpexec_testkit::{Watchdog, wait_until};

use crate::engine::state::Life;
use crate::link::{Link, LinkError, Progress, Received, Upto, Withdrawal};
use crate::os::events::Bell;
use crate::{Pool, PoolError, TaskError, Transport, Workers};

/// When the supervisor is to panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// It looks at what workers owe.
    Looks,
    /// It has the baton, and is about to sleep on the bells.
    HasTheBaton,
}

/// A link that is of no use, but in one thing.
struct Faulty {
    when: When,
    bell: Bell,
    real: Box<dyn Link>,
}

impl Faulty {
    fn asked(&self, when: When) {
        let supervises = std::thread::current().name() == Some("mpexec-supervisor");
        assert!(!supervises || when != self.when, "a fault that a test has made");
    }
}

impl Link for Faulty {
    fn max_batch(&self) -> usize {
        self.real.max_batch()
    }

    fn send(&mut self, _header: &[u8], _entries: &[u8]) -> Result<bool, LinkError> {
        Ok(false)
    }

    fn publish(&mut self) -> Result<(), LinkError> {
        Ok(())
    }

    fn held(&self, nth: usize) -> &[u8] {
        self.real.held(nth)
    }

    fn free_front(&mut self) {}

    fn has_news(&self) -> bool {
        false
    }

    fn receive(&mut self, _upto: Upto, _out: &mut Vec<u8>) -> Result<Option<Received>, LinkError> {
        Ok(None)
    }

    fn release(&mut self) {}

    fn progress(&self) -> Progress {
        self.asked(When::Looks);
        self.real.progress()
    }

    fn withdraw(&mut self, lo: u64, hi: u64) -> Result<Withdrawal, LinkError> {
        self.real.withdraw(lo, hi)
    }

    fn peer_cpu(&self) -> Option<u32> {
        self.asked(When::HasTheBaton);
        None
    }

    fn send_parcel(&mut self, _id: u64, _parcel: BorrowedFd<'_>, _length: u64) -> Result<(), LinkError> {
        Ok(())
    }

    fn parcels_sent(&self) -> u64 {
        0
    }

    fn forget_parcels(&mut self, _ids: &[u64]) -> Result<(), LinkError> {
        Ok(())
    }

    fn take_parcel(&mut self, _id: u64, _length: u64) -> Result<Parcel, LinkError> {
        Err(LinkError::Closed)
    }

    fn shut_down(&mut self) -> Result<(), LinkError> {
        self.real.shut_down()
    }

    fn attend(&mut self) -> Result<bool, LinkError> {
        Ok(false)
    }

    fn is_mid_message(&self) -> bool {
        false
    }

    fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

static RUNNING: AtomicUsize = AtomicUsize::new(0);
/// So many rounds are over.
static GATE: (Mutex<u8>, Condvar) = (Mutex::new(0), Condvar::new());

/// A task that ends with its round.
fn waits(round: u8) -> u8 {
    RUNNING.fetch_add(1, Ordering::SeqCst);
    let mut open = GATE.0.lock().unwrap_or_else(PoisonError::into_inner);
    while *open <= round {
        open = GATE.1.wait(open).unwrap_or_else(PoisonError::into_inner);
    }
    1
}

fn tells_of_it(error: &TaskError) -> bool {
    error.to_string().contains("the pool's supervisor has failed (a fault of mpexec")
}

#[test]
fn a_panic_of_the_supervisor_ends_every_call_and_the_pool_and_nobody_hangs() {
    let _watchdog = Watchdog::new();
    for (round, when) in (0u8..).zip([When::Looks, When::HasTheBaton]) {
        RUNNING.store(0, Ordering::SeqCst);
        let pool = Pool::builder().workers(Workers::Exact(2)).transport(Transport::Memory).build().unwrap();
        let running = [(); 2].map(|()| pool.apply_async(waits, (round,)));
        wait_until("both run", || RUNNING.load(Ordering::SeqCst) == 2);
        let queued = pool.apply_async(|n: u8| n, (1,));
        let job = pool.map_async(|n: u32| n, 0..1_000);
        {
            let mut state = pool.engine.lock();
            let real = state.slots[1].link.take().unwrap();
            state.slots[1].link = Some(Box::new(Faulty { when, bell: Bell::new().unwrap(), real }));
            // A callback waits for something: so it turns the crank as a waiting thread would.
            state.listened_to = true;
        }
        let waits_for_all = std::thread::scope(|scope| {
            let waiting = (when == When::Looks).then(|| scope.spawn(|| pool.map(|n: u32| n, 0..10)));
            pool.engine.wake.ring();
            waiting.map(|waiting| waiting.join().unwrap())
        });
        // Who waited before that would have the baton in its place.
        wait_until("it has failed", || pool.engine.lock().life == Life::Terminated);
        if let Some(all) = waits_for_all {
            let error = all.unwrap_err().error;
            assert!(tells_of_it(&error) || matches!(error, TaskError::PoolClosed { .. }), "{when:?}: {error:?}");
        }
        for pending in running.into_iter().chain([queued]) {
            let error = pending.get().unwrap_err();
            assert!(matches!(error, TaskError::Cancelled { .. }) && tells_of_it(&error), "{when:?}: {error:?}");
        }
        let error = job.get().unwrap_err().error;
        assert!(tells_of_it(&error), "{when:?}: {error:?}");
        // It takes nothing more, and says so.
        assert!(matches!(pool.apply(|n: u8| n, (1,)), Err(TaskError::PoolClosed { state: "terminated" })));
        assert!(matches!(pool.resize(3), Err(PoolError::Closed { state: "terminated" })));
        assert!(pool.join().is_ok() && pool.stats().queued == 0);
        *GATE.0.lock().unwrap() = round + 1;
        GATE.1.notify_all();
    }
}
