//! Functions for `map_rows` and `map_columns` that scale numbers to 0..1.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, Field, Schema};

/// Scales each row of a batch of numbers: its least becomes 0, its greatest 1. A row of equal numbers becomes zeros; what is missing
/// stays missing and changes nothing for the others.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
/// let a: ArrayRef = Arc::new(Int64Array::from(vec![2, 7]));
/// let b: ArrayRef = Arc::new(Float64Array::from(vec![Some(4.0), None]));
/// let scaled = mpexec_frame::normalize_rows(RecordBatch::try_from_iter([("a", a), ("b", b)])?)?;
/// assert_eq!(mpexec_frame::csv_text(&scaled)?, b"a,b\n0.0,1.0\n0.0,\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// An [`ArrowError`] that names a column that holds no numbers.
pub fn normalize_rows(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| numbers(field.name(), column));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let mut ranges = vec![None; batch.num_rows()];
    for column in &columns {
        ranges.iter_mut().zip(column.iter()).for_each(|(range, number)| widen(range, number));
    }
    let scaled = columns.iter().map(|column| scale(column, ranges.iter().copied()));
    let fields: Vec<_> =
        schema.fields().iter().map(|field| Field::new(field.name(), DataType::Float64, true)).collect();
    RecordBatch::try_new(Schema::new(fields).into(), scaled.collect())
}

/// The same for a column.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Array, ArrayRef, Float64Array, Int64Array};
/// let column: ArrayRef = Arc::new(Int64Array::from(vec![2, 4, 6]));
/// let scaled = mpexec_frame::normalize_column(column)?;
/// assert_eq!(scaled.as_ref(), &Float64Array::from(vec![0.0, 0.5, 1.0]) as &dyn Array);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// An [`ArrowError`] if it holds no numbers.
pub fn normalize_column(column: ArrayRef) -> Result<ArrayRef, ArrowError> {
    let column = numbers("the column", &column)?;
    let mut range = None;
    column.iter().for_each(|number| widen(&mut range, number));
    Ok(scale(&column, std::iter::repeat(range)))
}

type Range = Option<(f64, f64)>;

/// A column of numbers as float64; truth values are 0 and 1.
pub(crate) fn numbers(name: &str, column: &ArrayRef) -> Result<Float64Array, ArrowError> {
    if !column.data_type().is_numeric() && *column.data_type() != DataType::Boolean {
        return Err(ArrowError::CastError(format!("{name} holds {} and no numbers", column.data_type())));
    }
    Ok(cast(column, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

fn widen(range: &mut Range, number: Option<f64>) {
    if let Some(number) = number.filter(|number| !number.is_nan()) {
        let (least, greatest) = range.unwrap_or((number, number));
        *range = Some((least.min(number), greatest.max(number)));
    }
}

fn scale(column: &Float64Array, ranges: impl Iterator<Item = Range>) -> ArrayRef {
    let scaled = column.iter().zip(ranges).map(|(number, range)| match (number, range) {
        (Some(number), Some((least, greatest))) if !number.is_nan() => {
            Some(if least == greatest { 0.0 } else { (number - least) / (greatest - least) })
        }
        _ => None,
    });
    Arc::new(scaled.collect::<Float64Array>())
}
