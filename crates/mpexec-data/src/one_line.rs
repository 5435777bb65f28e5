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

/// Escapes control characters and what turns the direction of text; leaves everything else as it is.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}
