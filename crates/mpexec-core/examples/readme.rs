//! The twenty lines of README.md. A test holds that they are the same there and here, and that they run.

use mpexec_core::{Pool, Workers};

fn howmany_within_range(row: &[i64], minimum: i64, maximum: i64) -> usize {
    row.iter().filter(|number| (minimum..=maximum).contains(number)).count()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    mpexec_core::init(); // in a worker process this serves tasks and never returns
    let pool = Pool::builder().workers(Workers::Auto).build()?;
    let rows: Vec<Vec<i64>> = vec![vec![8, 8, 3, 7, 7], vec![0, 4, 2, 5, 2], vec![2, 2, 1, 0, 8]];

    let later = pool.apply_async(howmany_within_range, (&rows[1], 4, 8)); // returns at once
    assert_eq!(pool.apply(howmany_within_range, (&rows[0], 4, 8))?, 4);
    assert_eq!(pool.starmap(howmany_within_range, rows.iter().map(|row| (row, 4, 8)))?, [4, 2, 1]);
    assert_eq!(later.get()?, 2);

    for (index, square) in pool.imap_unordered(|number: u64| number * number, 0..1000) {
        assert_eq!(square?, index * index); // as they finish; the input may be endless
    }

    let crashed = pool.apply(|| -> u8 { std::process::abort() }, ());
    println!("{crashed:?}"); // Err(Crashed { pid: 4711, exit: Signal(6), stderr: "", .. })
    assert_eq!(pool.apply(|a: u64, b: u64| a + b, (1, 2))?, 3); // the pool goes on
    Ok(())
}
