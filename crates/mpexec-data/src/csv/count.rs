//! Counts the rows of one part of a CSV file that begins and ends with a row.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::{memchr, memchr_iter};

use super::plain::Plain;
use crate::table::{BadRow, OnBadRow, PartCounts, RowCounts, RowFault};
use crate::{CellBounds, Dialect};

/// Counts rows of text within one pair of bounds. It keeps its buffers from part to part.
///
/// ```
/// use mpexec_data::{CellBounds, CsvCounter, CsvTable, Dialect, OnBadRow};
/// let dialect = Dialect { delimiter: b',', fields: 2 };
/// let mut counter = CsvCounter::new(&dialect, vec![0, 1], CellBounds::parse("4", "8")?);
/// let part = counter.count(b"4,5\n\"9\",8\n", OnBadRow::Fail, true).unwrap();
/// assert_eq!(part.counts, [2, 1]);
/// let bad = counter.count(b"4,5\n9,x\n", OnBadRow::Fail, true).unwrap_err();
/// assert_eq!((bad.line, bad.column), (2, 2));
/// # Ok::<(), mpexec_data::BoundsError>(())
/// ```
#[derive(Debug)]
pub struct CsvCounter {
    reader: Reader,
    plain: Option<Plain>,
    columns: Vec<usize>,
    fields: usize,
    /// Whether `columns` are all, in order.
    all: bool,
    bounds: CellBounds,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl CsvCounter {
    /// For rows of this dialect; `columns` are the places of the fields that count, from 0 on.
    pub fn new(dialect: &Dialect, columns: Vec<usize>, bounds: CellBounds) -> CsvCounter {
        let reader = ReaderBuilder::new().delimiter(dialect.delimiter).build();
        let all = columns.iter().copied().eq(0..dialect.fields);
        let ends = vec![0; dialect.fields + 1];
        let plain = Plain::new(dialect.delimiter, dialect.fields, &columns);
        CsvCounter { reader, plain, columns, fields: dialect.fields, all, bounds, text: vec![0; 4096], ends }
    }

    /// Counts `part`, which holds whole rows. The counts are `kept`, or only summed up.
    ///
    /// # Errors
    /// The first row that cannot be counted, with its line in this part, if `on_bad_row` says that the count ends with it.
    pub fn count(&mut self, part: &[u8], on_bad_row: OnBadRow, kept: bool) -> Result<PartCounts, BadRow> {
        let mut counts = RowCounts::new(self.columns.len() as u64, kept);
        self.reader.reset();
        let (mut at, mut quote) = (0, 0);
        loop {
            at = self.count_plain(part, at, &mut quote, &mut counts);
            let begin = at;
            let Some(fields) = self.read(part, &mut at) else { break };
            let count = if fields == self.fields { self.count_row() } else { None };
            match count {
                Some(count) => counts.push(count),
                None => {
                    let told = |counter: &CsvCounter| counter.tell(part, begin, fields);
                    match on_bad_row {
                        OnBadRow::Fail => return Err(told(self)),
                        OnBadRow::Skip => counts.bad(|| told(self)),
                        OnBadRow::Null => {
                            counts.bad(|| told(self));
                            counts.push(self.count_good_cells(fields));
                        }
                    }
                }
            }
        }
        let mut done = counts.finish();
        done.lines = memchr_iter(b'\n', part).count() as u64;
        Ok(done)
    }

    /// Counts plain rows from `at` on, and returns where the first begins that is not plain, or the text ends. `quote` is where the
    /// next quote was, if it is not passed yet.
    fn count_plain(&self, part: &[u8], mut at: usize, quote: &mut usize, counts: &mut RowCounts) -> usize {
        let Some(plain) = &self.plain else { return at };
        if *quote <= at {
            *quote = memchr(b'"', &part[at..]).map_or(part.len(), |quote| at + quote);
        }
        let text = &part[..*quote];
        while let Some((count, next)) = plain.count(text, at, &self.bounds) {
            counts.push(count);
            at = next;
        }
        at
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

    /// The numbers in range of the row just read; `None` if a cell is no number.
    #[inline]
    fn count_row(&self) -> Option<u64> {
        let mut count = 0;
        if self.all {
            let mut begin = 0;
            for &end in &self.ends[..self.fields] {
                count += u64::from(self.bounds.holds(&self.text[begin..end])?);
                begin = end;
            }
        } else {
            for &column in &self.columns {
                count += u64::from(self.bounds.holds(self.cell(column))?);
            }
        }
        Some(count)
    }

    /// The same for a row of which some cells are no numbers or are not there.
    fn count_good_cells(&self, fields: usize) -> u64 {
        let there = self.columns.iter().filter(|&&column| column < fields);
        there.map(|&column| u64::from(self.bounds.holds(self.cell(column)) == Some(true))).sum()
    }

    fn cell(&self, column: usize) -> &[u8] {
        let begin = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[begin..self.ends[column]]
    }

    /// What is wrong with the row just read, of which reading began at `begin`.
    #[cold]
    fn tell(&self, part: &[u8], begin: usize, fields: usize) -> BadRow {
        // Empty lines before the row are not the row.
        let empty = part[begin..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        let line = 1 + memchr_iter(b'\n', &part[..begin + empty]).count() as u64;
        let (has, wants) = (fields as u64, self.fields as u64);
        let (column, fault) = if fields < self.fields {
            (has + 1, RowFault::TooFew { has, wants })
        } else if fields > self.fields {
            (wants + 1, RowFault::TooMany { has, wants })
        } else {
            let bad = |&&column: &&usize| self.bounds.holds(self.cell(column)).is_none();
            // The row was found to have one.
            let column = self.columns.iter().find(bad).copied().unwrap_or_default();
            (column as u64 + 1, RowFault::not_a_number(self.cell(column)))
        };
        BadRow { line, column, name: None, fault }
    }
}
