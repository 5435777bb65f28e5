//! The rows of one part of a JSON text, which holds whole lines.

use memchr::{memchr, memchr_iter};
use serde_json::{Map, Value};

use super::{Cell, PartRows, RowReading, Want};
use crate::JsonTable;
use crate::one_line::one_line;
use crate::table::{BadRow, RowFault};

impl JsonTable {
    /// Shows the chosen cells of each row of `part` to `visit`. `columns` are the places of the columns, from 0 on. A key that is
    /// not in a row is missing, and one that is not in the first row is looked over.
    ///
    /// ```
    /// use mpexec_data::{Cell, JsonTable, OnBadRow, RowReading, Want};
    /// let text = b"{\"a\":1,\"b\":2.5}\n{\"b\":7}\n";
    /// let reading = RowReading { want: Want::Numbers, on_bad_row: OnBadRow::Fail };
    /// let mut rows = Vec::new();
    /// JsonTable::guess(text, true)?.each_row(text, &[0, 1], reading, |row| rows.push(row.to_vec())).unwrap();
    /// assert_eq!(rows, [[Cell::Whole(1), Cell::Float(2.5)], [Cell::Missing, Cell::Whole(7)]]);
    /// # Ok::<(), mpexec_data::DialectError>(())
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
        let (mut done, mut begin) = (PartRows::default(), 0);
        let mut row = Vec::with_capacity(columns.len());
        while begin < part.len() {
            let end = memchr(b'\n', &part[begin..]).map_or(part.len(), |end| begin + end);
            let line = part[begin..end].trim_ascii();
            if !line.is_empty() {
                row.clear();
                let fault = self.cells(line, columns, reading.want, &mut row);
                let shown = match fault {
                    None => true,
                    Some((column, fault)) => {
                        let number = 1 + memchr_iter(b'\n', &part[..begin]).count() as u64;
                        done.judge(BadRow { line: number, column, name: None, fault }, reading.on_bad_row)?
                    }
                };
                if shown {
                    done.rows += 1;
                    visit(&row);
                }
            }
            begin = end + 1;
        }
        done.lines = memchr_iter(b'\n', part).count() as u64;
        Ok(done)
    }

    /// Puts the cells of one row into `row`, and says what is wrong with it.
    fn cells(
        &self,
        line: &[u8],
        columns: &[usize],
        want: Want,
        row: &mut Vec<Cell<'static>>,
    ) -> Option<(u64, RowFault)> {
        let broken = |column: usize, fault: String| Some((column.max(1) as u64, RowFault::Broken { fault }));
        let value: Value = match serde_json::from_slice(line) {
            Ok(value) => value,
            Err(error) => {
                let text = error.to_string();
                let text = text.split(" at line ").next().unwrap_or_default();
                row.resize(columns.len(), Cell::Missing);
                return broken(error.column(), format!("no row of JSON: {}", one_line(text)));
            }
        };
        let mut fault = None;
        let found = match (&value, self.names.is_empty()) {
            (Value::Object(object), false) => Found::Object(object),
            (Value::Array(values), true) => {
                let (has, wants) = (values.len() as u64, self.fields as u64);
                if has < wants {
                    fault = Some((has + 1, RowFault::TooFew { has, wants }));
                } else if has > wants {
                    fault = Some((wants + 1, RowFault::TooMany { has, wants }));
                }
                Found::Array(values)
            }
            (Value::Object(_) | Value::Array(_), _) | (_, false) => {
                row.resize(columns.len(), Cell::Missing);
                return broken(1, "no row of JSON: it is not as the first row is".to_owned());
            }
            (alone, true) => Found::Alone(alone),
        };
        for &column in columns {
            let cell = found.value(self, column).map_or(Cell::Missing, cell);
            if cell.is(want) {
                row.push(cell);
            } else {
                let text = if let Cell::Text(text) = &cell { text.as_bytes() } else { b"" };
                let wrong = RowFault::not_a_number(text);
                fault = fault.or(Some((column as u64 + 1, wrong)));
                row.push(Cell::Missing);
            }
        }
        fault
    }
}

/// What one row is.
enum Found<'a> {
    Object(&'a Map<String, Value>),
    Array(&'a [Value]),
    Alone(&'a Value),
}

impl<'a> Found<'a> {
    fn value(&self, table: &JsonTable, column: usize) -> Option<&'a Value> {
        match self {
            Found::Object(object) => object.get(&table.names[column]),
            Found::Array(values) => values.get(column),
            Found::Alone(value) => (column == 0).then_some(value),
        }
    }
}

fn cell(value: &Value) -> Cell<'static> {
    match value {
        Value::Null => Cell::Missing,
        Value::Bool(truth) => Cell::Whole((*truth).into()),
        Value::Number(number) => match (number.as_i128(), number.as_f64()) {
            (Some(whole), _) => Cell::Whole(whole),
            (None, Some(number)) => Cell::float(number),
            (None, None) => Cell::Missing,
        },
        Value::String(text) => Cell::Text(text.clone().into()),
        Value::Array(_) | Value::Object(_) => Cell::Text(value.to_string().into()),
    }
}
