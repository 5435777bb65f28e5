//! One row of CSV as csv-core cuts it, for all who read rows: counts, cells, and texts.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::{memchr, memchr_iter};

use crate::table::RowFault;

/// Cuts rows, one after the other. It keeps its buffers from row to row.
#[derive(Debug)]
pub(crate) struct RowReader {
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The fields of the last row.
    fields: usize,
}

impl RowReader {
    /// For rows of about so many fields.
    pub(crate) fn new(delimiter: u8, fields: usize) -> RowReader {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        RowReader { reader, text: vec![0; 4096], ends: vec![0; fields + 1], fields: 0 }
    }

    /// Another text begins.
    pub(crate) fn reset(&mut self) {
        self.reader.reset();
    }

    /// Reads the next row from `at` on; `None` behind the last. Returns the number of its fields.
    pub(crate) fn read(&mut self, part: &[u8], at: &mut usize) -> Option<usize> {
        let (mut written, mut fields) = (0, 0);
        loop {
            let (result, read, wrote, ended) =
                self.reader.read_record(&part[*at..], &mut self.text[written..], &mut self.ends[fields..]);
            *at += read;
            written += wrote;
            fields += ended;
            match result {
                ReadRecordResult::Record => {
                    self.fields = fields;
                    return Some(fields);
                }
                ReadRecordResult::End => {
                    self.fields = 0;
                    return None;
                }
                // Asked again with nothing left, the reader ends the last row.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
        }
    }

    /// The number of fields of the row.
    pub(crate) fn fields(&self) -> usize {
        self.fields
    }

    /// A cell of the row, without its quotes.
    #[inline]
    pub(crate) fn cell(&self, column: usize) -> &[u8] {
        let begin = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[begin..self.ends[column]]
    }

    /// All cells of the row.
    #[inline]
    pub(crate) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends[..self.fields]).map(|(begin, &end)| &self.text[begin..end])
    }
}

/// What is wrong with a row of `has` fields, and in which column.
pub(crate) fn ragged(has: usize, wants: usize) -> Option<(u64, RowFault)> {
    let (has, wants) = (has as u64, wants as u64);
    match has.cmp(&wants) {
        std::cmp::Ordering::Less => Some((has + 1, RowFault::TooFew { has, wants })),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some((wants + 1, RowFault::TooMany { has, wants })),
    }
}

/// Where a row begins that was read from `begin` on: empty lines before it are not the row.
pub(crate) fn row_begin(part: &[u8], begin: usize) -> usize {
    begin + part[begin..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count()
}

/// The line in which that is.
pub(crate) fn line_of(part: &[u8], begin: usize) -> u64 {
    1 + memchr_iter(line_end(part), &part[..row_begin(part, begin)]).count() as u64
}

/// What ends the lines of a text of whole rows: where none ends with a line feed they end with carriage returns alone.
pub(crate) fn line_end(text: &[u8]) -> u8 {
    if memchr(b'\n', text).is_some() { b'\n' } else { b'\r' }
}
