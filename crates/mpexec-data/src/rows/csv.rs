//! The rows of one part of a CSV file that begins and ends with a row.

use memchr::memchr_iter;

use super::{Cell, PartRows, RowReading};
use crate::Dialect;
use crate::csv::{RowReader, line_end, line_of, ragged};
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
        let mut fields = RowReader::new(self.delimiter, self.fields);
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
        done.lines = memchr_iter(line_end(part), part).count() as u64;
        Ok(done)
    }
}
