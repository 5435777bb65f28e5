//! Counts the rows of one part of a CSV file that begins and ends with a row.

use memchr::memchr_iter;

use super::plain::Plain;
use super::row::{RowReader, line_end, line_of, ragged};
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
    row: RowReader,
    plain: Option<Plain>,
    columns: Vec<usize>,
    fields: usize,
    /// Whether `columns` are all, in order.
    all: bool,
    bounds: CellBounds,
}

impl CsvCounter {
    /// For rows of this dialect; `columns` are the places of the fields that count, from 0 on.
    pub fn new(dialect: &Dialect, columns: Vec<usize>, bounds: CellBounds) -> CsvCounter {
        let row = RowReader::new(dialect.delimiter, dialect.fields);
        let all = columns.iter().copied().eq(0..dialect.fields);
        let plain = Plain::new(dialect.delimiter, dialect.fields, &columns, bounds);
        CsvCounter { row, plain, columns, fields: dialect.fields, all, bounds }
    }

    /// Counts `part`, which holds whole rows. The counts are `kept`, or only summed up.
    ///
    /// # Errors
    /// The first row that cannot be counted, with its line in this part, if `on_bad_row` says that the count ends with it.
    pub fn count(&mut self, part: &[u8], on_bad_row: OnBadRow, kept: bool) -> Result<PartCounts, BadRow> {
        let mut counts = RowCounts::new(self.columns.len() as u64, kept);
        self.row.reset();
        let (mut at, mut lines, line_end) = (0, 0, line_end(part));
        loop {
            if let Some(plain) = &self.plain {
                let (from, passed) = plain.count(part, at, &mut counts);
                (at, lines) = (from, lines + passed);
            }
            let begin = at;
            let read = self.row.read(part, &mut at);
            lines += memchr_iter(line_end, &part[begin..at]).count() as u64;
            let Some(fields) = read else { break };
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
        done.lines = lines;
        Ok(done)
    }

    /// The numbers in range of the row just read; `None` if a cell is no number.
    #[inline]
    fn count_row(&self) -> Option<u64> {
        let mut count = 0;
        if self.all {
            for cell in self.row.cells() {
                count += u64::from(self.bounds.holds(cell)?);
            }
        } else {
            for &column in &self.columns {
                count += u64::from(self.bounds.holds(self.row.cell(column))?);
            }
        }
        Some(count)
    }

    /// The same for a row of which some cells are no numbers or are not there.
    fn count_good_cells(&self, fields: usize) -> u64 {
        let there = self.columns.iter().filter(|&&column| column < fields);
        there.map(|&column| u64::from(self.bounds.holds(self.row.cell(column)) == Some(true))).sum()
    }

    /// What is wrong with the row just read, of which reading began at `begin`.
    #[cold]
    fn tell(&self, part: &[u8], begin: usize, fields: usize) -> BadRow {
        let (column, fault) = ragged(fields, self.fields).unwrap_or_else(|| {
            let bad = |&&column: &&usize| self.bounds.holds(self.row.cell(column)).is_none();
            // The row was found to have one.
            let column = self.columns.iter().find(bad).copied().unwrap_or_default();
            (column as u64 + 1, RowFault::not_a_number(self.row.cell(column)))
        });
        BadRow { line: line_of(part, begin), column, name: None, fault }
    }
}
