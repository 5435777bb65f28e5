//! Waiting: nobody's result waits for somebody else, no handle contradicts itself, and a time limit holds whatever a
//! callback or a future does.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use mpexec_core::{Pool, PoolError, TaskError, Transport};
use serde::{Deserialize, Deserializer, Serialize};

use crate::common::{Scratch, pass, pool, wait_until};

crate::contract!(
    polling_for_one_result_takes_nothing_from_whoever_waits_for_another,
    a_wait_with_a_limit_takes_nothing_from_whoever_waits_without,
    dropping_a_stream_takes_nothing_from_whoever_waits,
    a_quick_call_behind_a_slow_one_goes_to_the_next_free_worker,
    a_panic_settles_its_whole_job_at_once,
    a_result_whose_deserialize_panics_is_undecodable_for_everybody_who_asks,
    a_limit_holds_while_a_callback_has_the_value,
    a_future_is_pending_while_a_callback_has_the_value,
    the_longest_limit_is_no_limit,
    waiting_for_the_workers_of_a_terminated_pool_ends,
    joining_in_a_callback_is_refused,
    a_waker_that_panics_harms_nobody,
    a_waker_that_uses_the_pool_when_it_is_dropped_finds_it_free,
);

/// Answers calls one after another while `other` runs over and over on another thread.
fn calls_beside(pool: &Pool, other: impl Fn() + Send + Sync) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                other();
            }
        });
        for n in 0..5_000u32 {
            assert_eq!(pool.apply(|n: u32| n, (n,)).unwrap(), n);
        }
        over.store(true, Ordering::Relaxed);
    });
}

fn polling_for_one_result_takes_nothing_from_whoever_waits_for_another(transport: Transport) {
    let (pool, gate) = (pool(transport, 2), Scratch::new());
    let held = pool.apply_async(|gate: String| pass(&gate), (gate.text(),));
    calls_beside(&pool, || assert!(!held.is_ready()));
    gate.open();
    held.get().unwrap();
}

fn a_wait_with_a_limit_takes_nothing_from_whoever_waits_without(transport: Transport) {
    let (pool, gate) = (pool(transport, 2), Scratch::new());
    let held = pool.map_async(|gate: String| pass(&gate), [gate.text()]);
    calls_beside(&pool, || assert!(!held.wait_timeout(Duration::from_micros(200))));
    gate.open();
    held.get().unwrap();
}

fn dropping_a_stream_takes_nothing_from_whoever_waits(transport: Transport) {
    let pool = pool(transport, 2);
    calls_beside(&pool, || {
        let mut stream = pool.imap(|n: u64| n, 0..);
        assert_eq!(stream.next().unwrap().unwrap(), 0);
    });
}

fn a_quick_call_behind_a_slow_one_goes_to_the_next_free_worker(transport: Transport) {
    let (pool, gates) = (pool(transport, 2), [Scratch::new(), Scratch::new()]);
    assert!(pool.wait_ready(None));
    let wait = |gate: String| pass(&gate);
    let held: Vec<_> = gates.iter().map(|gate| pool.apply_async(wait, (gate.text(),))).collect();
    // Both workers are busy: these lie behind the held ones, half of them with the worker that stays busy.
    let open = Scratch::new();
    open.open();
    let quick: Vec<_> = (0..40).map(|_| pool.apply_async(wait, (open.text(),))).collect();
    gates[1].open();
    for call in quick {
        call.get().unwrap();
    }
    assert!(!held[0].is_ready());
    gates[0].open();
    for call in held {
        call.get().unwrap();
    }
}

fn a_panic_settles_its_whole_job_at_once(transport: Transport) {
    let (pool, gate) = (pool(transport, 2), Scratch::new());
    let work = |gate: String| if gate.is_empty() { panic!("no gate") } else { pass(&gate) };
    let job = pool.map_async(work, [String::new(), gate.text()]);
    job.wait();
    assert!(job.is_ready());
    let failed = job.get().unwrap_err();
    assert_eq!(failed.index, 0);
    assert!(matches!(failed.error, TaskError::Panicked { .. }), "{failed:?}");
    gate.open();
}

/// Its `Deserialize` panics in the coordinator.
#[derive(Debug, Serialize)]
struct Bomb;

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Bomb, D::Error> {
        panic!("boom")
    }
}

fn a_result_whose_deserialize_panics_is_undecodable_for_everybody_who_asks(transport: Transport) {
    let pool = pool(transport, 1);
    let told = Arc::new(Mutex::new(Vec::new()));
    let keeper = told.clone();
    let call = pool.apply_async(|| Bomb, ()).on_error(move |error| keeper.lock().unwrap().push(error.to_string()));
    let error = call.get().unwrap_err().to_string();
    assert!(error.contains("Deserialize") && error.contains("Bomb"), "{error}");
    assert_eq!(*told.lock().unwrap(), [error]);
    let failed = pool.map(|n: u8| if n == 3 { Some(Bomb) } else { None }, 0..9).unwrap_err();
    assert_eq!(failed.index, 3);
    assert_eq!(pool.apply(|| 1, ()).unwrap(), 1);
}

fn a_limit_holds_while_a_callback_has_the_value(transport: Transport) {
    let pool = pool(transport, 1);
    let (go_on, wait) = channel::<()>();
    let (entered, in_it) = channel();
    let call = pool.apply_async(|| 1, ()).on_success(move |_| {
        entered.send(()).unwrap();
        let _ = wait.recv();
    });
    in_it.recv().unwrap();
    let (call, _) = call.get_timeout(Duration::from_millis(1)).unwrap_err();
    assert!(call.is_ready());
    go_on.send(()).unwrap();
    assert_eq!(call.get().unwrap(), 1);
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn a_future_is_pending_while_a_callback_has_the_value(transport: Transport) {
    let pool = pool(transport, 1);
    let (go_on, wait) = channel::<()>();
    let (entered, in_it) = channel();
    let mut call = pool.apply_async(|| 1, ()).on_success(move |_| {
        entered.send(()).unwrap();
        let _ = wait.recv();
    });
    in_it.recv().unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    assert!(Pin::new(&mut call).poll(&mut context).is_pending());
    go_on.send(()).unwrap();
    wait_until("the future is woken", || woken.0.load(Ordering::SeqCst) > 0);
    assert!(matches!(Pin::new(&mut call).poll(&mut context), Poll::Ready(Ok(1))));
}

fn the_longest_limit_is_no_limit(transport: Transport) {
    let longest = crate::common::builder(transport, 1).handshake_limit(Duration::MAX).response_limit(Duration::MAX);
    let pool = longest.build().unwrap();
    let call = pool.apply_async(|| 1, ());
    assert!(call.wait_timeout(Duration::MAX));
    assert_eq!(call.get_timeout(Duration::MAX).unwrap().unwrap(), 1);
    assert!(pool.wait_ready(Some(Duration::MAX)));
    pool.close();
    pool.join_timeout(Duration::MAX).unwrap();
}

fn waiting_for_the_workers_of_a_terminated_pool_ends(transport: Transport) {
    let pool = pool(transport, 1);
    pool.terminate();
    pool.join().unwrap();
    assert!(!pool.wait_ready(None));
}

fn joining_in_a_callback_is_refused(transport: Transport) {
    let pool = Arc::new(pool(transport, 1));
    let (inner, (tell, told)) = (pool.clone(), channel());
    let call = pool.apply_async(|| 1, ()).on_success(move |_| {
        inner.close();
        tell.send(inner.join()).unwrap();
    });
    assert!(matches!(told.recv().unwrap(), Err(PoolError::JoinInCallback)));
    assert_eq!(call.get().unwrap(), 1);
    pool.join().unwrap();
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

fn a_waker_that_panics_harms_nobody(transport: Transport) {
    let (pool, gate) = (pool(transport, 1), Scratch::new());
    let mut call = pool.apply_async(|gate: String| pass(&gate), (gate.text(),));
    let waker = Waker::from(Arc::new(Panics));
    assert!(Pin::new(&mut call).poll(&mut Context::from_waker(&waker)).is_pending());
    gate.open();
    wait_until("it is ready", || call.is_ready());
    assert_eq!(pool.map(|n: u8| n, 0..100).unwrap().len(), 100);
}

struct UsesThePool(Arc<Pool>, Arc<AtomicBool>);

impl Wake for UsesThePool {
    fn wake(self: Arc<Self>) {}
}

impl Drop for UsesThePool {
    fn drop(&mut self) {
        let _ = self.0.pids();
        self.1.store(true, Ordering::SeqCst);
    }
}

fn a_waker_that_uses_the_pool_when_it_is_dropped_finds_it_free(transport: Transport) {
    let (pool, gate) = (Arc::new(pool(transport, 1)), Scratch::new());
    let dropped = Arc::new(AtomicBool::new(false));
    let mut job = pool.map_async(|gate: String| pass(&gate), [gate.text()]);
    {
        let waker = Waker::from(Arc::new(UsesThePool(pool.clone(), dropped.clone())));
        assert!(Pin::new(&mut job).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(job);
    gate.open();
    assert_eq!(pool.apply(|| 1, ()).unwrap(), 1);
    wait_until("the waker is dropped", || dropped.load(Ordering::SeqCst));
}
