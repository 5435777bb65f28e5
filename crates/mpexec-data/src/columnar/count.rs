//! Counts the rows of one record batch, column after column, each with the bounds of its own type.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use super::plain::{kind, plain};
use crate::bounds::Interval;
use crate::table::RowCounts;
use crate::{Bounds, BoundsError};

/// A minimum and a maximum for the columns of record batches of one schema.
pub(super) struct BatchCounter {
    columns: Vec<Interval>,
    sums: Vec<u32>,
}

impl BatchCounter {
    /// For columns of these types, which all hold numbers.
    pub(super) fn new<'a>(
        types: impl IntoIterator<Item = &'a DataType>,
        minimum: &str,
        maximum: &str,
    ) -> Result<BatchCounter, BoundsError> {
        let kinds = types.into_iter().filter_map(kind);
        let columns = kinds.map(|kind| Bounds::parse(minimum, maximum, kind).map(|bounds| bounds.interval()));
        Ok(BatchCounter { columns: columns.collect::<Result<_, _>>()?, sums: Vec::new() })
    }

    /// Counts the rows of `batch`. A null is in no range.
    pub(super) fn count(&mut self, batch: &RecordBatch, counts: &mut RowCounts) {
        self.sums.clear();
        self.sums.resize(batch.num_rows(), 0);
        for (column, interval) in batch.columns().iter().zip(&self.columns) {
            add(&plain(column), *interval, &mut self.sums);
        }
        self.sums.iter().for_each(|&count| counts.push(count.into()));
    }
}

/// Adds 1 to the sum of each row whose number is in range.
fn add(column: &dyn Array, interval: Interval, sums: &mut [u32]) {
    macro_rules! whole {
        ($kind:ty, $bits:ty) => {
            if let Interval::Whole { lo, span } = interval {
                let (lo, span) = (lo as $bits, span as $bits);
                add_if::<$kind>(column, sums, |number| (number as $bits).wrapping_sub(lo) <= span);
            }
        };
    }
    match column.data_type() {
        DataType::Int8 => whole!(Int8Type, u8),
        DataType::Int16 => whole!(Int16Type, u16),
        DataType::Int32 => whole!(Int32Type, u32),
        DataType::Int64 => whole!(Int64Type, u64),
        DataType::UInt8 => whole!(UInt8Type, u8),
        DataType::UInt16 => whole!(UInt16Type, u16),
        DataType::UInt32 => whole!(UInt32Type, u32),
        DataType::UInt64 => whole!(UInt64Type, u64),
        DataType::Float32 => {
            if let Interval::F32 { lo, hi } = interval {
                add_if::<Float32Type>(column, sums, |number| lo <= number && number <= hi);
            }
        }
        DataType::Float64 => {
            if let Interval::F64 { lo, hi } = interval {
                add_if::<Float64Type>(column, sums, |number| lo <= number && number <= hi);
            }
        }
        DataType::Boolean => {
            if let Interval::Whole { lo, span } = interval {
                for (truth, sum) in column.as_boolean().iter().zip(sums) {
                    let bits = truth.map(|truth| u8::from(truth).wrapping_sub(lo as u8));
                    *sum += u32::from(bits.is_some_and(|bits| bits <= span as u8));
                }
            }
        }
        // Columns of other types were refused when they were chosen.
        _ => {}
    }
}

fn add_if<T: ArrowPrimitiveType>(column: &dyn Array, sums: &mut [u32], holds: impl Fn(T::Native) -> bool) {
    let column = column.as_primitive::<T>();
    let numbers = column.values().iter().zip(sums);
    match column.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => numbers.for_each(|(&number, sum)| *sum += u32::from(holds(number))),
        Some(nulls) => {
            numbers.zip(nulls.iter()).for_each(|((&number, sum), valid)| *sum += u32::from(valid & holds(number)));
        }
    }
}
