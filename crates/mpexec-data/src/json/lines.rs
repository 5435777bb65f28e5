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
            let text = trimmed(&part[begin..end]);
            if !text.is_empty() {
                return Some(Line { part, begin, text });
            }
        }
        None
    })
}

/// What may stand around a JSON text, so RFC 8259, section 2.
pub(super) fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn trimmed(line: &[u8]) -> &[u8] {
    let Some(first) = line.iter().position(|byte| !is_blank(byte)) else { return &[] };
    let last = line.iter().rposition(|byte| !is_blank(byte)).unwrap_or(first);
    &line[first..=last]
}

pub(crate) fn line_ends(part: &[u8]) -> u64 {
    memchr_iter(b'\n', part).count() as u64
}

/// What some programs write for numbers that JSON has not.
const NO_NUMBERS: [&[u8]; 4] = [b"NaN", b"nan", b"Infinity", b"inf"];

/// What is wrong with a line that is no JSON, and where.
pub(crate) fn broken(line: &[u8], error: &serde_json::Error) -> (u64, RowFault) {
    let column = error.column().max(1);
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    // A minus may stand before it.
    let near = [column - 1, column].map(|at| line.get(at..).unwrap_or_default());
    let fault = match near.iter().any(|near| NO_NUMBERS.iter().any(|none| near.starts_with(none))) {
        true => "no row of JSON, which has neither NaN nor infinities; what is missing is null".to_owned(),
        false => format!("no row of JSON: {}", one_line(text)),
    };
    (column as u64, RowFault::Broken { fault })
}

#[cfg(test)]
mod tests {
    #[test]
    fn around_a_line_may_stand_what_json_lets_stand_there_and_nothing_else() {
        let texts = |part: &'static [u8]| super::lines(part).map(|line| (line.number(), line.text)).collect::<Vec<_>>();
        assert_eq!(texts(b" \t1 \r\n\r\n \n2"), [(1, &b"1"[..]), (4, b"2")]);
        // A form feed is no blank of JSON: the row is broken, and not quietly another.
        assert_eq!(texts(b"\x0c\n1\x0b\n"), [(1, &b"\x0c"[..]), (2, b"1\x0b")]);
    }
}
