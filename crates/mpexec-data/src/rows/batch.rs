//! The rows of a file that lies column by column.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use super::{Cell, PartRows, Want};
use crate::columnar::plain;
use crate::{ColumnarFile, DataError};

impl ColumnarFile {
    /// Shows the chosen cells of each row of one part to `visit`. `columns` are their places, from 0 on. A null is missing.
    ///
    /// # Errors
    /// Those of [`ColumnarFile::count`]; a column of texts is one of the right type if anything is wanted.
    pub fn each_row(
        &self,
        part: u64,
        columns: &[usize],
        want: Want,
        mut visit: impl FnMut(&[Cell<'static>]),
    ) -> Result<PartRows, DataError> {
        self.check_cells(columns, want)?;
        let mut places = columns.to_vec();
        places.sort_unstable();
        // Batches have their columns in the order of the file.
        let order = |column: &usize| places.iter().position(|place| place == column).unwrap_or_default();
        let order: Vec<_> = columns.iter().map(order).collect();
        let mut done = PartRows::default();
        self.each_batch(part, &places, |batch| {
            done.rows += batch.num_rows() as u64;
            show(batch, &order, &mut visit);
        })?;
        Ok(done)
    }

    /// Whether these columns hold what is wanted.
    ///
    /// # Errors
    /// [`DataError::ColumnType`] if one does not.
    pub fn check_cells(&self, columns: &[usize], want: Want) -> Result<(), DataError> {
        let texts = |column: &&usize| want == Want::Anything && is_text(self.type_of(**column));
        let others: Vec<_> = columns.iter().filter(|column| !texts(column)).copied().collect();
        self.type_name(&others).map(drop)
    }
}

fn is_text(holds: &DataType) -> bool {
    match holds {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, texts) => is_text(texts),
        _ => false,
    }
}

fn show(batch: &RecordBatch, order: &[usize], visit: &mut impl FnMut(&[Cell<'static>])) {
    let columns: Vec<Vec<Cell<'static>>> = order.iter().map(|&at| cells(&plain(batch.column(at)))).collect();
    let mut row = Vec::with_capacity(columns.len());
    for at in 0..batch.num_rows() {
        row.clear();
        row.extend(columns.iter().map(|column| column[at].clone()));
        visit(&row);
    }
}

fn cells(column: &dyn Array) -> Vec<Cell<'static>> {
    match column.data_type() {
        DataType::Int8 => numbers::<Int8Type>(column, |number| Cell::Whole(number.into())),
        DataType::Int16 => numbers::<Int16Type>(column, |number| Cell::Whole(number.into())),
        DataType::Int32 => numbers::<Int32Type>(column, |number| Cell::Whole(number.into())),
        DataType::Int64 => numbers::<Int64Type>(column, |number| Cell::Whole(number.into())),
        DataType::UInt8 => numbers::<UInt8Type>(column, |number| Cell::Whole(number.into())),
        DataType::UInt16 => numbers::<UInt16Type>(column, |number| Cell::Whole(number.into())),
        DataType::UInt32 => numbers::<UInt32Type>(column, |number| Cell::Whole(number.into())),
        DataType::UInt64 => numbers::<UInt64Type>(column, |number| Cell::Whole(number.into())),
        DataType::Float32 => numbers::<Float32Type>(column, |number| Cell::float(number.into())),
        DataType::Float64 => numbers::<Float64Type>(column, Cell::float),
        DataType::Boolean => found(column.as_boolean().iter(), |truth| Cell::Whole(truth.into())),
        DataType::Utf8 => found(column.as_string::<i32>().iter(), text),
        DataType::LargeUtf8 => found(column.as_string::<i64>().iter(), text),
        DataType::Utf8View => found(column.as_string_view().iter(), text),
        DataType::Dictionary(..) => {
            let column = column.as_any_dictionary();
            if column.values().is_empty() {
                return vec![Cell::Missing; column.len()];
            }
            let (keys, texts) = (column.normalized_keys(), cells(column.values()));
            let text = |(at, key): (usize, usize)| {
                // The key of a null is any.
                let text = texts.get(key).filter(|_| column.is_valid(at));
                text.cloned().unwrap_or(Cell::Missing)
            };
            keys.into_iter().enumerate().map(text).collect()
        }
        // Columns of other types were refused when they were chosen.
        _ => vec![Cell::Missing; column.len()],
    }
}

fn numbers<T: ArrowPrimitiveType>(column: &dyn Array, cell: impl Fn(T::Native) -> Cell<'static>) -> Vec<Cell<'static>> {
    found(column.as_primitive::<T>().iter(), cell)
}

fn found<T>(values: impl Iterator<Item = Option<T>>, cell: impl Fn(T) -> Cell<'static>) -> Vec<Cell<'static>> {
    values.map(|value| value.map_or(Cell::Missing, &cell)).collect()
}

fn text(text: &str) -> Cell<'static> {
    Cell::Text(text.to_owned().into())
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Int8Type;
    use arrow_array::{DictionaryArray, Int8Array, StringArray};
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_null_of_a_dictionary_is_missing_whatever_its_key_is_and_if_there_are_no_texts_at_all() {
        let dictionary = |keys: Vec<Option<i8>>, texts: Vec<&str>| {
            let array = DictionaryArray::<Int8Type>::try_new(Int8Array::from(keys), Arc::new(StringArray::from(texts)));
            cells(&array.unwrap())
        };
        let (one, other) = (text("one"), text("other"));
        let cells = dictionary(vec![Some(1), None, Some(0)], vec!["one", "other"]);
        assert_eq!(cells, [other, Cell::Missing, one]);
        assert_eq!(dictionary(vec![None, None], vec![]), [Cell::Missing, Cell::Missing]);
        assert_eq!(dictionary(vec![], vec![]), []);
    }
}
