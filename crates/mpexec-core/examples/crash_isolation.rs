//! A C library that runs into bad memory, a parser that aborts: the task is told what happened to it, and the program
//! goes on.
//!
//! `cargo run --example crash_isolation`. It checks itself.

#![expect(unsafe_code, reason = "a binding to C that is broken, to be survived")]

use std::ffi::{CStr, c_char};

use mpexec_core::{Exit, Output, Pool, TaskError, Workers};

// SAFETY: this is how the C library declares it.
unsafe extern "C" {
    /// Of the C library: counts bytes until the first zero, wherever that is.
    #[link_name = "strlen"]
    fn length_as_c_counts(text: *const c_char) -> usize;
}

/// A binding as one meets them: fine as long as the C library gets what it expects, which nobody checks.
fn c_length(text: Vec<u8>) -> usize {
    let pointer = match CStr::from_bytes_until_nul(&text) {
        Ok(text) => text.as_ptr(),
        // The bug: no text, no check, and C follows the pointer to where there is nothing.
        Err(_) => std::ptr::null(),
    };
    // The compiler knows what `strlen` may be given, and would make use of it.
    let pointer = std::hint::black_box(pointer);
    // SAFETY: there is none, and that is what the example is about. Whatever this does, it does to its own process.
    unsafe { length_as_c_counts(pointer) }
}

/// A parser of which one would not swear that it never fails.
fn parse(text: String) -> usize {
    match text.as_str() {
        "bad" => panic!("no number in {text:?}"),
        "worse" => std::process::abort(),
        "worst" => std::process::exit(42),
        good => good.len(),
    }
}

/// A parser that goes as deep as its input does, and nobody has said how deep that may be.
fn depth(text: &[u8]) -> usize {
    match text {
        [b'(', inner @ ..] => 1 + std::hint::black_box(depth(inner)),
        _ => 0,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    mpexec_core::init();
    let pool = Pool::builder().workers(Workers::Exact(2)).stderr(Output::Keep).build()?;

    // The C library takes its process along, and nothing else: the neighbours have their answers.
    let texts = [b"four\0".to_vec(), b"no end".to_vec(), b"seven..\0".to_vec()];
    let outcomes = pool.map_outcomes(c_length, &texts);
    assert!(
        matches!(outcomes[..], [Ok(4), Err(TaskError::Crashed { exit: Exit::Signal(11), .. }), Ok(7)]),
        "{outcomes:?}"
    );
    if let Err(TaskError::Crashed { exit, backtrace: Some(backtrace), .. }) = &outcomes[1] {
        println!("the C library {exit}");
        println!("{backtrace}");
    }

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

    // A stack that overflows ends its process as well; the standard library says so on standard error before it aborts.
    let deep = |levels: usize| depth(&vec![b'('; levels]);
    assert_eq!(pool.apply(deep, (1_000,))?, 1_000);
    let Err(TaskError::Crashed { exit: Exit::Signal(6), stderr, backtrace: Some(backtrace), .. }) =
        pool.apply(deep, (10_000_000,))
    else {
        panic!("it had an endless stack")
    };
    assert!(stderr.contains("has overflowed its stack") && backtrace.to_string().contains("crash_isolation::depth"));

    // There is no broken pool: new workers have taken the places of the dead.
    assert_eq!(pool.apply(parse, (String::from("still here"),))?, 10);
    println!("{} answers, {} failures, and the pool still works", lengths.len(), failures.len());
    Ok(())
}
