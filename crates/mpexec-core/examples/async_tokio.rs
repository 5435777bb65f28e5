//! A pool in an async program: calls with a time limit, and results as they finish, in tokio.
//!
//! `cargo run --example async_tokio`
//!
//! `init` stands before the runtime, so `main` is no `#[tokio::main]`: a worker never comes to the runtime. Input is encoded by the
//! call itself, on the thread that makes it; whatever waits is an `.await`. `apply`, `map`, `get` and `wait` block their
//! thread, so inside of a runtime take the `_async` forms.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use mpexec_core::{Pool, TaskError, Workers};

/// In how many steps a number comes down to 1, halved when even, tripled and one more when odd.
fn steps_to_one(start: u64) -> (u64, u32) {
    let next = |n: &u64| (*n != 1).then(|| if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 });
    (start, std::iter::successors(Some(start), next).map(|_| 1).sum::<u32>() - 1)
}

/// Never comes back.
fn stuck() -> u64 {
    loop {
        std::thread::park();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    mpexec_core::init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    runtime.block_on(program())
}

async fn program() -> Result<(), Box<dyn Error>> {
    let pool = Arc::new(Pool::builder().workers(Workers::Exact(2)).build()?);

    // One call among other futures: whatever comes first. A handle that lost its race still holds its task.
    let mut hopeless = pool.apply_async(stuck, ());
    tokio::select! {
        answer = &mut hopeless => println!("it came back with {answer:?}"),
        () = tokio::time::sleep(Duration::from_millis(50)) => {
            // Dropping it would let it run on and keep its worker busy. This kills the worker; a new one takes its place.
            hopeless.abort();
            match hopeless.await {
                Err(TaskError::Cancelled { .. }) => println!("it took too long and was stopped"),
                other => println!("it ended otherwise: {other:?}"),
            }
        }
    }

    // Results as they finish, as a stream.
    let mut calls: FuturesUnordered<_> =
        [27, 97, 871, 6171].map(|n| pool.apply_async(steps_to_one, (n,))).into_iter().collect();
    let mut most = (0, 0);
    while let Some(answer) = calls.next().await {
        let (start, steps) = answer?;
        most = most.max((steps, start));
    }
    println!("{} takes {} steps, the most of them", most.1, most.0);

    // A pool serves any number of tasks of the runtime.
    let halves = [1..5_000, 5_000..10_000].map(|range| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.map_async(steps_to_one, range).await })
    });
    let mut all = Vec::new();
    for half in halves {
        all.extend(half.await??);
    }
    let (start, steps) = all.into_iter().max_by_key(|(_, steps)| *steps).ok_or("there are none")?;
    println!("below 10000 it is {start} with {steps} steps");
    Ok(())
}
