//! Rows without quotes, cut and counted in one walk: most rows of numbers are such, and this is several times as fast as
//! cutting first and reading then.
//!
//! What is not as plain as that (quotes, lone carriage returns, cells that are no numbers, rows with too many or too few fields,
//! the end of the text) is left to the reader of all rows, which then says what is wrong if something is.

use super::keys::{Long, Short};
use super::marks::{BLOCK, marks};
use crate::CellBounds;
use crate::kernel::with_all_instructions;
use crate::table::RowCounts;

/// Counts plain rows.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    delimiter: u8,
    fields: Vec<Field>,
    bounds: CellBounds,
    short: Short,
    long: Long,
}

/// A field of each row.
#[derive(Clone, Copy, Debug)]
struct Field {
    /// What stands behind it: the delimiter, or a line feed.
    end: u8,
    /// Whether it counts.
    counts: bool,
}

/// Where a walk is.
#[derive(Clone, Copy)]
struct Walk {
    /// Where the row began.
    row: usize,
    /// Where the cell began.
    cell: usize,
    /// Which field that is.
    field: usize,
    /// The numbers in range before it.
    count: u64,
    /// The line feeds before the row.
    lines: u64,
}

impl Walk {
    fn row(begin: usize, lines: u64) -> Walk {
        Walk { row: begin, cell: begin, field: 0, count: 0, lines }
    }
}

/// What is where a cell should end, but not as it should.
enum Odd {
    /// The line feed behind a carriage return.
    Nothing,
    /// An empty line, which is no row, or the carriage return of one.
    Empty,
    /// A row ends with a carriage return and a line feed.
    LineEnd,
    /// The row is not plain.
    NotPlain,
}

impl Plain {
    /// For rows of so many fields, of which these count; `None` if the delimiter is what numbers or line ends are made of.
    pub(super) fn new(delimiter: u8, fields: usize, columns: &[usize], bounds: CellBounds) -> Option<Plain> {
        if fields == 0 || delimiter.is_ascii_digit() || matches!(delimiter, b'.' | b'-' | b'+' | b'"' | b'\r' | b'\n') {
            return None;
        }
        let mut all = vec![Field { end: delimiter, counts: false }; fields];
        columns.iter().for_each(|&column| all[column].counts = true);
        all.last_mut()?.end = b'\n';
        Some(Plain { delimiter, fields: all, bounds, short: Short::new(&bounds), long: Long::new(&bounds) })
    }

    /// Counts the rows from `at` on, where one begins, as long as they are plain; returns where the first begins that is not, or
    /// does not end in `text`, and how many line feeds are before it.
    pub(super) fn count(&self, text: &[u8], at: usize, counts: &mut RowCounts) -> (usize, u64) {
        with_all_instructions(Plain::rows, (self, text, at, counts))
    }

    #[inline(always)]
    fn rows((plain, text, at, counts): (&Plain, &[u8], usize, &mut RowCounts)) -> (usize, u64) {
        let mut walk = Walk::row(at, 0);
        let bytes = [plain.delimiter, b'\n', b'\r', b'"'];
        let (blocks, rest) = text[at..].as_chunks();
        let mut begin = at;
        for block in blocks {
            if !plain.walk(&mut walk, text, begin, marks(block, bytes), counts) {
                return (walk.row, walk.lines);
            }
            begin += BLOCK;
        }
        let mut block = [0; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        // The zeros behind the text are no delimiters.
        let inside = (1 << rest.len()) - 1;
        plain.walk(&mut walk, text, begin, marks(&block, bytes) & inside, counts);
        (walk.row, walk.lines)
    }

    /// Goes on to the last of the marks, which are those of the block that begins at `begin`; false if the row is not plain.
    #[inline(always)]
    fn walk(&self, walk: &mut Walk, text: &[u8], begin: usize, mut marks: u64, counts: &mut RowCounts) -> bool {
        while marks != 0 {
            let end = begin + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            let (field, mut next) = (self.fields[walk.field], end + 1);
            if text[end] != field.end || end < walk.cell {
                match self.odd(*walk, text, end) {
                    Odd::Nothing => continue,
                    Odd::Empty => {
                        *walk = Walk::row(next, walk.lines + u64::from(text[end] == b'\n'));
                        continue;
                    }
                    Odd::LineEnd => next += 1,
                    Odd::NotPlain => return false,
                }
            }
            if field.counts {
                match self.cell(text, walk.cell, end) {
                    Some(held) => walk.count += u64::from(held),
                    None => return false,
                }
            }
            walk.cell = next;
            walk.field += 1;
            if walk.field == self.fields.len() {
                // An empty line is no row, also where rows have one field.
                if end > walk.row {
                    counts.push(walk.count);
                }
                *walk = Walk::row(next, walk.lines + 1);
            }
        }
        true
    }

    /// What is at `end`, where something else should end the cell.
    #[cold]
    fn odd(&self, walk: Walk, text: &[u8], end: usize) -> Odd {
        match text[end] {
            b'\n' if end < walk.cell => Odd::Nothing,
            b'\n' | b'\r' if end == walk.row => Odd::Empty,
            b'\r' if self.fields[walk.field].end == b'\n' && text.get(end + 1) == Some(&b'\n') => Odd::LineEnd,
            _ => Odd::NotPlain,
        }
    }

    /// Whether the number in this cell is in range; `None` if it is no number.
    #[inline(always)]
    fn cell(&self, text: &[u8], begin: usize, end: usize) -> Option<bool> {
        let from = &text[begin..];
        let length = end - begin;
        if let (1..=8, Some(word)) = (length, from.first_chunk())
            && let Some(held) = self.short.holds(*word, length)
        {
            return Some(held);
        }
        self.other(text, begin, end)
    }

    /// The same for a cell that is longer, written otherwise, or at the end of the text. By itself, so that cells that are not so are
    /// held in registers.
    #[inline(never)]
    fn other(&self, text: &[u8], begin: usize, end: usize) -> Option<bool> {
        let (from, length) = (&text[begin..], end - begin);
        let held = match length {
            9..=16 => from.first_chunk().and_then(|word| self.long.holds(*word, length)),
            _ => None,
        };
        held.or_else(|| self.bounds.holds(&from[..length]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_number_are_rows_whatever_ends_them_and_however_they_lie_in_blocks() {
        for end in ["\n", "\r\n", "\n\n", "\r\n\r\n", "\n\r\n"] {
            for before in 0..2 * BLOCK {
                let text = "0".repeat(before + 1) + end + &format!("5{end}9{end}").repeat(BLOCK);
                let plain = Plain::new(b',', 1, &[0], CellBounds::parse("4", "8").unwrap()).unwrap();
                // As compiled for this processor, and for every one.
                for count in [Plain::count, |plain: &Plain, text: &[u8], at, counts: &mut RowCounts| {
                    Plain::rows((plain, text, at, counts))
                }] {
                    let mut counts = RowCounts::new(1, false);
                    let lines = text.matches('\n').count() as u64;
                    assert_eq!(count(&plain, text.as_bytes(), 0, &mut counts), (text.len(), lines), "{end:?}");
                    let summary = counts.finish().summary;
                    assert_eq!((summary.rows, summary.total), (1 + 2 * BLOCK as u64, BLOCK as u64), "{end:?}");
                }
            }
        }
    }

    #[test]
    fn a_row_that_is_not_plain_is_where_it_ends() {
        let plain = Plain::new(b';', 2, &[1], CellBounds::parse("4", "8").unwrap()).unwrap();
        for odd in ["1;\"5\"\n", "\"1\";5\n", "1;x\n", "1\n", "1;2;3\n", "1;2\r3\n", "1;5", "1;5\r", "a;b"] {
            let text = format!("a\u{e9};5\n;4\r\n\n{odd}");
            let mut counts = RowCounts::new(1, false);
            let begin = (text.len() - odd.len(), 3);
            assert_eq!(plain.count(text.as_bytes(), 0, &mut counts), begin, "{odd:?}");
            assert_eq!(counts.finish().summary.total, 2, "{odd:?}");
        }
    }
}
