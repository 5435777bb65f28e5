//! Handles are futures, and need no runtime: here they run on two executors written by hand, one that parks its thread
//! and one that polls a queue of many tasks as their wakers ask for it.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use mpexec_core::{Pool, Transport};

use crate::common::{Scratch, pass, pool};

crate::contract!(
    a_handle_can_be_awaited_where_a_thread_parks,
    many_handles_can_be_awaited_on_a_queue_of_tasks,
    an_await_goes_on_in_whatever_waker_polled_last,
);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park_timeout(Duration::from_secs(20)),
        }
    }
}

struct Queued(usize, Sender<usize>);

impl Wake for Queued {
    fn wake(self: Arc<Self>) {
        // The queue is gone when all tasks are done.
        let _ = self.1.send(self.0);
    }
}

/// Runs all to their ends; polls a task only when its waker said so.
fn run_all<T>(mut tasks: Vec<Pin<Box<dyn Future<Output = T> + '_>>>) -> Vec<T> {
    let (wake, woken) = channel();
    let mut done: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
    (0..tasks.len()).for_each(|task| wake.send(task).unwrap());
    while done.iter().any(Option::is_none) {
        let task = woken.recv_timeout(crate::common::hangs() / 3).expect("nobody woke a task that is not done");
        if done[task].is_none() {
            let waker = Waker::from(Arc::new(Queued(task, wake.clone())));
            if let Poll::Ready(value) = tasks[task].as_mut().poll(&mut Context::from_waker(&waker)) {
                done[task] = Some(value);
            }
        }
    }
    done.into_iter().flatten().collect()
}

fn a_handle_can_be_awaited_where_a_thread_parks(transport: Transport) {
    let pool = pool(transport, 2);
    let value = block_on(async {
        let first = pool.apply_async(|n: u32| n + 1, (1,)).await.unwrap();
        let all = pool.map_async(|n: u32| n * 2, 0..first * 50).await.unwrap();
        assert!(pool.apply_async(|n: u32| 1 / n, (0,)).await.is_err());
        all.into_iter().sum::<u32>()
    });
    assert_eq!(value, 9_900);
}

async fn steps(pool: &Pool, start: u64) -> u64 {
    let mut value = start;
    for _ in 0..5 {
        value = pool.apply_async(|n: u64| n + 1, (value,)).await.unwrap();
    }
    value + pool.map_async(|n: u64| n, [start, 1]).await.unwrap().into_iter().sum::<u64>()
}

fn many_handles_can_be_awaited_on_a_queue_of_tasks(transport: Transport) {
    let pool = pool(transport, 2);
    let tasks = (0..100).map(|start| Box::pin(steps(&pool, start)) as Pin<Box<dyn Future<Output = u64>>>).collect();
    assert!(run_all(tasks).into_iter().eq((0..100).map(|start| 2 * start + 6)));
}

fn an_await_goes_on_in_whatever_waker_polled_last(transport: Transport) {
    let pool = pool(transport, 1);
    let gate = Scratch::new();
    let mut pending = pool.apply_async(|gate: String| pass(&gate), (gate.text(),));
    // First seen by one executor, which then lets go of it.
    let polled = Pin::new(&mut pending).poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    gate.open();
    block_on(pending).unwrap();
}
