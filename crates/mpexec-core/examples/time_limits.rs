//! Tasks that may hang or take too long: limits for each task, tries and waits between them, and an end to it all.
//!
//! `cargo run --example time_limits`

use std::process::Command;
use std::time::{Duration, Instant};

use mpexec_core::{Output, Pool, TaskError, Workers, current_task};

/// For some numbers it never ends, as a solver that does not converge.
fn solve(number: u64) -> u64 {
    if number % 10 == 7 {
        loop {
            std::hint::spin_loop();
        }
    }
    number * number
}

/// Waits for a program that it has started, and which does not come back.
fn call_a_program() -> Option<i32> {
    Command::new("sleep").arg("3600").status().ok()?.code()
}

/// Keeps what it has, and takes more.
fn hoard() {
    let mut all = Vec::new();
    loop {
        all.push(vec![1u8; 1 << 20]);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Its process dies at the first two attempts, as those do that the kernel kills for their memory.
fn unlucky() -> u32 {
    let attempt = current_task().map_or(1, |task| task.attempt);
    if attempt < 3 {
        std::process::abort();
    }
    attempt
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    mpexec_core::init();
    let pool = Pool::builder().workers(Workers::Exact(2)).stderr(Output::Keep).build()?;

    // The clock of each task starts when the task does. Who overruns is killed from outside, whatever it does; its
    // neighbours keep their results, and nobody waits longer than the limit for one of them.
    let limited = pool.call().time_limit(Duration::from_millis(200));
    let outcomes = limited.map_outcomes(solve, 0..20);
    for (number, outcome) in outcomes.iter().enumerate() {
        if let Err(TaskError::TimedOut { limit, .. }) = outcome {
            println!("{number}: not done within {limit:?}");
        }
    }
    println!("{} of {} done", outcomes.iter().filter(|outcome| outcome.is_ok()).count(), outcomes.len());

    // What a task has started goes with it.
    let begin = Instant::now();
    match limited.apply(call_a_program, ()) {
        Err(TaskError::TimedOut { .. }) => println!("the program was stopped with the task that waited for it"),
        other => return Err(format!("it came back: {other:?}").into()),
    }
    assert!(begin.elapsed() < Duration::from_secs(60));

    // Who only waits uses no processor time; who computes does, on all its threads together.
    let computing = pool.call().cpu_limit(Duration::from_millis(200));
    if let Err(TaskError::CpuTimeExceeded { limit, .. }) = computing.apply(solve, (7,)) {
        println!("7: not done with {limit:?} of processor time");
    }

    // A worker that may have 100 MiB: its task is refused more, and the others do not notice.
    let small = Pool::builder().workers(Workers::Exact(1)).memory_limit(100 << 20).stderr(Output::Keep).build()?;
    let outcomes =
        small.map_outcomes(|mib: usize| std::hint::black_box(vec![1u8; mib << 20]).len() >> 20, [1, 1000, 2]);
    for (mib, outcome) in [1, 1000, 2].into_iter().zip(outcomes) {
        match outcome {
            Ok(got) => println!("{got} MiB: there they are"),
            Err(error @ TaskError::OutOfMemory { .. }) => assert!(error.to_string().contains("104857600 bytes")),
            Err(error) => return Err(format!("{mib} MiB: {error}").into()),
        }
    }

    // A call may have a limit of its own, below that of the pool or without one. It is looked at, so it may be passed for a moment.
    let modest = pool.call().memory_limit(64 << 20);
    if let Err(error) = modest.apply(hoard, ()) {
        println!("the hoard was found: {}", matches!(error, TaskError::OutOfMemory { .. }));
    }

    // A task is not tried again unless that is asked for; then with longer and longer waits in between.
    let stubborn = pool.call().attempts(5).retry_delay(Duration::from_millis(10));
    println!("it came through at attempt {}", stubborn.apply(unlucky, ())?);

    // Where much fails, the rest is not worth the time: the job ends after so many failures.
    let fails = |number: u64| assert!(number == 0, "{number} is not 0");
    let outcomes = pool.call().chunk_size(1).max_failures(3).map_outcomes(fails, 0..10_000);
    let cancelled = outcomes.iter().filter(|outcome| matches!(outcome, Err(TaskError::Cancelled { .. }))).count();
    println!("given up: {} of {} were not run", if cancelled > 9_000 { "most" } else { "few" }, outcomes.len());

    // A wait has a limit of its own: it leaves the task alone and gives the handle back.
    let endless = pool.apply_async(solve, (7,));
    match endless.get_timeout(Duration::from_millis(50)) {
        Err((handle, timed_out)) => {
            println!("{timed_out}, unless it is stopped");
            handle.abort();
        }
        Ok(outcome) => return Err(format!("it came back: {outcome:?}").into()),
    }
    Ok(())
}
