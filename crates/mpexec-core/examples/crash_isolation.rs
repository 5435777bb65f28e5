//! A task may panic, abort, exit or run into a null pointer: it is told what happened to it, and the program goes on.
//!
//! Run it with `cargo run -p mpexec-core --example crash_isolation`. It checks itself.

use mpexec_core::{Exit, Pool, TaskError, WorkerStderr, Workers};

/// A parser of which one would not swear that it never fails.
fn parse(text: String) -> usize {
    match text.as_str() {
        "bad" => panic!("no number in {text:?}"),
        "worse" => std::process::abort(),
        "worst" => std::process::exit(42),
        good => good.len(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    mpexec_core::init();
    let pool = Pool::builder().workers(Workers::Exact(2)).stderr(WorkerStderr::Keep).build()?;

    // One iterator, an outcome for each item: what fails takes nothing else along.
    let texts = ["one", "bad", "three", "worse", "four", "worst", "six"].map(String::from);
    let mut lengths = Vec::new();
    let mut failures = Vec::new();
    for (text, outcome) in texts.iter().zip(pool.imap(parse, &texts)) {
        match outcome {
            Ok(length) => lengths.push(length),
            Err(error) => {
                println!("{text}: {error}");
                failures.push(error);
            }
        }
    }
    assert_eq!(lengths, [3, 5, 4, 3]);

    // A panic is caught in the worker, which lives on; a death names the process and how it ended.
    assert!(matches!(&failures[0], TaskError::Panicked { message, .. } if message.contains("no number")));
    assert!(matches!(failures[1], TaskError::Crashed { exit: Exit::Signal(6), .. }));
    assert!(matches!(failures[2], TaskError::Crashed { exit: Exit::Code(42), .. }));

    // There is no broken pool: new workers have taken the places of the dead.
    assert_eq!(pool.apply(parse, (String::from("still here"),))?, 10);
    println!("{} answers, {} failures, and the pool still works", lengths.len(), failures.len());
    Ok(())
}
