//! Handles on results to come: waiting with and without a limit, asking, callbacks. What ends, ends once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mpexec_core::{TaskError, Transport};

use crate::common::{Scratch, pass, pool, wait_until};

crate::contract!(
    waiting_with_a_limit_gives_up_and_leaves_the_task_alone,
    a_handle_on_many_tasks_waits_with_a_limit_too,
    a_handle_tells_how_it_ended_without_giving_the_value_away,
    exactly_one_callback_runs_once,
    a_callback_added_after_the_end_runs_too,
    a_callback_that_panics_stops_nothing,
    a_callback_may_submit_more_work,
    results_are_ready_without_anybody_waiting,
    a_dropped_handle_detaches_its_task,
    a_handle_moves_to_another_thread,
);

const SHORT: Duration = Duration::from_millis(5);

fn waiting_with_a_limit_gives_up_and_leaves_the_task_alone(transport: Transport) {
    let pool = pool(transport, 1);
    let gate = Scratch::new();
    let task = |gate: String| {
        pass(&gate);
        7u8
    };
    let mut pending = pool.apply_async(task, (gate.text(),));
    assert!(!pending.is_ready());
    assert_eq!(pending.is_successful(), None);
    assert!(!pending.wait_timeout(SHORT));
    let (pending, timed_out) = pending.get_timeout(SHORT).unwrap_err();
    assert_eq!(timed_out.0, SHORT);
    gate.open();
    pending.wait();
    assert!(pending.is_ready());
    assert!(pending.wait_timeout(Duration::ZERO));
    assert_eq!(pending.get_timeout(Duration::ZERO).unwrap().unwrap(), 7);
}

fn a_handle_on_many_tasks_waits_with_a_limit_too(transport: Transport) {
    let pool = pool(transport, 2);
    let gate = Scratch::new();
    let task = |n: u32, gate: String| {
        if n == 50 {
            pass(&gate);
        }
        n
    };
    let pending = pool.starmap_async(task, (0..100).map(|n| (n, gate.text())));
    assert!(!pending.is_ready());
    let (pending, _) = pending.get_timeout(SHORT).unwrap_err();
    gate.open();
    assert!(pending.get().unwrap().into_iter().eq(0..100));
}

fn a_handle_tells_how_it_ended_without_giving_the_value_away(transport: Transport) {
    let pool = pool(transport, 1);
    let mut good = pool.apply_async(|n: u8| n, (1,));
    let mut bad = pool.apply_async(|n: u8| 1 / n, (0,));
    let mut many = pool.map_async(|n: u8| 1 / n, [1, 0]);
    good.wait();
    bad.wait();
    many.wait();
    assert_eq!(
        (good.is_successful(), bad.is_successful(), many.is_successful()),
        (Some(true), Some(false), Some(false))
    );
    assert_eq!(good.get().unwrap(), 1);
    assert!(matches!(bad.get(), Err(TaskError::Panicked { .. })));
    assert_eq!(many.get().unwrap_err().index, 1);
}

fn exactly_one_callback_runs_once(transport: Transport) {
    let pool = pool(transport, 2);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let told = |what: &'static str| {
        let calls = calls.clone();
        move |value: String| calls.lock().unwrap().push((what, value))
    };
    let divide = |n: u32| 100 / n;
    let watch = |n: u32| {
        let (success, error) = (told("success"), told("error"));
        pool.apply_async(divide, (n,))
            .on_success(move |value| success(value.to_string()))
            .on_error(move |failed| error(matches!(failed, TaskError::Panicked { .. }).to_string()))
    };
    let (good, bad) = (watch(5), watch(0));
    let (success, error) = (told("all"), told("none"));
    let all = pool
        .map_async(divide, [1, 2])
        .on_success(move |all| success(format!("{all:?}")))
        .on_error(move |failed| error(failed.index.to_string()));
    // An owner in a hurry does not take the values from under the callbacks.
    assert_eq!(good.get().unwrap(), 20);
    assert!(bad.get().is_err());
    assert_eq!(all.get().unwrap(), [100, 50]);
    pool.close();
    pool.join().unwrap();
    let mut calls = calls.lock().unwrap().clone();
    calls.sort();
    let wanted = [("all", "[100, 50]"), ("error", "true"), ("success", "20")];
    assert_eq!(calls, wanted.map(|(what, value)| (what, value.to_owned())));
}

fn a_callback_added_after_the_end_runs_too(transport: Transport) {
    let pool = pool(transport, 1);
    let pending = pool.apply_async(|n: u8| n, (3,));
    pending.wait();
    let (tell, told) = channel();
    let kept = pending.on_success(move |value| tell.send(*value).unwrap());
    assert_eq!(told.recv().unwrap(), 3);
    assert_eq!(kept.get().unwrap(), 3);
    assert!(told.recv().is_err(), "once, and never again");
}

fn a_callback_that_panics_stops_nothing(transport: Transport) {
    let pool = pool(transport, 1);
    let (tell, told) = channel();
    let first = pool.apply_async(|n: u8| n, (1,)).on_success(|_| panic!("a callback that panics on purpose"));
    let second = pool.apply_async(|n: u8| n, (2,)).on_success(move |value| tell.send(*value).unwrap());
    assert_eq!(told.recv().unwrap(), 2);
    assert_eq!((first.get().unwrap(), second.get().unwrap()), (1, 2));
    assert_eq!(pool.apply(|n: u8| n, (3,)).unwrap(), 3);
}

fn a_callback_may_submit_more_work(transport: Transport) {
    let pool = Arc::new(pool(transport, 1));
    let (tell, told) = channel();
    let inner = pool.clone();
    let outer = pool.apply_async(|n: u32| n + 1, (1,)).on_success(move |value| {
        let waited_for = inner.apply(|n: u32| n * 10, (*value,)).unwrap();
        tell.send(waited_for).unwrap();
    });
    assert_eq!(told.recv().unwrap(), 20);
    assert_eq!(outer.get().unwrap(), 2);
}

fn results_are_ready_without_anybody_waiting(transport: Transport) {
    let pool = pool(transport, 2);
    let calls: Vec<_> = (0..100u32).map(|n| pool.apply_async(|n: u32| n, (n,))).collect();
    let job = pool.map_async(|n: u32| n, 0..1_000u32);
    wait_until("all calls are ready", || calls.iter().all(mpexec_core::Pending::is_ready));
    wait_until("the job is ready", || job.is_ready());
    let count = Arc::new(AtomicU32::new(0));
    for _ in 0..100 {
        let count = count.clone();
        drop(pool.apply_async(|n: u32| n, (1,)).on_success(move |value| {
            count.fetch_add(*value, Ordering::Relaxed);
        }));
    }
    wait_until("all callbacks have run", || count.load(Ordering::Relaxed) == 100);
}

fn a_dropped_handle_detaches_its_task(transport: Transport) {
    let pool = pool(transport, 1);
    let done: Vec<Scratch> = (0..3).map(|_| Scratch::new()).collect();
    drop(pool.apply_async(|path: String| crate::common::open(&path), (done[0].text(),)));
    drop(pool.map_async(|path: String| crate::common::open(&path), done[1..].iter().map(Scratch::text)));
    wait_until("what nobody waits for is done all the same", || done.iter().all(Scratch::is_open));
}

fn a_handle_moves_to_another_thread(transport: Transport) {
    let pool = pool(transport, 2);
    let pending: Vec<_> = (0..10u32).map(|n| pool.apply_async(|n: u32| n, (n,))).collect();
    let thread = std::thread::spawn(move || pending.into_iter().map(|pending| pending.get().unwrap()).sum::<u32>());
    assert_eq!(thread.join().unwrap(), 45);
}
