//! Handles that are dropped, and handles of what has failed: on links whose workers are processes that die.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mpexec_core::{TaskError, Transport, context};

use crate::common::{Scratch, builder, forever, open, pass, pool, wait_until};

crate::process_contract!(
    a_dropped_handle_leaves_every_task_to_run,
    every_dropped_handle_with_a_callback_tells_its_own_error,
    a_dropped_handle_leaves_every_task_to_run_when_a_worker_dies,
    a_handle_that_has_failed_says_so_in_every_way,
    every_task_of_a_terminated_pool_is_told_of_once,
);

/// How many of the tasks have left their file.
fn ran(marks: &[Scratch]) -> usize {
    marks.iter().filter(|mark| mark.is_open()).count()
}

fn every_dropped_handle_with_a_callback_tells_its_own_error(transport: Transport) {
    let pool = pool(transport, 2);
    let (tell, told) = std::sync::mpsc::channel();
    for n in 0..20u32 {
        let tell = tell.clone();
        let fails = |n: u32| -> u32 { panic!("this is number {n}") };
        drop(pool.apply_async(fails, (n,)).on_error(move |error| tell.send((n, error.to_string())).unwrap()));
    }
    drop(tell);
    pool.close();
    pool.join().unwrap();
    let mut all: Vec<_> = told.into_iter().collect();
    all.sort();
    assert_eq!(all.len(), 20, "each is told once");
    assert!(
        (0..).zip(&all).all(|(n, (of, text))| *of == n && text.ends_with(&format!("this is number {n}"))),
        "{all:?}"
    );
}

fn a_dropped_handle_leaves_every_task_to_run(transport: Transport) {
    let (pool, gate) = (pool(transport, 2), Scratch::new());
    let marks: Vec<_> = (0..200).map(|_| Scratch::new()).collect();
    // One worker is stuck in the first task: what lies behind it there is taken back.
    let work = |gate: String, mark: String| {
        pass(&gate);
        crate::common::open(&mark);
    };
    let open = Scratch::new();
    open.open();
    let gates = std::iter::once(gate.text()).chain(std::iter::repeat(open.text()));
    drop(pool.starmap_async(work, gates.zip(marks.iter().map(Scratch::text))));
    wait_until("all but the held one ran", || ran(&marks) == 199);
    gate.open();
    wait_until("all ran", || ran(&marks) == 200);
}

fn a_dropped_handle_leaves_every_task_to_run_when_a_worker_dies(transport: Transport) {
    let pool = pool(transport, 2);
    let marks: Vec<_> = (0..200).map(|_| Scratch::new()).collect();
    let work = |dies: bool, mark: String| if dies { std::process::abort() } else { crate::common::open(&mark) };
    drop(pool.starmap_async(work, marks.iter().enumerate().map(|(n, mark)| (n == 50, mark.text()))));
    wait_until("all but the culprit ran", || ran(&marks) == 199);
}

fn a_handle_that_has_failed_says_so_in_every_way(transport: Transport) {
    let (pool, gate) = (pool(transport, 2), Scratch::new());
    let work = |gate: String| if gate.is_empty() { std::process::abort() } else { pass(&gate) };
    let (tell, told) = channel();
    let mut job = pool.map_async(work, [String::new(), gate.text()]);
    job.wait();
    assert_eq!(job.is_successful(), Some(false));
    assert!(job.is_ready() && job.wait_timeout(Duration::ZERO));
    let mut job = job.on_error(move |failed| tell.send(failed.index).unwrap());
    assert_eq!(told.recv().unwrap(), 0);
    assert!(job.is_ready());
    let woken = Waker::noop();
    let mut polled = Poll::Pending;
    wait_until("the future is ready", || {
        polled = Pin::new(&mut job).poll(&mut Context::from_waker(woken));
        polled.is_ready()
    });
    assert!(matches!(polled, Poll::Ready(Err(failed)) if failed.index == 0));
    gate.open();
}

fn every_task_of_a_terminated_pool_is_told_of_once(transport: Transport) {
    let second_runs = Scratch::new();
    let pool = builder(transport, 2).context(&second_runs.text()).unwrap().build().unwrap();
    let work = |n: u64| {
        match n {
            0 => pass(context::<String>()),
            1 => {
                open(context::<String>());
                forever();
            }
            _ => forever(),
        }
        n
    };
    let mut as_they_come = pool.imap_unordered(work, 0..100);
    assert_eq!(as_they_come.next().map(|(index, value)| (index, value.unwrap())), Some((0, 0)));
    pool.terminate();
    let mut indices = Vec::new();
    for (index, outcome) in as_they_come {
        assert!(matches!(outcome, Err(TaskError::Cancelled { .. })), "{index}: {outcome:?}");
        indices.push(index);
    }
    indices.sort_unstable();
    // What was never pulled is told of as one, the next.
    assert!(indices.iter().copied().eq(1..=indices.len() as u64), "{indices:?}");
    assert!(!indices.is_empty());
}
