//! A worker program two of whose tasks have one name.

use mpexec_core::task;

#[task]
fn twice(n: u64) -> u64 {
    n * 2
}

#[task(name = "twice")]
fn two_times(n: u64) -> u64 {
    n + n
}

fn main() {
    mpexec_core::init();
    eprintln!("nothing to do but to be a worker");
}
