//! The lines of a JSON text, for all who read rows of it: counts, cells, and values.

use memchr::{memchr, memchr_iter};

use crate::one_line::one_line;
use crate::table::RowFault;

/// One line that holds something.
pub(crate) struct Line<'a> {
    part: &'a [u8],
    begin: usize,
    /// Without spaces around it.
    pub(crate) text: &'a [u8],
}

impl Line<'_> {
    /// Its number in the part, from 1 on.
    pub(crate) fn number(&self) -> u64 {
        1 + line_ends(&self.part[..self.begin])
    }
}

/// The lines of a part. Empty ones are no rows.
pub(crate) fn lines(part: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < part.len() {
            let begin = at;
            let end = memchr(b'\n', &part[at..]).map_or(part.len(), |end| at + end);
            at = end + 1;
            let text = part[begin..end].trim_ascii();
            if !text.is_empty() {
                return Some(Line { part, begin, text });
            }
        }
        None
    })
}

pub(crate) fn line_ends(part: &[u8]) -> u64 {
    memchr_iter(b'\n', part).count() as u64
}

/// What is wrong with a line that is no JSON, and where.
pub(crate) fn broken(error: &serde_json::Error) -> (u64, RowFault) {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    ((error.column() as u64).max(1), RowFault::Broken { fault: format!("no row of JSON: {}", one_line(text)) })
}
