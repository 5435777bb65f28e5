//! A large table that every worker reads and nobody copies.
//!
//! `cargo run --release --example shared_buffer`

use std::error::Error;

use mpexec_core::{Pool, Sender, Shared, Workers, channel};

/// Distances are asked for between rows of this many numbers.
const WIDTH: usize = 64;
const ROWS: usize = 50_000;

/// The row nearest to row `of`, other than itself.
fn nearest(table: Shared<f32>, of: usize) -> usize {
    let row = |n: usize| &table[n * WIDTH..(n + 1) * WIDTH];
    let distance = |n: usize| row(n).iter().zip(row(of)).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
    let others = (0..table.len() / WIDTH).filter(|n| *n != of);
    others.min_by(|a, b| distance(*a).total_cmp(&distance(*b))).unwrap_or(of)
}

/// Makes a buffer in the worker. A result cannot hold one; a message can.
fn halve(table: Shared<f32>, made: Sender<Shared<f32>>) -> Result<(), Box<dyn Error>> {
    let half = Shared::build(table.len(), |half| {
        for (half, whole) in half.iter_mut().zip(table.iter()) {
            *half = whole / 2.0;
        }
    })?;
    Ok(made.send(&half)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    mpexec_core::init();

    // Filled in place, as from a file; `Shared::from_slice` copies what is there already.
    let table = Shared::build(ROWS * WIDTH, |table: &mut [f32]| {
        let mut seed = 1u32;
        for number in table {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *number = (seed >> 8) as f32;
        }
    })?;
    println!("{} MB in shared memory", table.len() * 4 / 1_000_000);

    // Each task names the table; each worker gets it once.
    let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
    let asked = [0, 1, 2, 3, 40_000];
    let found = pool.starmap(nearest, asked.map(|row| (&table, row)))?;
    for (row, nearest) in asked.into_iter().zip(found) {
        println!("nearest to row {row} is row {nearest}");
    }

    // One that a worker makes comes back through a channel.
    let (sender, made) = channel()?;
    pool.try_starmap(halve, [(&table, sender)])?;
    let half = made.recv()?;
    println!("half of {} is {}", table[7], half[7]);
    Ok(())
}
