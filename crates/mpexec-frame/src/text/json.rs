//! The values of JSON lines: what they are, and columns of them by the Arrow project's decoder.

use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_schema::{ArrowError, Fields};
use mpexec_data::{BadRow, JsonRow, JsonTable, OnBadRow, RowFault, Want};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Columns, Found, Writing};
use crate::kinds::{Column, Kind};

/// Looks at the values of whole lines, in these columns or all.
pub(super) fn find(bytes: &[u8], table: &JsonTable, writing: &Writing) -> Found {
    let columns = writing.places(table.fields);
    let mut found: Vec<_> = (0..table.fields).map(|_| Column::default()).collect();
    let (mut bad, mut first_bad) = (0, None);
    for row in table.rows(bytes, &columns) {
        if let Some(row) = writing.bad(&row, &columns) {
            bad += 1;
            first_bad.get_or_insert(row);
            match writing.on_bad_row {
                // It is the last that matters.
                OnBadRow::Fail => break,
                OnBadRow::Skip => continue,
                OnBadRow::Null => {}
            }
        }
        for (&column, value) in columns.iter().zip(&row.values) {
            match value {
                value if writing.is_odd(value) => {}
                Value::String(text) => found[column].take_text(text),
                other => found[column].take_kind(kind_of(other)),
            }
        }
    }
    let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
    let kinds = found.into_iter().map(Column::kind).collect();
    Found { kinds, words: false, spaced: false, lines, bad, first_bad }
}

impl Writing {
    /// What is wrong with a row, of which the values of these columns were read.
    fn bad(&self, row: &JsonRow<'_>, columns: &[usize]) -> Option<BadRow> {
        row.bad().or_else(|| {
            let (value, column) = row.values.iter().zip(columns).find(|(value, _)| self.is_odd(value))?;
            let told = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let fault = RowFault::not_a_number(told.as_bytes());
            Some(BadRow { line: row.line(), column: *column as u64 + 1, name: None, fault })
        })
    }

    /// Whether a value is not what is wanted.
    fn is_odd(&self, value: &Value) -> bool {
        self.want == Want::Numbers && matches!(value, Value::String(_) | Value::Array(_) | Value::Object(_))
    }
}

fn kind_of(value: &Value) -> Option<Kind> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some(Kind::Truth),
        Value::Number(number) if number.is_i64() => Some(Kind::Whole),
        Value::Number(_) => Some(Kind::Float),
        Value::String(_) | Value::Array(_) | Value::Object(_) => Some(Kind::Text),
    }
}

/// So many rows are handed to the decoder at once.
const BLOCK: usize = 1024;

/// Reads the rows of whole lines.
pub(super) fn read(
    columns: &Columns,
    bytes: &[u8],
    table: &JsonTable,
    writing: &Writing,
    places: Option<&[usize]>,
) -> Result<RecordBatch, ArrowError> {
    let schema = columns.schema(places);
    let all: Vec<_> = (0..table.fields).collect();
    let places = places.unwrap_or(&all);
    // Whether a row is left out is seen in all columns that are read, of which these may be some.
    let (looked, chosen): (Vec<_>, Vec<_>) = match writing.on_bad_row {
        OnBadRow::Skip => {
            let looked = writing.places(table.fields);
            let chosen = places.iter().filter_map(|place| looked.iter().position(|other| other == place)).collect();
            (looked, chosen)
        }
        OnBadRow::Fail | OnBadRow::Null => (places.to_vec(), (0..places.len()).collect()),
    };
    // A row is a line.
    let lines = memchr::memchr_iter(b'\n', bytes).count() + 1;
    let mut decoder = ReaderBuilder::new(schema.clone()).with_batch_size(lines).build_decoder()?;
    let mut block = Vec::with_capacity(BLOCK);
    for mut row in table.rows(bytes, &looked) {
        if writing.on_bad_row == OnBadRow::Skip && writing.bad(&row, &looked).is_some() {
            continue;
        }
        let values = chosen.iter().zip(places).map(|(&at, &place)| match row.values[at].take() {
            value if writing.is_odd(&value) => Value::Null,
            value => fit(value, columns.kinds[place]),
        });
        block.push(Row { fields: schema.fields(), values: values.collect() });
        if block.len() == BLOCK {
            decoder.serialize(&block)?;
            block.clear();
        }
    }
    decoder.serialize(&block)?;
    Ok(decoder.flush()?.unwrap_or_else(|| RecordBatch::new_empty(schema)))
}

/// A value as one of its column: what is no text in a column of texts is its JSON.
fn fit(value: Value, kind: Option<Kind>) -> Value {
    match (&value, kind) {
        (Value::Null | Value::String(_), _) => value,
        (_, Some(Kind::Text)) => Value::String(value.to_string()),
        (Value::Number(number), Some(Kind::Float)) => number.as_f64().map_or(Value::Null, Value::from),
        _ => value,
    }
}

/// A row as the decoder takes it: an object with the names of the columns.
struct Row<'a> {
    fields: &'a Fields,
    values: Vec<Value>,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields.iter().map(|field| field.name()).zip(&self.values))
    }
}
