//! A worker program that is built apart and knows the tests' library of tasks.

use mpexec_tests as _;

fn main() {
    mpexec_core::init();
    eprintln!("nothing to do but to be a worker");
}
