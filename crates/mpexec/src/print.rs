//! Standard output for results: the one place that prints a summary.

use std::io::Write;

use crate::failure::Failure;
use crate::report::Report;

/// Prints a report, for a program or for a person.
///
/// # Errors
/// [`Failure::ReaderLeft`], or a [`Failure`] of files if standard output cannot be written.
pub(crate) fn report(report: &Report<'_>, json: bool) -> Result<(), Failure> {
    if json {
        let line = report.json() + "\n";
        whole(&mut std::io::stdout().lock(), &line)
    } else {
        text(&report.text(bar_character()))
    }
}

/// Prints lines for a person; colours are taken out where nobody wants them.
///
/// # Errors
/// As [`report`].
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    whole(&mut anstream::stdout().lock(), text)
}

fn whole(out: &mut impl Write, text: &str) -> Result<(), Failure> {
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::stdout(&error))
}

/// What bars are made of: a block where the terminal's character set has one.
fn bar_character() -> char {
    let settings = ["LC_ALL", "LC_CTYPE", "LANG"].map(std::env::var);
    let charset = settings.into_iter().flatten().find(|value| !value.is_empty()).unwrap_or_default();
    let charset = charset.to_ascii_lowercase();
    if charset.contains("utf-8") || charset.contains("utf8") { '█' } else { '#' }
}
