//! A worker program: functions with `#[task]`, and a `main` that calls `init`. `mpexec map` calls them by name.
//!
//! The [page](../README.md) beside it goes from `cargo new` to the first results.

use mpexec_core::task;

/// How many numbers of a row lie within a range, whose ends lie within.
#[task]
fn howmany_within_range(row: Vec<i64>, minimum: i64, maximum: i64) -> usize {
    row.into_iter().filter(|number| (minimum..=maximum).contains(number)).count()
}

/// The words of a text.
#[task]
fn word_count(text: &str) -> usize {
    text.split_whitespace().count()
}

/// What so many of an item cost. An `Err` is a failure of this call alone, and so is a panic or a crash.
#[task]
fn price(item: &str, number: u32) -> Result<f64, String> {
    let each = match item {
        "apple" => 0.25,
        "pear" => 0.5,
        other => return Err(format!("{other:?} is not sold here")),
    };
    Ok(each * f64::from(number))
}

fn main() {
    // Started by mpexec, this serves tasks and never returns.
    mpexec_core::init();
    eprintln!("own-worker: try mpexec tasks --worker-program own-worker");
}
