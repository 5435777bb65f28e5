//! A progress bar over work that finishes in any order.
//!
//! `cargo run --example progress_bar`
//!
//! `imap_unordered` brings results as they finish, each with the index of its item, so the bar moves with the work and
//! not with the slowest. Workers print through this process ([`Output::Forward`] is what they do if nothing is said), so their
//! lines may cross the bar; here they are kept back.

use indicatif::{ProgressBar, ProgressStyle};
use mpexec_core::{Output, Pool, Workers};

/// The largest prime factor; some numbers take a thousand times as long as others.
fn largest_factor(number: u64) -> u64 {
    let (mut left, mut factor, mut largest) = (number, 2, 1);
    while factor * factor <= left {
        if left.is_multiple_of(factor) {
            (left, largest) = (left / factor, factor);
        } else {
            factor += 1;
        }
    }
    largest.max(left)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    mpexec_core::init();
    let pool = Pool::builder().workers(Workers::Auto).stderr(Output::Keep).build()?;

    let numbers: Vec<u64> = (1..=3_000).map(|n| n * 1_000_003).collect();
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} numbers, {eta} left")?;
    // On standard error, and only where that is a terminal.
    let bar = ProgressBar::new(numbers.len() as u64).with_style(style);

    let mut factors = vec![0; numbers.len()];
    for (index, factor) in pool.imap_unordered(largest_factor, &numbers) {
        factors[usize::try_from(index)?] = factor?;
        bar.inc(1);
    }
    bar.finish_and_clear();

    println!("{} numbers, the largest factor of the first is {}", factors.len(), factors[0]);
    assert!(numbers.iter().zip(&factors).all(|(number, factor)| number.is_multiple_of(*factor)));
    Ok(())
}
