//! One thread waits, another ends what it waits for: who waits hears of it at once, also who turns the crank for all and sleeps
//! until a worker rings.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use mpexec_core::{Pool, TaskError, Transport, current_task};

use crate::common::{Scratch, builder, forever, open, pass, pool, wait_until};

crate::contract!(
    who_waits_for_a_job_is_through_when_another_thread_cancels_it_though_its_tasks_run,
    who_joins_a_pool_is_through_when_another_thread_drops_the_last_stream,
);

mod processes {
    use super::{
        a_call_that_is_to_be_tried_again, a_job_that_is_to_be_tried_again,
        who_waits_for_the_workers_is_through_when_another_thread_closes_the_pool,
    };

    crate::process_contract!(
        a_call_that_is_to_be_tried_again,
        a_job_that_is_to_be_tried_again,
        who_waits_for_the_workers_is_through_when_another_thread_closes_the_pool,
    );
}

mod in_memory {
    use super::a_pool_whose_replacement_cannot_begin_takes_the_next_call;

    crate::on_links!([memory Memory] [a_pool_whose_replacement_cannot_begin_takes_the_next_call]);
}

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(100_000);

/// Runs `meanwhile` as soon as a thread that waits sleeps, and returns when it is through.
fn while_one_sleeps(waits: impl FnOnce() + Send, meanwhile: impl FnOnce()) {
    thread::scope(|scope| {
        let (tell, told) = channel();
        scope.spawn(move || {
            tell.send(rustix::thread::gettid()).unwrap();
            waits();
        });
        let stat = format!("/proc/self/task/{}/stat", told.recv().unwrap().as_raw_nonzero());
        let sleeps = || std::fs::read_to_string(&stat).unwrap().rsplit_once(')').unwrap().1.starts_with(" S");
        // Not for a lock, which is held for a moment.
        wait_until("it sleeps", || (0..100).all(|_| sleeps()));
        meanwhile();
    });
}

fn held(running: String, gate: String) {
    open(&running);
    pass(&gate);
}

fn who_waits_for_a_job_is_through_when_another_thread_cancels_it_though_its_tasks_run(transport: Transport) {
    let (pool, running, gate) = (pool(transport, 1), Scratch::new(), Scratch::new());
    let job = pool.starmap_async(held, [(running.text(), gate.text())]);
    wait_until("it runs", || running.is_open());
    while_one_sleeps(|| job.wait(), || assert!(job.cancel()));
    gate.open();
}

fn who_joins_a_pool_is_through_when_another_thread_drops_the_last_stream(transport: Transport) {
    let pool = builder(transport, 1).response_limit(LONG).build().unwrap();
    let mut stream = pool.imap(|n: u64| n, 0..);
    assert_eq!(stream.next().unwrap().unwrap(), 0);
    pool.close();
    while_one_sleeps(|| pool.join().unwrap(), || drop(stream));
}

/// A pool with a worker that has nothing to do, as what it is asked for is to be tried again much later.
fn with_all_asleep<T>(transport: Transport, begin: impl FnOnce(&Pool) -> T) -> (Pool, T) {
    let pool = builder(transport, 1).attempts(2).retry_delay(LONG).build().unwrap();
    assert!(pool.wait_ready(None));
    let before = pool.pids();
    let begun = begin(&pool);
    wait_until("there is another worker", || pool.wait_ready(None) && pool.pids() != before);
    (pool, begun)
}

fn a_call_that_is_to_be_tried_again(transport: Transport) {
    let (_pool, call) = with_all_asleep(transport, |pool| pool.apply_async(|| std::process::exit(3), ()));
    while_one_sleeps(|| call.wait(), || assert!(call.cancel()));
    let ended: Result<(), TaskError> = call.get();
    assert!(matches!(ended, Err(TaskError::Cancelled { .. })), "{ended:?}");
}

fn a_job_that_is_to_be_tried_again(transport: Transport) {
    let (_pool, job) = with_all_asleep(transport, |pool| pool.map_async(|_: u8| std::process::exit(3), [1]));
    while_one_sleeps(|| job.wait(), || assert!(job.cancel()));
    let ended: Result<Vec<()>, _> = job.get();
    assert!(matches!(ended.unwrap_err().error, TaskError::Cancelled { .. }));
}

fn a_pool_whose_replacement_cannot_begin_takes_the_next_call(transport: Transport) {
    static STARTS: AtomicU32 = AtomicU32::new(0);
    let second_fails = || assert_ne!(STARTS.fetch_add(1, Ordering::Relaxed), 1);
    let pool = builder(transport, 1).max_tasks_per_worker(1).start_hook(second_fails).build().unwrap();
    assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
    // Whether this one still meets the failure or comes after it, is a matter of moments.
    let _ = pool.apply(|n: u8| n, (2,));
    assert_eq!(pool.apply(|n: u8| n, (3,)).unwrap(), 3);
}

/// The second worker never becomes ready.
fn second_hangs() {
    if current_task().is_some_and(|task| task.worker == 1) {
        forever();
    }
}

fn who_waits_for_the_workers_is_through_when_another_thread_closes_the_pool(transport: Transport) {
    let (running, gate) = (Scratch::new(), Scratch::new());
    let pool = builder(transport, 2).start_hook(second_hangs).build().unwrap();
    thread::scope(|scope| {
        // This one turns the crank, so the next one is parked.
        scope.spawn(|| pool.apply(held, (running.text(), gate.text())).unwrap());
        wait_until("it runs", || running.is_open());
        while_one_sleeps(|| assert!(!pool.wait_ready(None)), || pool.close());
        gate.open();
    });
}
