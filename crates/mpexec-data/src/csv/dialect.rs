//! How a CSV file is written, guessed from its beginning: what separates the fields, and whether the first row is titles.

use std::ops::ControlFlow;

use csv_core::{ReadRecordResult, ReaderBuilder};
use serde::{Deserialize, Serialize};

use super::row::line_end;
use crate::table::is_number_or_missing;

/// What tells the fields of a row apart, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    /// What stands between two fields.
    pub delimiter: u8,
    /// The fields of each row.
    pub fields: usize,
}

/// A CSV file as its beginning shows it.
///
/// ```
/// use mpexec_data::CsvTable;
/// let table = CsvTable::guess(b"year;price\n2024;7\n2025;8\n", true, None, None)?;
/// assert_eq!((table.dialect.delimiter, table.names.as_slice()), (b';', ["year", "price"].map(String::from).as_slice()));
/// assert_eq!((table.data_offset, table.first_line), (11, 2));
/// # Ok::<(), mpexec_data::DialectError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvTable {
    /// How it is written.
    pub dialect: Dialect,
    /// The titles of the columns; none if the first row is data.
    pub names: Vec<String>,
    /// Where the data begins.
    pub data_offset: u64,
    /// The line in which the data begins, from 1 on.
    pub first_line: u64,
}

/// Why the beginning of a file does not show how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialectError {
    /// The first row is longer than what was shown; more of the file is wanted.
    #[error("its first row does not end")]
    Unfinished,
    /// There is no row at all.
    #[error("has no rows")]
    NoRows,
}

/// What may separate fields, the likelier first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// So many rows decide which it is.
const ROWS: usize = 32;

const MARK: &[u8] = b"\xef\xbb\xbf";

impl CsvTable {
    /// Looks at `start`, the beginning of a file, or all of it if it is `whole`. What is known is given.
    ///
    /// The delimiter is the one of comma, tab, semicolon and bar that cuts the most rows into the same number of fields. The first
    /// row is titles if one of its cells is no number and stands above a number, or if none of its cells is a number.
    ///
    /// # Errors
    /// A [`DialectError`].
    pub fn guess(
        start: &[u8],
        whole: bool,
        delimiter: Option<u8>,
        header: Option<bool>,
    ) -> Result<CsvTable, DialectError> {
        let mark = if start.starts_with(MARK) { MARK.len() } else { 0 };
        let text = &start[mark..];
        let delimiter = delimiter.unwrap_or_else(|| delimiter_of(text, whole));
        let rows = rows(text, whole, delimiter, 2);
        let first = match rows.first() {
            Some(row) => row,
            None if whole => return Err(DialectError::NoRows),
            None => return Err(DialectError::Unfinished),
        };
        let titles = header.unwrap_or_else(|| is_header(&first.cells, rows.get(1).map(|row| row.cells.as_slice())));
        let end = if titles { first.end } else { 0 };
        let names = first.cells.iter().filter(|_| titles);
        let names = names.map(|cell| String::from_utf8_lossy(cell.trim_ascii()).into_owned()).collect();
        let line_ends = memchr::memchr_iter(line_end(text), &text[..end]).count();
        Ok(CsvTable {
            dialect: Dialect { delimiter, fields: first.cells.len() },
            names,
            data_offset: (mark + end) as u64,
            first_line: 1 + line_ends as u64,
        })
    }
}

struct Row {
    cells: Vec<Vec<u8>>,
    /// Where reading stood behind it.
    end: usize,
}

fn is_header(first: &[Vec<u8>], second: Option<&[Vec<u8>]>) -> bool {
    let above = second.into_iter().flat_map(|second| first.iter().zip(second));
    let mut above = above.map(|(title, cell)| !is_number_or_missing(title) && is_number_or_missing(cell));
    let filled = || first.iter().filter(|cell| !cell.is_empty());
    let words = filled().next().is_some() && !filled().any(|cell| is_number_or_missing(cell));
    words || above.any(|titled| titled)
}

/// The delimiter by which most rows have as many fields as the first, and of several the one with the most fields.
fn delimiter_of(text: &[u8], whole: bool) -> u8 {
    let score = |&delimiter: &u8| {
        let rows = rows(text, whole, delimiter, ROWS);
        let fields = rows.first().map_or(0, |row| row.cells.len());
        let alike = rows.iter().filter(|row| row.cells.len() == fields).count();
        // A quote that is left is one within a field: something else than a field was cut.
        let clean = !rows.iter().any(|row| row.cells.iter().any(|cell| cell.contains(&b'"')));
        // Where nothing is cut, nothing is shown.
        if fields < 2 { (0, false, 0) } else { (alike * ROWS / rows.len().max(1), clean, fields) }
    };
    // The last of several that are alike is taken, so the likeliest comes last.
    DELIMITERS.iter().rev().copied().max_by_key(score).unwrap_or(b',')
}

/// The first rows of `text`, at most `most`. If it is not whole, the last row may be cut and is left out.
fn rows(text: &[u8], whole: bool, delimiter: u8, most: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let _ = each_row(text, whole, delimiter, |row| {
        rows.push(row);
        if rows.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    rows
}

fn each_row(text: &[u8], whole: bool, delimiter: u8, mut visit: impl FnMut(Row) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    // No field is longer than the text.
    let (mut fields, mut ends) = (vec![0; text.len() + 1], vec![0; text.len() + 2]);
    let mut at = 0;
    loop {
        let (mut written, mut ended) = (0, 0);
        loop {
            let rest = &text[at..];
            let (result, read, wrote, more) = reader.read_record(rest, &mut fields[written..], &mut ends[ended..]);
            at += read;
            written += wrote;
            ended += more;
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::InputEmpty if whole => {}
                _ => return ControlFlow::Continue(()),
            }
        }
        let starts = [0].into_iter().chain(ends[..ended].iter().copied());
        let cells = starts.zip(&ends[..ended]).map(|(start, &end)| fields[start..end].to_vec()).collect();
        visit(Row { cells, end: at })?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(text: &str) -> CsvTable {
        CsvTable::guess(text.as_bytes(), true, None, None).unwrap()
    }

    #[test]
    fn the_delimiter_is_what_cuts_rows_alike() {
        let delimiters = [
            ("1,2\n3,4\n", b','),
            ("1\t2\n3\t4\n", b'\t'),
            ("1;2\n3;4\n", b';'),
            ("1|2\n3|4\n", b'|'),
            ("1\n2\n", b','),
            ("a,b\tc\n1,1\t2,5\n3\t4\n", b'\t'),
            ("\"a;b\",\"c;d\"\n\"1;\",2\n", b','),
            ("x;\"1,2,3\"\n1;\"4,5,6\"\n", b';'),
        ];
        for (text, delimiter) in delimiters {
            assert_eq!(guess(text).dialect.delimiter as char, delimiter as char, "{text:?}");
        }
    }

    #[test]
    fn titles_are_what_stands_above_numbers_and_is_none() {
        let titled = ["a,b\n1,2\n", "id,2019,2020\n7,1,2\n", "name,city\nbob,rome\n", "a,b\n", "x\n1\n", "a,b\n,\n"];
        for text in titled {
            assert_eq!(guess(text).first_line, 2, "{text:?}");
        }
        let untitled = ["1,2\n3,4\n", "1,abc\n2,def\n", "1,2", "NA,1\n2,3\n", ",\n1,2\n", "1,x\n"];
        for text in untitled {
            let table = guess(text);
            assert_eq!((table.data_offset, table.names.len()), (0, 0), "{text:?}");
        }
    }

    #[test]
    fn a_mark_before_the_first_byte_and_titles_over_two_lines_are_no_data() {
        let table = guess("\u{feff}\"a\nb\",c\n1,2\n");
        assert_eq!((table.data_offset, table.first_line, table.dialect.fields), (11, 3, 2));
        assert_eq!(table.names, ["a\nb", "c"]);
        assert_eq!(guess("\u{feff}1,2\n").data_offset, 3);
    }

    #[test]
    fn a_beginning_that_shows_no_whole_row_asks_for_more() {
        let shown = |text: &str, whole| CsvTable::guess(text.as_bytes(), whole, None, None).map(drop);
        assert_eq!(shown("1,2", false), Err(DialectError::Unfinished));
        assert_eq!(shown("\"1,2\n", false), Err(DialectError::Unfinished));
        assert_eq!(shown("\n\n", true), Err(DialectError::NoRows));
        assert_eq!(shown("1,2", true), Ok(()));
    }
}
