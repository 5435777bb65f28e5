//! Work that survives its program: end it at any moment, by Ctrl-C or by `kill -9`, start it again, and it goes on where it was.
//!
//! `cargo run -p mpexec-runs --example survives [FOLDER]` looks for the longest Collatz sequence in each of 60 blocks of numbers. With a folder that is kept (one in the
//! temporary folder if none is named), a second start prints the same and computes nothing.

use std::path::PathBuf;

use mpexec_core::Pool;
use mpexec_runs::RunIn;

/// The number in this block whose sequence takes the most steps to reach 1, and how many that are.
fn longest_in(block: u64) -> (u64, u32) {
    let numbers = block * 20_000 + 1..(block + 1) * 20_000;
    let steps = |mut n: u64| {
        let mut steps = 0;
        while n != 1 {
            n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
            steps += 1;
        }
        steps
    };
    numbers.map(|n| (n, steps(n))).max_by_key(|(_, steps)| *steps).unwrap_or_default()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    mpexec_core::init();
    let named = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = named.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("survives-{}", std::process::id())));
    let pool = Pool::new()?;
    let mut best = (0, 0);
    // A block is a range of its own: a finished one is never computed again, and one that is cut off is.
    for (block, longest) in (0..).zip(pool.run_in(&folder).range_tasks(1).imap(longest_in, 0..60_u64)?) {
        let (number, steps) = longest?;
        println!("block {block}: {number} takes {steps} steps");
        if steps > best.1 {
            best = (number, steps);
        }
    }
    println!("of all, {} takes most: {} steps", best.0, best.1);
    if named.is_none() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}
