//! The worker program of the table of deaths whose panics abort. It does nothing that its library does not do: it is a
//! program of its own because it is built with `panic = "abort"`.

use mpexec_testkit::faults::early;

const _: () = assert!(cfg!(panic = "abort"), "the tests build this program, with CARGO_PROFILE_DEV_PANIC=abort");

fn main() {
    early::strike_if_told_so();
    mpexec_core::init();
    eprintln!("nothing to do but to be a worker");
}
