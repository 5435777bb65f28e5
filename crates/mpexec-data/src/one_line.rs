//! Foreign names and texts in messages: a message is one line, whatever its author put into a name.

use std::fmt;
use std::path::Path;

/// Prints a path on one line, whatever control characters its author put into it.
pub(crate) struct Named<'a>(pub(crate) &'a Path);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&one_line(&self.0.to_string_lossy()), f)
    }
}

/// A text of somebody else's as a part of a message: control characters and what turns the direction of text are escaped, everything else
/// stays as it is. Whoever named a file could forge a second message otherwise.
///
/// ```
/// assert_eq!(mpexec_data::one_line("no such file\nerror: \u{202e}"), "no such file\\nerror: \\u{202e}");
/// assert_eq!(mpexec_data::one_line("Zählung 1.npy"), "Zählung 1.npy");
/// ```
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}
