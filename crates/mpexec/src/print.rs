//! Standard output for results and for help: the one place that prints a text of its own.

use std::io::Write;

use anstream::{AutoStream, ColorChoice};

use crate::failure::Failure;
use crate::report::Report;
use crate::stdout::Stdout;

/// Prints a report, for a program or for a person.
///
/// # Errors
/// [`Failure::ReaderLeft`], or a [`Failure`] of files if standard output cannot be written.
pub(crate) fn report(report: &Report<'_>, json: bool) -> Result<(), Failure> {
    if json { whole(&(report.json() + "\n")) } else { text(&report.text(bar_character())) }
}

/// Prints lines for a person; colours are taken out where nobody wants them.
///
/// # Errors
/// As [`report`].
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    match AutoStream::choice(&std::io::stdout()) {
        ColorChoice::Never => whole(&anstream::adapter::strip_str(text).to_string()),
        _ => whole(text),
    }
}

/// Prints lines for a program, as they are.
///
/// # Errors
/// As [`report`].
pub(crate) fn plain(text: &str) -> Result<(), Failure> {
    whole(text)
}

/// The same with a text that somebody else has written.
///
/// # Errors
/// As [`report`].
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    Stdout::lines()?.write_all(bytes).map_err(|error| Failure::stdout(&error))
}

fn whole(text: &str) -> Result<(), Failure> {
    Stdout::lines()?.write_all(text.as_bytes()).map_err(|error| Failure::stdout(&error))
}

/// What bars are made of: a block where the terminal's character set has one.
fn bar_character() -> char {
    let settings = ["LC_ALL", "LC_CTYPE", "LANG"].map(std::env::var);
    let charset = settings.into_iter().flatten().find(|value| !value.is_empty()).unwrap_or_default();
    let charset = charset.to_ascii_lowercase();
    if charset.contains("utf-8") || charset.contains("utf8") { '█' } else { '#' }
}
