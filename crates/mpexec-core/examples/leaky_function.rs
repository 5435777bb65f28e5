//! A function that leaks, and cannot be mended: its worker is thrown away now and then, and the leak with it.
//!
//! `cargo run --example leaky_function`

use std::collections::BTreeSet;

use mpexec_core::{Pool, Workers};

/// Keeps a mebibyte for ever, as a library with a cache that nobody empties; the process that did it.
fn leak(_call: u32) -> u32 {
    let lost = vec![1u8; 1 << 20].leak();
    // Or the compiler leaves it out.
    std::hint::black_box(lost);
    std::process::id()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    mpexec_core::init();

    // By number: whoever has run ten tasks makes room for a fresh process. Results are neither lost nor held up.
    let pool = Pool::builder().workers(Workers::Exact(1)).max_tasks_per_worker(10).build()?;
    let processes: BTreeSet<u32> = pool.map(leak, 0..40)?.into_iter().collect();
    println!("by number: 40 calls in {} processes, none of which kept more than 10 MiB", processes.len());

    // By memory: whoever is found to have more than 64 MiB is replaced when it has done its task. While there is work it
    // is looked at fifty times a second, so this is for what grows slowly; it is no wall.
    let pool = Pool::builder().workers(Workers::Exact(1)).max_worker_memory(64 << 20).build()?;
    let mut first = None;
    let mut calls = 0;
    for process in pool.imap(leak, 0..2_000) {
        let process = process?;
        if *first.get_or_insert(process) != process {
            break;
        }
        calls += 1;
    }
    println!("by memory: a fresh process came after {calls} calls");
    assert!(processes.len() == 4 && (32..2_000).contains(&calls), "{} {calls}", processes.len());
    Ok(())
}
