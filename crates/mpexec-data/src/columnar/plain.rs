//! What kind of number a column holds; those that are written in another way than numbers usually are, as plain ones.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_cast::{can_cast_types, cast};
use arrow_schema::DataType;

use crate::DType;

/// The kind of number of a column; `None` if it holds none. Truth values are the numbers 0 and 1.
pub(super) fn kind(holds: &DataType) -> Option<DType> {
    Some(match holds {
        DataType::Boolean | DataType::UInt8 => DType::U8,
        DataType::Int8 => DType::I8,
        DataType::Int16 => DType::I16,
        DataType::Int32 => DType::I32,
        DataType::Int64 => DType::I64,
        DataType::UInt16 => DType::U16,
        DataType::UInt32 => DType::U32,
        DataType::UInt64 => DType::U64,
        DataType::Float32 => DType::F32,
        DataType::Float64 => DType::F64,
        // Of which plain numbers are made.
        other => return kind(&read_as(other)?),
    })
}

/// As what a column of this type is read; `None` if its numbers are plain, or it holds none.
fn read_as(holds: &DataType) -> Option<DataType> {
    let plain = match holds {
        DataType::Float16 => DataType::Float32,
        // One without any value.
        DataType::Null => DataType::Float64,
        decimal if decimal.is_decimal() => DataType::Float64,
        DataType::Dictionary(_, values) => match read_as(values) {
            None if kind(values).is_none() => return None,
            None => values.as_ref().clone(),
            Some(plain) => plain,
        },
        _ => return None,
    };
    can_cast_types(holds, &plain).then_some(plain)
}

/// The column with plain numbers, if it is one of numbers.
pub(crate) fn plain(column: &ArrayRef) -> ArrayRef {
    // What can be read as something else was looked for.
    read_as(column.data_type()).and_then(|as_this| cast(column, &as_this).ok()).unwrap_or_else(|| Arc::clone(column))
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float32Type, Float64Type, Int8Type, Int64Type};
    use arrow_array::{Array, Decimal128Array, DictionaryArray, Int8Array, Int64Array, NullArray, StringArray};

    use super::*;

    #[test]
    fn numbers_are_the_same_however_a_column_writes_them() {
        let decimals = Decimal128Array::from(vec![Some(-125), None, Some(400)]).with_precision_and_scale(5, 2).unwrap();
        let decimals = plain(&(Arc::new(decimals) as ArrayRef));
        let found: Vec<_> = decimals.as_primitive::<Float64Type>().iter().collect();
        assert_eq!(found, [Some(-1.25), None, Some(4.0)]);
        let keys = Int8Array::from(vec![Some(1), None, Some(0)]);
        let dictionary =
            |values: ArrayRef| Arc::new(DictionaryArray::<Int8Type>::try_new(keys.clone(), values).unwrap());
        let numbers = plain(&(dictionary(Arc::new(Int64Array::from(vec![7, i64::MAX]))) as ArrayRef));
        let found: Vec<_> = numbers.as_primitive::<Int64Type>().iter().collect();
        assert_eq!(found, [Some(i64::MAX), None, Some(7)]);
        let halves = cast(&(Arc::new(Int8Array::from(vec![3])) as ArrayRef), &DataType::Float16).unwrap();
        assert_eq!(plain(&halves).as_primitive::<Float32Type>().value(0), 3.0);
        assert_eq!(plain(&(Arc::new(NullArray::new(2)) as ArrayRef)).null_count(), 2);
        let texts = dictionary(Arc::new(StringArray::from(vec!["a", "b"]))) as ArrayRef;
        assert_eq!(plain(&texts).data_type(), texts.data_type());
    }
}
