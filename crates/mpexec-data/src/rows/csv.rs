//! The rows of one part of a CSV file that begins and ends with a row.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::memchr_iter;

use super::{Cell, PartRows, RowReading};
use crate::Dialect;
use crate::table::{BadRow, RowFault};

impl Dialect {
    /// Shows the chosen cells of each row of `part` to `visit`. `columns` are the places of the fields, from 0 on.
    ///
    /// ```
    /// use mpexec_data::{Cell, Dialect, OnBadRow, RowReading, Want};
    /// let reading = RowReading { want: Want::Anything, on_bad_row: OnBadRow::Fail };
    /// let mut rows = Vec::new();
    /// let dialect = Dialect { delimiter: b';', fields: 2 };
    /// dialect.each_row(b"4;\"a;b\"\n;5\n", &[1, 0], reading, |row| rows.push(row.to_vec())).unwrap();
    /// assert_eq!(rows[1], [Cell::Whole(5), Cell::Missing]);
    /// ```
    ///
    /// # Errors
    /// The first bad row, with its line in this part, if `reading` says that it ends the work.
    pub fn each_row(
        &self,
        part: &[u8],
        columns: &[usize],
        reading: RowReading,
        mut visit: impl FnMut(&[Cell<'static>]),
    ) -> Result<PartRows, BadRow> {
        let mut fields = Fields::new(self);
        let (mut done, mut at) = (PartRows::default(), 0);
        let mut row = Vec::with_capacity(columns.len());
        loop {
            let begin = at;
            let Some(found) = fields.read(part, &mut at) else { break };
            row.clear();
            let mut fault = ragged(found, self.fields);
            for &column in columns {
                let cell = if column < found { Cell::parse(fields.cell(column)) } else { Cell::Missing };
                if cell.is(reading.want) {
                    row.push(cell.into_owned());
                } else {
                    let wrong = RowFault::not_a_number(fields.cell(column));
                    fault = fault.or(Some((column as u64 + 1, wrong)));
                    row.push(Cell::Missing);
                }
            }
            let shown = match fault {
                None => true,
                Some((column, fault)) => {
                    let bad = BadRow { line: line_of(part, begin), column, name: None, fault };
                    done.judge(bad, reading.on_bad_row)?
                }
            };
            if shown {
                done.rows += 1;
                visit(&row);
            }
        }
        done.lines = memchr_iter(b'\n', part).count() as u64;
        Ok(done)
    }
}

/// What is wrong with a row of `has` fields.
fn ragged(has: usize, wants: usize) -> Option<(u64, RowFault)> {
    let (has, wants) = (has as u64, wants as u64);
    match has.cmp(&wants) {
        std::cmp::Ordering::Less => Some((has + 1, RowFault::TooFew { has, wants })),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some((wants + 1, RowFault::TooMany { has, wants })),
    }
}

/// The line in which a row begins; empty lines before it are not the row.
fn line_of(part: &[u8], begin: usize) -> u64 {
    let empty = part[begin..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
    1 + memchr_iter(b'\n', &part[..begin + empty]).count() as u64
}

/// One row as csv-core cuts it.
struct Fields {
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Fields {
    fn new(dialect: &Dialect) -> Fields {
        let reader = ReaderBuilder::new().delimiter(dialect.delimiter).build();
        Fields { reader, text: vec![0; 4096], ends: vec![0; dialect.fields + 1] }
    }

    /// Reads the next row from `at` on; `None` behind the last. Returns the number of its fields.
    fn read(&mut self, part: &[u8], at: &mut usize) -> Option<usize> {
        let (mut written, mut fields) = (0, 0);
        loop {
            let (result, read, wrote, ended) =
                self.reader.read_record(&part[*at..], &mut self.text[written..], &mut self.ends[fields..]);
            *at += read;
            written += wrote;
            fields += ended;
            match result {
                ReadRecordResult::Record => return Some(fields),
                ReadRecordResult::End => return None,
                // Asked again with nothing left, the reader ends the last row.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
        }
    }

    fn cell(&self, column: usize) -> &[u8] {
        let begin = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[begin..self.ends[column]]
    }
}
