//! The statistics of a column when all of it is known: numbers, or texts of times.

use std::sync::Arc;

use arrow_array::temporal_conversions::as_datetime;
use arrow_array::types::{TimestampMicrosecondType, TimestampNanosecondType};
use arrow_array::{ArrayRef, Float64Array, StringArray};

use super::{Column, QUARTERS};
use crate::select::{Number, Wanted};

/// Nanoseconds of a second.
const SECOND: i128 = 1_000_000_000;

/// Float64 has all whole numbers up to here.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The statistics in their order.
pub(super) fn of(column: &Column, wanted: &Wanted) -> ArrayRef {
    use super::Holds::{Floats, Spans, Times, Wholes};
    let spread = column.moments.deviation();
    let numbers = wanted.numbers();
    let (least, greatest, count) = (column.least, column.greatest, column.count as f64);
    match column.holds {
        Floats | Wholes => {
            let quartile = |(place, pair): (f64, &[Number])| {
                let (low, high) = (pair[0], pair[1]);
                let large = |number: Number| number.next_to.abs() > EXACT;
                if column.holds == Wholes && (large(low) || large(high)) {
                    fourth(low.as_whole(), high.as_whole(), place) as f64 / 4.0
                } else {
                    between(low.next_to, high.next_to, place.fract())
                }
            };
            let mut quartiles = column.places().into_iter().zip(numbers.chunks(2)).map(quartile);
            let mut next = || quartiles.next();
            let mean = column.moments.mean();
            let end = |end: Option<Number>| end.map(|number| number.next_to);
            let all = [Some(count), mean, spread, end(least), next(), next(), next(), end(greatest)];
            Arc::new(Float64Array::from(all.to_vec()))
        }
        Times { ticks, .. } | Spans { ticks } => {
            let nanos = SECOND / i128::from(ticks);
            let text = |nanos| match column.holds {
                Times { universal, .. } => time(nanos, universal),
                _ => span(nanos),
            };
            let quartile = |(place, pair): (f64, &[Number])| {
                text((fourth(pair[0].as_whole(), pair[1].as_whole(), place) * nanos).div_euclid(4))
            };
            let mut quartiles = column.places().into_iter().zip(numbers.chunks(2)).map(quartile);
            let mut next = || quartiles.next();
            let mean =
                (column.count > 0).then(|| (column.moments.whole() * nanos).div_euclid(i128::from(column.count)));
            // That of points in time would be no point in time.
            let spread = spread.filter(|_| matches!(column.holds, Spans { .. }));
            let spread = spread.map(|ticks| text((ticks * nanos as f64) as i128));
            let end = |end: Option<Number>| end.map(|number| text(number.as_whole() * nanos));
            let count = Some(column.count.to_string());
            let all = [count, mean.map(text), spread, end(least), next(), next(), next(), end(greatest)];
            Arc::new(StringArray::from(all.to_vec()))
        }
    }
}

impl Column {
    /// Where the quartiles are among the values in order, between two of them; nowhere, if there are no values.
    pub(super) fn places(&self) -> Vec<f64> {
        let last = self.count.saturating_sub(1) as f64;
        if self.count == 0 { Vec::new() } else { QUARTERS.map(|quarter| last * quarter).to_vec() }
    }
}

/// Between two neighbours, as NumPy does it: from the nearer one, so that the result never leaves them.
fn between(low: f64, high: f64, part: f64) -> f64 {
    if low == high {
        low
    } else if part < 0.5 {
        low + (high - low) * part
    } else {
        high - (high - low) * (1.0 - part)
    }
}

/// Four times what is between two neighbours, exactly: a place of a quartile is a whole number of fourths.
fn fourth(low: i128, high: i128, place: f64) -> i128 {
    low * 4 + (high - low) * (place.fract() * 4.0) as i128
}

/// A point in time, by nanoseconds from 1970 on.
fn time(nanos: i128, universal: bool) -> String {
    let fine = i64::try_from(nanos).ok().and_then(as_datetime::<TimestampNanosecondType>);
    let coarse = || i64::try_from(nanos.div_euclid(1_000)).ok().and_then(as_datetime::<TimestampMicrosecondType>);
    // What no calendar has is told as what it is.
    let told = fine.or_else(coarse).map_or_else(|| format!("{nanos} ns"), |time| time.to_string());
    told + if universal { "+00:00" } else { "" }
}

/// A duration, as pandas writes it.
fn span(nanos: i128) -> String {
    let (days, rest) = (nanos.div_euclid(86_400 * SECOND), nanos.rem_euclid(86_400 * SECOND));
    let (seconds, rest) = (rest / SECOND, rest % SECOND);
    let sign = if days < 0 { "+" } else { "" };
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let fraction = match rest {
        0 => String::new(),
        micros if micros % 1_000 == 0 => format!(".{:06}", micros / 1_000),
        nanos => format!(".{nanos:09}"),
    };
    format!("{days} days {sign}{hours:02}:{minutes:02}:{seconds:02}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_are_told_as_people_and_pandas_read_them() {
        let midnight = 19_783 * 86_400 * SECOND;
        assert_eq!(time(midnight, false), "2024-03-01 00:00:00");
        assert_eq!(time(midnight + SECOND / 2, true), "2024-03-01 00:00:00.500+00:00");
        assert_eq!(time(-1, false), "1969-12-31 23:59:59.999999999");
        assert_eq!(time(253_402_300_799 * SECOND, false), "9999-12-31 23:59:59");
        let spans = [0, 93_784 * SECOND, -3 * SECOND, SECOND / 2, 1].map(span);
        let told = ["0 days 00:00:00", "1 days 02:03:04", "-1 days +23:59:57", "0 days 00:00:00.500000"];
        assert_eq!(spans[..4], told);
        assert_eq!(spans[4], "0 days 00:00:00.000000001");
    }

    #[test]
    fn what_is_between_large_whole_numbers_is_exact() {
        let low = i128::from(i64::MAX) - 2;
        assert_eq!(fourth(low, low + 2, 7.5), 4 * (low + 1));
        assert_eq!(fourth(-7, -3, 0.25), -24);
    }
}
