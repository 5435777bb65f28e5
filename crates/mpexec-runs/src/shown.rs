//! Names and foreign words in messages: a message is one line, whatever somebody has called a file.

use std::path::Path;

/// A path, with what would not stay on its line escaped.
pub(crate) fn path(path: &Path) -> String {
    line(&path.to_string_lossy())
}

/// A text, with what would not stay on its line escaped.
pub(crate) fn line(text: &str) -> String {
    let turns = |c| matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_cannot_forge_a_second_line() {
        assert_eq!(super::line("a\nerror: b\u{202e}"), "a\\nerror: b\\u{202e}");
    }
}
