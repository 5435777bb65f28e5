//! A library of tasks, as a user would write one: the tests are a coordinator that uses it, and `src/bin` holds worker
//! programs, one of which uses it too.

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
