//! The rows of a CSV text one by one, as texts: for whoever wants cells and no counts.

use memchr::memchr_iter;

use super::row::{RowReader, line_end, ragged, row_begin};
use crate::table::RowFault;

/// Cuts texts of whole rows into rows and cells. It keeps its buffers from row to row.
///
/// ```
/// let mut records = mpexec_data::CsvRecords::new(b',');
/// records.feed(b"a,\"b,\n\"\n1\n".to_vec());
/// assert!(records.advance());
/// assert_eq!((records.line(), records.cells().collect::<Vec<_>>()), (1, vec![&b"a"[..], b"b,\n"]));
/// assert!(records.advance());
/// assert_eq!((records.line(), records.cells().count()), (3, 1));
/// assert!(!records.advance());
/// ```
#[derive(Debug)]
pub struct CsvRecords {
    row: RowReader,
    part: Vec<u8>,
    /// Where in the part the next row begins, and the last one began.
    at: usize,
    begin: usize,
    /// The lines before the last row.
    lines: u64,
    line_end: u8,
}

impl CsvRecords {
    /// For rows whose cells are separated by this.
    pub fn new(delimiter: u8) -> CsvRecords {
        CsvRecords { row: RowReader::new(delimiter, 63), part: Vec::new(), at: 0, begin: 0, lines: 0, line_end: b'\n' }
    }

    /// Takes the next part of the text, which holds whole rows. What was left of the one before is forgotten.
    pub fn feed(&mut self, part: Vec<u8>) {
        self.count_lines(self.part.len());
        self.row.reset();
        self.line_end = line_end(&part);
        (self.part, self.at, self.begin) = (part, 0, 0);
    }

    /// Goes to the next row; false behind the last one of the part.
    pub fn advance(&mut self) -> bool {
        self.count_lines(row_begin(&self.part, self.at));
        self.row.read(&self.part, &mut self.at).is_some()
    }

    fn count_lines(&mut self, to: usize) {
        self.lines += memchr_iter(self.line_end, &self.part[self.begin..to]).count() as u64;
        self.begin = to;
    }

    /// The line in which the row begins, from 1 on, of all parts.
    pub fn line(&self) -> u64 {
        self.lines + 1
    }

    /// What is wrong with the row if `fields` are wanted, and in which column.
    ///
    /// ```
    /// let mut records = mpexec_data::CsvRecords::new(b',');
    /// records.feed(b"1,2\n".to_vec());
    /// assert!(records.advance());
    /// assert_eq!(records.ragged(2), None);
    /// assert_eq!(records.ragged(3).map(|(column, _)| column), Some(3));
    /// ```
    pub fn ragged(&self, fields: usize) -> Option<(u64, RowFault)> {
        ragged(self.row.fields(), fields)
    }

    /// The cells of the row, without their quotes.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        self.row.cells()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_several_parts_are_numbered_through() {
        let mut records = CsvRecords::new(b';');
        let mut seen = Vec::new();
        for part in ["\n1;2\n\n3;\"4\n\"\n", "5;6\r\n", "7"] {
            records.feed(part.as_bytes().to_vec());
            while records.advance() {
                let cells: Vec<_> = records.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
                seen.push((records.line(), cells.join("|")));
            }
        }
        let wanted = [(2, "1|2"), (4, "3|4\n"), (6, "5|6"), (7, "7")];
        assert_eq!(seen, wanted.map(|(line, cells)| (line, cells.to_owned())));
    }

    #[test]
    fn rows_longer_than_the_buffers_are_whole() {
        let mut records = CsvRecords::new(b',');
        let long = "x".repeat(10_000);
        records.feed(format!("{long},{}\n", "y,".repeat(500)).into_bytes());
        assert!(records.advance());
        assert_eq!((records.cells().count(), records.cells().next().map(<[u8]>::len)), (502, Some(10_000)));
    }
}
