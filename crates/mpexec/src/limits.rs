//! The limit on the size of files (`ulimit -f`), as an error and not as a death.
//!
//! Whoever writes beyond it is sent a signal that kills without a word. A program that catches it gets an error from the
//! write instead, and can name the file.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once};

use signal_hook::consts::SIGXFSZ;

/// From now on a write beyond the limit on the size of files is an error of that write, in the whole process. May be called
/// again.
///
/// It is caught and not ignored, because what is ignored stays ignored in the programs that this one starts.
///
/// ```
/// mpexec::limits::report_file_size();
/// ```
pub fn report_file_size() {
    static CAUGHT: Once = Once::new();
    CAUGHT.call_once(|| {
        // Nobody needs to know that it came: the write says so. Where it cannot be caught, all is as it was.
        let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
    });
}
