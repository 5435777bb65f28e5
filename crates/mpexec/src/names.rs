//! Names of files in messages. A message is one line, so a name that holds a line end, a control character or a mark that
//! turns the direction of text must not get through as it is: whoever named the file could forge a second message.

use std::path::Path;

/// A path as it is shown to people: what would not stay on its line is escaped.
///
/// ```
/// assert_eq!(mpexec::names::shown("Zählung 1.npy"), "Zählung 1.npy");
/// assert_eq!(mpexec::names::shown("a\nerror: b"), "a\\nerror: b");
/// ```
pub fn shown(path: impl AsRef<Path>) -> String {
    one_line(&path.as_ref().to_string_lossy())
}

/// A text of somebody else's as a part of a message: what would not stay on its line is escaped.
///
/// ```
/// assert_eq!(mpexec::names::one_line("no such file\nerror: b\n"), "no such file\\nerror: b\\n");
/// ```
pub fn one_line(text: &str) -> String {
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
