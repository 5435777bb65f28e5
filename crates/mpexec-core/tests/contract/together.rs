//! Several threads on one pool, each waiting for something of its own: nobody's news depends on another's, no waker runs
//! where it can hold up the pool, and a pool that ends while input is brought tells of every task.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use mpexec_core::{Pool, TaskError, Transport, context};

use crate::common::{Scratch, builder, open, pass, pool, wait_until};

crate::contract!(
    a_call_beside_an_idle_worker_is_sent_while_another_thread_waits,
    a_pool_closed_over_an_iterator_finishes_it,
    a_job_whose_input_is_slow_is_finished_when_the_pool_closes,
    a_pool_that_ends_while_input_is_brought_tells_of_every_task,
    a_waker_that_waits_for_a_thread_that_waits_for_the_pool_holds_up_nobody,
    a_waker_may_call_the_pool,
);

mod processes {
    use super::{
        a_job_of_which_a_task_has_failed_can_be_aborted, calls_are_stopped_while_another_thread_waits,
        workers_that_die_of_themselves_are_not_started_for_ever,
    };

    crate::process_contract!(
        calls_are_stopped_while_another_thread_waits,
        a_job_of_which_a_task_has_failed_can_be_aborted,
        workers_that_die_of_themselves_are_not_started_for_ever,
    );
}

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(500);

fn held(running: String, gate: String) {
    open(&running);
    pass(&gate);
}

/// Runs `meanwhile` while a thread waits for a call that ends only after it.
fn beside_a_waiting_thread(pool: &Pool, meanwhile: impl FnOnce()) {
    let (running, gate) = (Scratch::new(), Scratch::new());
    std::thread::scope(|scope| {
        scope.spawn(|| pool.apply(held, (running.text(), gate.text())).unwrap());
        wait_until("the other call runs", || running.is_open());
        meanwhile();
        gate.open();
    });
}

fn a_call_beside_an_idle_worker_is_sent_while_another_thread_waits(transport: Transport) {
    let pool = pool(transport, 2);
    assert!(pool.wait_ready(None));
    beside_a_waiting_thread(&pool, || {
        let looked_at = pool.apply_async(|n: u64| n, (1,));
        wait_until("it is ready without being waited for", || looked_at.is_ready());
        assert_eq!(pool.apply_async(|n: u64| n, (2,)).get_timeout(LONG).unwrap().unwrap(), 2);
        let told = Arc::new(AtomicBool::new(false));
        let tell = told.clone();
        let _called = pool.apply_async(|n: u64| n, (3,)).on_success(move |_| tell.store(true, Ordering::Relaxed));
        wait_until("its callback has run", || told.load(Ordering::Relaxed));
    });
}

fn calls_are_stopped_while_another_thread_waits(transport: Transport) {
    let pool = pool(transport, 2);
    assert!(pool.wait_ready(None));
    beside_a_waiting_thread(&pool, || {
        let (running, gate) = (Scratch::new(), Scratch::new());
        let call = pool.apply_async(held, (running.text(), gate.text()));
        wait_until("the call runs", || running.is_open());
        assert!(!call.cancel(), "it runs");
        assert!(call.abort());
        assert!(matches!(call.get(), Err(TaskError::Cancelled { .. })));
        let running = Scratch::new();
        let job = pool.starmap_async(held, [(running.text(), gate.text())]);
        wait_until("the job runs", || running.is_open());
        assert!(job.abort());
        assert_eq!(pool.apply(|n: u8| n, (4,)).unwrap(), 4, "the worker's place is filled again");
    });
}

fn a_pool_closed_over_an_iterator_finishes_it(transport: Transport) {
    let pool = pool(transport, 2);
    let mut closed = pool.imap(|n: u64| n, 0..30_000);
    assert_eq!(closed.next().unwrap().unwrap(), 0);
    let dropped = pool.imap_unordered(|n: u64| n, 0..30_000);
    pool.close();
    assert!(closed.map(Result::unwrap).eq(1..30_000));
    drop(pool);
    assert_eq!(dropped.map(|(_, n)| n.unwrap()).sum::<u64>(), (0..30_000).sum::<u64>());
}

fn a_job_whose_input_is_slow_is_finished_when_the_pool_closes(transport: Transport) {
    let pool = pool(transport, 2);
    let items = (0..50u64).inspect(|n| {
        if *n == 25 {
            pool.close();
            // What came before is done, and the workers have nothing to do.
            wait_until("time for the workers to leave", || pool.join_timeout(Duration::from_millis(20)).is_err());
        }
    });
    assert!(pool.map(|n: u64| n, items).unwrap().into_iter().eq(0..50));
    pool.join().unwrap();
}

fn a_pool_that_ends_while_input_is_brought_tells_of_every_task(transport: Transport) {
    for at in [0, 1, 7, 300] {
        let ordered = pool(transport, 2);
        let items = (0..400u64).inspect(|n| {
            if *n == at {
                ordered.terminate();
            }
        });
        let outcomes: Vec<_> = ordered.imap(|n: u64| n, items).collect();
        let good = outcomes.iter().take_while(|one| one.is_ok()).count();
        assert!(outcomes.len() > good, "the end is told, at {at}");
        assert!((0..).zip(&outcomes[..good]).all(|(n, one)| *one.as_ref().unwrap() == n));
        let unordered = pool(transport, 2);
        let brought = std::cell::Cell::new(0);
        let items = (0..400u64).inspect(|n| {
            brought.set(n + 1);
            if *n == at {
                unordered.terminate();
            }
        });
        let told: Vec<_> = unordered.imap_unordered(|n: u64| n, items).map(|(index, _)| index).collect();
        let indices: BTreeSet<_> = told.iter().copied().collect();
        assert_eq!(indices.len(), told.len(), "none is told twice");
        assert!((0..brought.get()).all(|n| indices.contains(&n)), "each task that was taken is told of, at {at}");
    }
}

/// Takes a lock that somebody holds who waits for the pool.
struct Locks(Mutex<()>, AtomicBool);

impl Wake for Locks {
    fn wake(self: Arc<Self>) {
        self.1.store(true, Ordering::Relaxed);
        drop(self.0.lock());
    }
}

fn polled_once<F: Future>(future: Pin<&mut F>, waker: &Waker) {
    assert!(future.poll(&mut Context::from_waker(waker)).is_pending());
}

fn a_waker_that_waits_for_a_thread_that_waits_for_the_pool_holds_up_nobody(transport: Transport) {
    let pool = pool(transport, 3);
    assert!(pool.wait_ready(None));
    let locks = Arc::new(Locks(Mutex::new(()), AtomicBool::new(false)));
    let gate = Scratch::new();
    let mut future = pool.apply_async(pass_gate, (gate.text(),));
    polled_once(Pin::new(&mut future), &Waker::from(locks.clone()));
    beside_a_waiting_thread(&pool, || {
        let (running, own) = (Scratch::new(), Scratch::new());
        std::thread::scope(|scope| {
            let holds = scope.spawn(|| {
                let _lock = locks.0.lock().unwrap();
                pool.apply(held, (running.text(), own.text())).unwrap();
            });
            wait_until("the lock's owner waits for the pool", || running.is_open());
            gate.open();
            wait_until("the waker waits for the lock", || locks.1.load(Ordering::Relaxed));
            own.open();
            holds.join().unwrap();
        });
    });
}

fn pass_gate(gate: String) {
    pass(&gate);
}

/// Calls the pool that wakes it.
struct Calls(Pool, AtomicBool);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        assert_eq!(self.0.apply(|n: u8| n, (9,)).unwrap(), 9);
        self.1.store(true, Ordering::Relaxed);
    }
}

fn a_waker_may_call_the_pool(transport: Transport) {
    let calls = Arc::new(Calls(pool(transport, 2), AtomicBool::new(false)));
    let pool = &calls.0;
    assert!(pool.wait_ready(None));
    let gate = Scratch::new();
    let mut future = pool.apply_async(pass_gate, (gate.text(),));
    polled_once(Pin::new(&mut future), &Waker::from(calls.clone()));
    beside_a_waiting_thread(pool, || {
        gate.open();
        wait_until("the waker has called the pool", || calls.1.load(Ordering::Relaxed));
    });
    future.get().unwrap();
}

fn a_job_of_which_a_task_has_failed_can_be_aborted(transport: Transport) {
    let pool = pool(transport, 2);
    let running = Scratch::new();
    let task = |n: u32, running: String| {
        if n == 0 {
            panic!("the first fails");
        }
        open(&running);
        crate::common::forever();
    };
    let job = pool.call().chunk_size(1).starmap_async(task, (0..100).map(|n| (n, running.text())));
    wait_until("one has failed", || job.is_ready());
    wait_until("the next runs", || running.is_open());
    assert!(job.abort(), "the others had not ended");
    assert_eq!(pool.map(|n: u8| n, 0..10).unwrap().len(), 10);
    assert_eq!(job.get().unwrap_err().index, 0);
}

fn workers_that_die_of_themselves_are_not_started_for_ever(transport: Transport) {
    let dies_soon = || {
        let built = context::<String>().as_str();
        std::thread::spawn(move || {
            // Not before the pool is there.
            pass(built);
            std::thread::park_timeout(Duration::from_millis(3));
            std::process::abort();
        });
    };
    let built = Scratch::new();
    let pool = builder(transport, 2).context(&built.text()).unwrap().start_hook(dies_soon).build().unwrap();
    built.open();
    let mut without = 0;
    wait_until("nobody is started any more", || {
        without = if pool.pids().is_empty() { without + 1 } else { 0 };
        without == 100
    });
    // The next call starts afresh: it ends, one way or the other.
    let _ = pool.apply(|n: u8| n, (1,));
}
