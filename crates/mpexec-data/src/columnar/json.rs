//! The rows of a Parquet or Arrow file as JSON, value by value, for whoever calls a function with them.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_json::writer::{EncoderOptions, make_encoder};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields};

use super::file::Batches;
use crate::{ColumnarFile, DataError};

/// The rows of a file, read batch by batch. Numbers (those of float32 to their last digit), truth values and texts are what JSON has; dates and times are texts, lists and
/// structures what they are; a null and what is no number (NaN) is `null`.
///
/// ```
/// # use mpexec_data::{ColumnarFormat, CountWidth, CountsColumns};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("counts.parquet");
/// # let mut columns = CountsColumns::new(std::fs::File::create(&path)?, ColumnarFormat::Parquet, CountWidth::U8)?;
/// # columns.write(&[4, 12])?;
/// # columns.finish()?;
/// use mpexec_data::{ColumnarFile, DataFile};
/// let file = ColumnarFile::open(DataFile::open(&path)?)?;
/// let mut rows = file.json_rows(&[1, 0])?;
/// let (mut text, mut ends) = (Vec::new(), Vec::new());
/// assert!(rows.read(&mut text, &mut ends)?);
/// // The count and the row, twice.
/// assert_eq!((text.as_slice(), ends), (&b"40121"[..], vec![1, 2, 4, 5]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct JsonRows {
    batches: Batches,
    /// For each wanted column its place in a batch.
    order: Vec<usize>,
    file: ColumnarFile,
}

impl ColumnarFile {
    /// Its rows, with the columns of these places in this order.
    ///
    /// # Errors
    /// Those of [`read_part`](ColumnarFile::read_part).
    pub fn json_rows(self, columns: &[usize]) -> Result<JsonRows, DataError> {
        let mut places = columns.to_vec();
        places.sort_unstable();
        let order = columns.iter().map(|column| places.partition_point(|place| place < column)).collect();
        Ok(JsonRows { batches: self.batches(&places)?, order, file: self })
    }
}

impl JsonRows {
    /// Reads the next rows: their values one after the other into `text`, and where each ends into `ends`. False behind the last row.
    ///
    /// # Errors
    /// [`DataError::Columnar`] if the file is broken, or a value has no form in JSON.
    pub fn read(&mut self, text: &mut Vec<u8>, ends: &mut Vec<usize>) -> Result<bool, DataError> {
        text.clear();
        ends.clear();
        let Some(batch) = self.batches.next() else { return Ok(false) };
        let written = write(&batch?, &self.order, text, ends);
        written.map_err(|error| self.file.broken(error.to_string()))?;
        Ok(true)
    }

    /// The file.
    pub fn file(&self) -> &ColumnarFile {
        &self.file
    }
}

fn write(batch: &RecordBatch, order: &[usize], text: &mut Vec<u8>, ends: &mut Vec<usize>) -> Result<(), ArrowError> {
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let schema = batch.schema();
    let widen = |&at: &usize| {
        let (field, column) = (&schema.fields()[at], batch.column(at));
        match widened(field.data_type()) {
            None => Ok((Arc::clone(field), Arc::clone(column))),
            Some(wide) => {
                let column = cast(column, &wide)?;
                Ok((Arc::new(field.as_ref().clone().with_data_type(wide)), column))
            }
        }
    };
    let wide = order.iter().map(widen).collect::<Result<Vec<(FieldRef, ArrayRef)>, ArrowError>>()?;
    let encoders = wide.iter().map(|(field, column)| make_encoder(field, column, &options));
    let mut columns = encoders.collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        for column in &mut columns {
            if column.is_null(row) {
                text.extend_from_slice(b"null")
            } else {
                column.encode(row, text)
            }
            ends.push(text.len());
        }
    }
    Ok(())
}

/// The type with float64 in the place of narrower ones, whose shortest text is that of another float64; `None` if it has none of them.
fn widened(holds: &DataType) -> Option<DataType> {
    let inner = |field: &FieldRef| {
        let wide = widened(field.data_type())?;
        Some(Arc::new(field.as_ref().clone().with_data_type(wide)))
    };
    Some(match holds {
        DataType::Float16 | DataType::Float32 => DataType::Float64,
        DataType::List(items) => DataType::List(inner(items)?),
        DataType::LargeList(items) => DataType::LargeList(inner(items)?),
        DataType::FixedSizeList(items, length) => DataType::FixedSizeList(inner(items)?, *length),
        DataType::Struct(fields) => {
            let wide: Vec<_> = fields.iter().map(inner).collect();
            wide.iter().any(Option::is_some).then_some(())?;
            let either = wide.into_iter().zip(fields).map(|(wide, field)| wide.unwrap_or_else(|| Arc::clone(field)));
            DataType::Struct(either.collect::<Fields>())
        }
        _ => return None,
    })
}

impl std::fmt::Debug for JsonRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonRows").field("order", &self.order).field("file", &self.file).finish_non_exhaustive()
    }
}
