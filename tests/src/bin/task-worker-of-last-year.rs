//! A worker program whose tasks have the names of the tests' library, but not its types.

use mpexec_core::task;
use serde::Deserialize;

/// A point before its fields were renamed: the same bytes, another meaning.
#[derive(Deserialize)]
struct Point {
    y: f64,
    x: f64,
}

#[task]
fn distance(from: Point, to: Point) -> f64 {
    (from.x - to.x).hypot(from.y - to.y)
}

#[task]
fn process_id() -> u64 {
    u64::from(std::process::id())
}

/// Another function than the library's, of the same types.
#[task]
fn sum(a: u64, b: u64) -> u64 {
    a * 1000 + b
}

fn main() {
    mpexec_core::init();
    eprintln!("nothing to do but to be a worker");
}
