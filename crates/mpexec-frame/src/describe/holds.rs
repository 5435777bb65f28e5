//! What a column that is described holds, and its values as numbers.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::select::Number;

/// What a column holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Holds {
    #[default]
    Floats,
    Wholes,
    /// Points in time, so many ticks a second from 1970 on; in universal time, if that is known.
    Times {
        ticks: i64,
        universal: bool,
    },
    /// Durations of so many ticks a second.
    Spans {
        ticks: i64,
    },
}

const fn ticks(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

impl Holds {
    /// What a column of this type holds; `None` if it is left out. Truth values are no numbers, as in pandas.
    pub(super) fn of(column: &DataType) -> Option<Holds> {
        Some(match column {
            whole if whole.is_integer() => Holds::Wholes,
            number if number.is_numeric() => Holds::Floats,
            DataType::Date32 => Holds::Times { ticks: 1, universal: false },
            DataType::Date64 => Holds::Times { ticks: 1_000, universal: false },
            DataType::Timestamp(unit, zone) => Holds::Times { ticks: ticks(*unit), universal: zone.is_some() },
            DataType::Duration(unit) => Holds::Spans { ticks: ticks(*unit) },
            DataType::Dictionary(_, values) => return Holds::of(values),
            _ => return None,
        })
    }

    /// The values that are not missing.
    pub(super) fn numbers(self, column: &ArrayRef) -> Result<Vec<Number>, ArrowError> {
        let wholes = |column: &ArrayRef| -> Result<Vec<Number>, ArrowError> {
            let column = cast(column, &DataType::Int64)?;
            Ok(column.as_primitive::<Int64Type>().iter().flatten().map(|whole| Number::whole(whole.into())).collect())
        };
        match (self, column.data_type()) {
            (_, DataType::Dictionary(_, values)) => self.numbers(&cast(column, values)?),
            (Holds::Floats, _) => {
                let column = cast(column, &DataType::Float64)?;
                let numbers = column.as_primitive::<Float64Type>().iter().flatten();
                Ok(numbers.filter(|number| !number.is_nan()).map(Number::from).collect())
            }
            (_, DataType::UInt64) => {
                let column = column.as_primitive::<UInt64Type>();
                Ok(column.iter().flatten().map(|whole| Number::whole(whole.into())).collect())
            }
            // In days.
            (_, DataType::Date32) => wholes(&cast(column, &DataType::Timestamp(TimeUnit::Second, None))?),
            (_, _) => wholes(column),
        }
    }
}
