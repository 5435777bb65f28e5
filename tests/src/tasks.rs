//! A library of tasks, as a user would write one: the tests are a coordinator that uses it, and `src/bin` holds worker
//! programs, one of which uses it too.

use std::collections::BTreeMap;

use anyhow::Context;
use mpexec_core::task;
use serde::{Deserialize, Serialize};

/// A place on a plane.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Upwards.
    pub y: f64,
}

/// How many numbers of a row lie within a range.
///
/// The limits themselves lie within.
#[task]
pub fn howmany_within_range(row: Vec<i64>, minimum: i64, maximum: i64) -> usize {
    row.into_iter().filter(|n| (minimum..=maximum).contains(n)).count()
}

/// The distance of two points,
/// as the crow flies.
#[task(name = "distance")]
pub fn distance_of_points(from: Point, to: Point) -> f64 {
    (from.x - to.x).hypot(from.y - to.y)
}

/// Borrowed in the worker.
#[task]
pub fn mean(values: &[f64], unit: &str) -> String {
    format!("{} {unit}", values.iter().sum::<f64>() / values.len() as f64)
}

/// Who runs it.
#[task]
pub fn process_id() -> u32 {
    std::process::id()
}

/// The one of two that a linker could take for the other.
#[task]
pub fn add(a: u64, b: u64) -> u64 {
    a.wrapping_add(b)
}

/// The other one, of the same machine code.
#[task]
pub fn sum(a: u64, b: u64) -> u64 {
    a.wrapping_add(b)
}

/// What is wrong with a row, as a value that can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fault {
    /// Nothing in it.
    Empty,
    /// This one lies too high.
    TooHigh(f64),
}

/// The same numbers.
#[task]
pub fn same(small: i64, large: u64, huge: u128, float: f64) -> (i64, u64, u128, f64) {
    (small, large, huge, float)
}

/// The mean of a row, if there is nothing wrong with it.
#[task]
pub fn checked_mean(row: Vec<f64>, highest: Option<f64>) -> Result<f64, Fault> {
    match row.iter().find(|n| highest.is_some_and(|highest| **n > highest)) {
        Some(high) => Err(Fault::TooHigh(*high)),
        None if row.is_empty() => Err(Fault::Empty),
        None => Ok(row.iter().sum::<f64>() / row.len() as f64),
    }
}

/// Its error cannot be sent.
#[task]
pub fn parse(text: String) -> anyhow::Result<u32> {
    text.parse().with_context(|| format!("{text:?} is no number")).context("the table is damaged")
}

/// Of keys that JSON does not have.
#[task]
pub fn by_place(places: Vec<(i32, i32)>) -> BTreeMap<(i32, i32), usize> {
    places.iter().enumerate().map(|(at, place)| (*place, at)).collect()
}

/// Not every program wants its tasks called with JSON.
#[task(name = "no door", json = false)]
pub fn no_door(values: &[f64]) -> f64 {
    values.iter().sum()
}

/// Sleeps for so many milliseconds.
#[task]
pub fn rest(milliseconds: u64) -> u64 {
    std::thread::park_timeout(std::time::Duration::from_millis(milliseconds));
    milliseconds
}

/// Takes so many bytes of memory.
#[task]
pub fn fill(bytes: usize) -> usize {
    std::hint::black_box(vec![1u8; bytes]).len()
}

/// Dies at the first call with this file, and makes it.
#[task]
pub fn abort_once(file: std::path::PathBuf) -> u32 {
    if std::fs::File::create_new(file).is_ok() {
        std::process::abort();
    }
    1
}

/// Dies so often at calls with this file, and makes one more beside it each time.
#[task]
pub fn abort_often(file: std::path::PathBuf, times: u32) -> u32 {
    for time in 0..times {
        if std::fs::File::create_new(file.with_extension(time.to_string())).is_ok() {
            std::process::abort();
        }
    }
    1
}

/// Prints to both.
#[task]
pub fn shout(stdout: &str, stderr: &str) {
    println!("{stdout}");
    eprintln!("{stderr}");
}
