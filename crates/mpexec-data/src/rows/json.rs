//! The rows of one part of a JSON text, which holds whole lines.

use std::fmt;

use serde_json::Value;

use super::{Cell, PartRows, RowReading};
use crate::JsonTable;
use crate::csv::ragged;
use crate::json::{Line, broken, line_ends, lines};
use crate::table::{BadRow, RowFault};

impl JsonTable {
    /// Shows the chosen cells of each row of `part` to `visit`. `columns` are the places of the columns, from 0 on. A key that is
    /// not in a row is missing. One that is not in the first row makes a bad row, but where some columns are chosen it is looked over.
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
        let mut done = PartRows::default();
        let mut row = Vec::with_capacity(columns.len());
        for JsonRow { line, values, mut fault } in self.rows(part, columns) {
            row.clear();
            for (value, &column) in values.iter().zip(columns) {
                let cell = cell(value);
                if cell.is(reading.want) {
                    row.push(cell);
                } else {
                    let text = if let Cell::Text(text) = &cell { text.as_bytes() } else { b"" };
                    let wrong = RowFault::not_a_number(text);
                    fault = fault.or(Some((column as u64 + 1, wrong)));
                    row.push(Cell::Missing);
                }
            }
            let shown = match fault {
                None => true,
                Some((column, fault)) => {
                    done.judge(BadRow { line: line.number(), column, name: None, fault }, reading.on_bad_row)?
                }
            };
            if shown {
                done.rows += 1;
                visit(&row);
            }
        }
        done.lines = line_ends(part);
        Ok(done)
    }

    /// The rows of `part`, each with the values of these columns. One that is not as the first row has nulls in the place of what is wrong
    /// in it.
    ///
    /// ```
    /// let text = b"[1,\"x\"]\n\n[2]\n";
    /// let table = mpexec_data::JsonTable::guess(text, true)?;
    /// let mut rows = table.rows(text, &[1]);
    /// assert_eq!(rows.next().unwrap().values, ["x"]);
    /// let bad = rows.next().unwrap().bad().unwrap();
    /// assert_eq!(bad.to_string(), "line 3, column 2: the row has 1 field where the table has 2");
    /// # Ok::<(), mpexec_data::DialectError>(())
    /// ```
    pub fn rows<'a>(&'a self, part: &'a [u8], columns: &'a [usize]) -> impl Iterator<Item = JsonRow<'a>> {
        lines(part).map(move |line| {
            let (values, fault) = match serde_json::from_slice(line.text) {
                Ok(value) => self.values(value, columns),
                Err(error) => (vec![Value::Null; columns.len()], Some(broken(line.text, &error))),
            };
            JsonRow { line, values, fault }
        })
    }

    /// The values of one row, and what is wrong with it.
    fn values(&self, row: Value, columns: &[usize]) -> (Vec<Value>, Option<(u64, RowFault)>) {
        match (row, self.names.is_empty()) {
            (Value::Object(mut object), false) => {
                let mut known = 0;
                let mut value = |&column: &usize| {
                    let found = object.get_mut(&self.names[column]);
                    known += usize::from(found.is_some());
                    found.map_or(Value::Null, Value::take)
                };
                let values = columns.iter().map(&mut value).collect();
                let more = columns.len() == self.fields && known < object.len();
                let unknown = object.keys().find(|name| more && !self.names.contains(name));
                (values, unknown.map(|name| (self.fields as u64 + 1, RowFault::unknown_key(name))))
            }
            (Value::Array(mut values), true) => {
                let fault = ragged(values.len(), self.fields);
                let value = |&column: &usize| values.get_mut(column).map_or(Value::Null, Value::take);
                (columns.iter().map(value).collect(), fault)
            }
            (Value::Object(_) | Value::Array(_), _) | (_, false) => {
                let fault = RowFault::Broken { fault: "no row of JSON: it is not as the first row is".to_owned() };
                (vec![Value::Null; columns.len()], Some((1, fault)))
            }
            (alone, true) => {
                let value = |&column: &usize| if column == 0 { alone.clone() } else { Value::Null };
                (columns.iter().map(value).collect(), None)
            }
        }
    }
}

/// One row of a JSON text.
pub struct JsonRow<'a> {
    line: Line<'a>,
    /// The values of the columns that were asked for; null is missing.
    pub values: Vec<Value>,
    fault: Option<(u64, RowFault)>,
}

impl JsonRow<'_> {
    /// Its line in the part, from 1 on.
    pub fn line(&self) -> u64 {
        self.line.number()
    }

    /// What is wrong with it, with its line in the part.
    pub fn bad(&self) -> Option<BadRow> {
        let (column, fault) = self.fault.clone()?;
        Some(BadRow { line: self.line(), column, name: None, fault })
    }
}

impl fmt::Debug for JsonRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonRow").field("values", &self.values).field("fault", &self.fault).finish_non_exhaustive()
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
