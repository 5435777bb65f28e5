//! Names of files in messages. A message is one line, so a name that holds a line end, a control character or a mark that
//! turns the direction of text must not get through as it is: whoever named the file could forge a second message.

use std::path::Path;

pub use mpexec_data::one_line;

/// A path as it is shown to people: what would not stay on its line is escaped.
///
/// ```
/// assert_eq!(mpexec::names::shown("Zählung 1.npy"), "Zählung 1.npy");
/// assert_eq!(mpexec::names::shown("a\nerror: b"), "a\\nerror: b");
/// ```
pub fn shown(path: impl AsRef<Path>) -> String {
    one_line(&path.as_ref().to_string_lossy())
}
