//! A test that cannot be run here says so where everybody sees it.

use std::io::Write;

/// Says that the running test, or a part of it, is not run here, and why. Not by a macro: what these print is kept for a test that fails.
pub fn skipped(why: impl std::fmt::Display) {
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    // Should nobody read it, there is nobody to tell.
    let _ = std::io::stderr().write_all(format!("skipped: {test}: {why}\n").as_bytes());
}
