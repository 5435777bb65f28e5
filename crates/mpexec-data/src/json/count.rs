//! Counts the rows of one part of a JSON text that begins and ends with a line.

use serde::de::DeserializeSeed;

use super::lines::{broken, line_ends, lines};
use super::row::{Cell, Row};
use crate::table::{BadRow, OnBadRow, PartCounts, RowCounts, RowFault};
use crate::{CellBounds, JsonTable};

/// Counts rows of JSON within one pair of bounds. A column that a row does not name is missing in it.
///
/// ```
/// use mpexec_data::{CellBounds, JsonCounter, JsonTable, OnBadRow};
/// let text = b"{\"a\":4,\"b\":9}\n{\"b\":5.5}\n";
/// let table = JsonTable::guess(text, true)?;
/// let mut counter = JsonCounter::new(table, vec![0, 1], CellBounds::parse("4", "8")?);
/// assert_eq!(counter.count(text, OnBadRow::Fail, true).unwrap().counts, [1, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonCounter {
    table: JsonTable,
    columns: Vec<usize>,
    places: Vec<Option<usize>>,
    all: bool,
    bounds: CellBounds,
    cells: Vec<Cell>,
}

impl JsonCounter {
    /// For rows like these; `columns` are the places of the columns that count, from 0 on.
    pub fn new(table: JsonTable, columns: Vec<usize>, bounds: CellBounds) -> JsonCounter {
        let mut places = vec![None; table.fields];
        for (place, &column) in columns.iter().enumerate() {
            places[column] = Some(place);
        }
        let all = places.iter().all(Option::is_some);
        let cells = vec![Ok(false); columns.len()];
        JsonCounter { table, columns, places, all, bounds, cells }
    }

    /// Counts `part`, which holds whole lines. The counts are `kept`, or only summed up. Empty lines are no rows.
    ///
    /// # Errors
    /// The first row that cannot be counted, with its line in this part, if `on_bad_row` says that the count ends with it.
    pub fn count(&mut self, part: &[u8], on_bad_row: OnBadRow, kept: bool) -> Result<PartCounts, BadRow> {
        let mut counts = RowCounts::new(self.columns.len() as u64, kept);
        for line in lines(part) {
            if let Some((column, fault)) = self.read(line.text) {
                let bad = BadRow { line: line.number(), column, name: None, fault };
                match on_bad_row {
                    OnBadRow::Fail => return Err(bad),
                    OnBadRow::Skip => {
                        counts.bad(|| bad);
                        continue;
                    }
                    OnBadRow::Null => counts.bad(|| bad),
                }
            }
            counts.push(self.cells.iter().filter(|cell| **cell == Ok(true)).count() as u64);
        }
        let mut done = counts.finish();
        done.lines = line_ends(part);
        Ok(done)
    }

    /// Reads one row into the cells. Returns what is wrong with it, and in which column.
    fn read(&mut self, line: &[u8]) -> Option<(u64, RowFault)> {
        self.cells.fill(Ok(false));
        let JsonCounter { table, places, all, bounds, cells, .. } = self;
        let mut reader = serde_json::Deserializer::from_slice(line);
        let row = Row { table, places, all: *all, bounds, cells };
        let odd = row.deserialize(&mut reader).and_then(|odd| reader.end().map(|()| odd));
        match odd {
            Err(error) => {
                // Nothing of a row that is no JSON can be trusted.
                self.cells.fill(Ok(false));
                Some(broken(line, &error))
            }
            Ok(Some((column, fault))) => Some((column as u64 + 1, fault)),
            Ok(None) => {
                let bad = self.cells.iter().zip(&self.columns).find_map(|(cell, &column)| {
                    cell.as_ref().err().map(|found| (column, RowFault::not_a_number(found.as_bytes())))
                });
                bad.map(|(column, fault)| (column as u64 + 1, fault))
            }
        }
    }
}
