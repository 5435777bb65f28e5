//! The rows of a CSV text one by one, as texts: for whoever wants cells and no counts.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::memchr_iter;

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
    reader: Reader,
    part: Vec<u8>,
    /// Where in the part the next row begins, and the last one began.
    at: usize,
    begin: usize,
    /// The lines before the last row.
    lines: u64,
    text: Vec<u8>,
    ends: Vec<usize>,
    fields: usize,
}

impl CsvRecords {
    /// For rows whose cells are separated by this.
    pub fn new(delimiter: u8) -> CsvRecords {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        let (text, ends) = (vec![0; 4096], vec![0; 64]);
        CsvRecords { reader, part: Vec::new(), at: 0, begin: 0, lines: 0, text, ends, fields: 0 }
    }

    /// Takes the next part of the text, which holds whole rows. What was left of the one before is forgotten.
    pub fn feed(&mut self, part: Vec<u8>) {
        self.count_lines(self.part.len());
        self.reader.reset();
        (self.part, self.at, self.begin) = (part, 0, 0);
    }

    /// Goes to the next row; false behind the last one of the part.
    pub fn advance(&mut self) -> bool {
        // Empty lines before the row are not the row.
        let empty = self.part[self.at..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        self.count_lines(self.at + empty);
        let (mut written, mut fields) = (0, 0);
        loop {
            let (result, read, wrote, ended) =
                self.reader.read_record(&self.part[self.at..], &mut self.text[written..], &mut self.ends[fields..]);
            self.at += read;
            written += wrote;
            fields += ended;
            match result {
                ReadRecordResult::Record => {
                    self.fields = fields;
                    return true;
                }
                ReadRecordResult::End => {
                    self.fields = 0;
                    return false;
                }
                // Asked again with nothing left, the reader ends the last row.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
        }
    }

    fn count_lines(&mut self, to: usize) {
        self.lines += memchr_iter(b'\n', &self.part[self.begin..to]).count() as u64;
        self.begin = to;
    }

    /// The line in which the row begins, from 1 on, of all parts.
    pub fn line(&self) -> u64 {
        self.lines + 1
    }

    /// The cells of the row, without their quotes.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends[..self.fields]).map(|(begin, &end)| &self.text[begin..end])
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
