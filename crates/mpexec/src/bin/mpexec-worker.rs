//! The worker program for arrays: their tasks, and nothing of the command line or of other formats.
//!
//! It is a program of its own because a worker is started many times, and a small one starts faster. Where tables are counted, which
//! takes longer, `mpexec` is its own worker. Everything it does happens inside `init()`; what follows is only reached by a person
//! who typed its name.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = mpexec::register_arrays() {
        eprintln!("mpexec-worker: {error}");
        return ExitCode::FAILURE;
    }
    mpexec_core::init();
    eprintln!(
        "mpexec-worker: this is the worker program of mpexec; mpexec starts it by itself, as often as it needs workers, \
         and it does nothing when called by hand. Try: mpexec --help"
    );
    ExitCode::from(2)
}
