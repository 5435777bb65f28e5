//! Where rows begin in the stretches of a file, without reading the file from its beginning.
//!
//! Behind a line end a reader is in one of two states: outside of quotes, so a row begins there, or inside. Each stretch is
//! walked for both, by whoever holds it; then the true states follow from the first to the last by looking at the answers.
//! A quote opens a field only where a field begins, a quote inside is either doubled or closes; all other quotes are text. So
//! says csv-core, and a test holds this file to it.

use memchr::{memchr, memchr_iter, memrchr};
use serde::{Deserialize, Serialize};

const QUOTE: u8 = b'"';
const LINE_END: u8 = b'\n';

/// What one stretch does to the states it may begin in. All places are in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// If it begins outside of quotes.
    outside: Walk,
    /// If it begins inside.
    inside: Walk,
}

/// One walk through a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Walk {
    /// Where the first row begins that begins in it.
    first_row: Option<u64>,
    /// Whether it ends inside of quotes.
    ends_inside: bool,
}

/// Walks `bytes`, which begin at the place `begin` of the file, behind a line end or where the first row begins, and end behind a
/// line end or with the file.
///
/// ```
/// use mpexec_data::{row_starts, survey_csv};
/// let text = b"1,\"two\nlines\"\n3,4\n";
/// // Cut behind the first line end, which is a part of a field.
/// let stretches = [Some(survey_csv(&text[..7], 0, b',')), Some(survey_csv(&text[7..], 7, b','))];
/// assert_eq!(row_starts(0, stretches), [0, 14]);
/// ```
pub fn survey_csv(bytes: &[u8], begin: u64, delimiter: u8) -> Stretch {
    if memchr(QUOTE, bytes).is_none() {
        // Most stretches of numbers: they change nothing, so one look is enough.
        let outside = Walk { first_row: (!bytes.is_empty()).then_some(begin), ends_inside: false };
        return Stretch { outside, inside: Walk { first_row: None, ends_inside: true } };
    }
    let walk = |inside| {
        let walked = Walker { bytes, delimiter, inside, free_from: 0, first_row: (!inside).then_some(0) }.walk();
        let first_row = walked.first_row.filter(|&at| at < bytes.len()).map(|at| begin + at as u64);
        Walk { first_row, ends_inside: walked.inside }
    };
    Stretch { outside: walk(false), inside: walk(true) }
}

/// The places where the rows begin from which the file may be read in parts: at most one for each stretch. The first row begins
/// at `first`. A stretch without any line end in it is `None`: the one before it went on through it.
pub fn row_starts(first: u64, stretches: impl IntoIterator<Item = Option<Stretch>>) -> Vec<u64> {
    let mut starts = vec![first];
    let mut inside = false;
    for stretch in stretches.into_iter().flatten() {
        let walk = if inside { stretch.inside } else { stretch.outside };
        starts.extend(walk.first_row.filter(|at| starts.last().is_none_or(|last| last < at)));
        inside = walk.ends_inside;
    }
    starts
}

/// Where the last row begins in `bytes`, which begin with a row; what stands before it are whole rows. `None` if there is none but
/// the first. Behind it, a row may be unfinished.
pub(crate) fn last_row_start(bytes: &[u8], delimiter: u8) -> Option<usize> {
    let mut walker = Walker { bytes, delimiter, inside: false, free_from: 0, first_row: Some(0) };
    let mut last = None;
    // A row begins behind the last line end of each stretch outside of quotes.
    let mut seen = |from: usize, to: usize| {
        if let Some(at) = memrchr(LINE_END, &bytes[from..to]) {
            last = Some(from + at + 1);
        }
    };
    let mut quotes = memchr_iter(QUOTE, bytes);
    while let Some(at) = quotes.next() {
        if walker.inside {
            if bytes.get(at + 1) == Some(&QUOTE) {
                quotes.next();
            } else {
                walker.inside = false;
                walker.free_from = at + 1;
            }
        } else if walker.opens(at) {
            seen(walker.free_from, at);
            walker.inside = true;
        }
    }
    if !walker.inside {
        seen(walker.free_from, bytes.len());
    }
    last.filter(|&at| at > 0)
}

struct Walker<'a> {
    bytes: &'a [u8],
    delimiter: u8,
    inside: bool,
    /// Where it last came out of quotes.
    free_from: usize,
    first_row: Option<usize>,
}

impl Walker<'_> {
    fn walk(mut self) -> Self {
        let mut quotes = memchr_iter(QUOTE, self.bytes);
        while let Some(at) = quotes.next() {
            if self.inside {
                if self.bytes.get(at + 1) == Some(&QUOTE) {
                    quotes.next();
                } else {
                    self.inside = false;
                    self.free_from = at + 1;
                }
            } else if self.opens(at) {
                self.look_for_row(at);
                self.inside = true;
            }
        }
        if !self.inside {
            self.look_for_row(self.bytes.len());
        }
        self
    }

    /// Whether a field begins at this quote.
    fn opens(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map(|before| self.bytes[before]);
        before.is_none_or(|byte| byte == self.delimiter || byte == LINE_END || byte == b'\r')
    }

    /// From where it came out of quotes up to `to`, a line end ends a row.
    fn look_for_row(&mut self, to: usize) {
        if self.first_row.is_none() {
            let end = memchr(LINE_END, &self.bytes[self.free_from..to]);
            self.first_row = end.map(|end| self.free_from + end + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_begins_behind_the_last_line_end_outside_of_quotes() {
        for (text, at) in [
            ("1,2\n3", Some(4)),
            ("1,2\n3\n", Some(6)),
            ("1,2", None),
            ("1,\"\n", None),
            ("1\n2,\"\n\"\"\n", Some(2)),
            ("1,\"\n\"\n2\"\n", Some(9)),
            ("1\n\"a\"\"\n\"\n3", Some(9)),
        ] {
            assert_eq!(last_row_start(text.as_bytes(), b','), at, "{text:?}");
        }
    }
}
