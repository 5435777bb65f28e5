//! The rows of a `.npy` array as columns.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use mpexec_data::{DType, Element, Layout, NpyFile};

use crate::FrameError;
use crate::text::numbered;

/// At most so many bytes of an array are read at once.
const MOST: u64 = 64 << 20;

/// How many of its rows are a chunk, if `rows` are wanted.
pub(crate) fn rows_at_once(layout: &Layout, rows: u64) -> u64 {
    rows.min(MOST / layout.row_bytes().max(1)).max(1)
}

/// Its columns, which are called by their numbers.
pub(crate) fn schema(layout: &Layout) -> SchemaRef {
    let holds = match layout.dtype {
        _ if layout.truth => DataType::Boolean,
        DType::I8 => DataType::Int8,
        DType::I16 => DataType::Int16,
        DType::I32 => DataType::Int32,
        DType::I64 => DataType::Int64,
        DType::U8 => DataType::UInt8,
        DType::U16 => DataType::UInt16,
        DType::U32 => DataType::UInt32,
        DType::U64 => DataType::UInt64,
        DType::F32 => DataType::Float32,
        DType::F64 => DataType::Float64,
    };
    let names = numbered(usize::try_from(layout.cols).unwrap_or(usize::MAX));
    let fields: Vec<_> = names.into_iter().map(|name| Field::new(name, holds.clone(), true)).collect();
    Arc::new(Schema::new(fields))
}

/// Reads these rows, and of them the columns with these places, or all.
pub(crate) fn read(file: &NpyFile, rows: Range<u64>, places: Option<&[usize]>) -> Result<RecordBatch, FrameError> {
    let all: Vec<_> = (0..usize::try_from(file.layout().cols).unwrap_or(usize::MAX)).collect();
    let places = places.unwrap_or(&all);
    let failed = |error: ArrowError| FrameError::format(file.path().display().to_string(), &error);
    let schema = schema(file.layout()).project(places).map_err(failed)?;
    let count = usize::try_from(rows.end - rows.start).unwrap_or(usize::MAX);
    let columns: Vec<ArrayRef> = match file.layout().dtype {
        DType::U8 if file.layout().truth => {
            let numbers = file.read_rows::<u8>(rows)?;
            let column =
                |&place: &usize| numbers.iter().skip(place).step_by(all.len()).map(|&number| Some(number != 0));
            places.iter().map(|place| Arc::new(column(place).collect::<BooleanArray>()) as ArrayRef).collect()
        }
        DType::I8 => columns::<Int8Type>(file, rows, places)?,
        DType::I16 => columns::<Int16Type>(file, rows, places)?,
        DType::I32 => columns::<Int32Type>(file, rows, places)?,
        DType::I64 => columns::<Int64Type>(file, rows, places)?,
        DType::U8 => columns::<UInt8Type>(file, rows, places)?,
        DType::U16 => columns::<UInt16Type>(file, rows, places)?,
        DType::U32 => columns::<UInt32Type>(file, rows, places)?,
        DType::U64 => columns::<UInt64Type>(file, rows, places)?,
        DType::F32 => columns::<Float32Type>(file, rows, places)?,
        DType::F64 => columns::<Float64Type>(file, rows, places)?,
    };
    // One without columns has rows all the same.
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    RecordBatch::try_new_with_options(Arc::new(schema), columns, &options).map_err(failed)
}

fn columns<T: ArrowPrimitiveType<Native: Element>>(
    file: &NpyFile,
    rows: Range<u64>,
    places: &[usize],
) -> Result<Vec<ArrayRef>, FrameError> {
    let width = usize::try_from(file.layout().cols).unwrap_or(usize::MAX);
    let numbers = file.read_rows::<T::Native>(rows)?;
    let column = |&place: &usize| {
        let numbers = numbers.iter().skip(place).step_by(width.max(1)).copied();
        Arc::new(PrimitiveArray::<T>::from_iter_values(numbers)) as ArrayRef
    };
    Ok(places.iter().map(column).collect())
}
