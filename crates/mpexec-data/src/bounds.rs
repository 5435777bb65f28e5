//! A minimum and a maximum given as text, turned into an inclusive interval of one kind of number.
//!
//! A number is in range if NumPy says `(array >= minimum) & (array <= maximum)` for it, where the bounds are plain
//! Python numbers (NumPy 2, NEP 50). That rule differs by kind: whole bounds compare exactly with integers, also far
//! outside their type; a floating bound first turns 64-bit integers into float64, which rounds; a bound on float32 is
//! itself rounded to float32. All of these are monotone, so an inclusive interval of the array's own kind says the
//! same, and the kernels need to know none of it.

use crate::DType;

/// Which numbers count: an inclusive range, made for one kind of number.
///
/// ```
/// use mpexec_data::{Bounds, DType};
/// let bounds = Bounds::parse("4", "8", DType::I64)?;
/// assert_eq!(bounds.dtype(), DType::I64);
/// assert!(Bounds::parse("4", "many", DType::I64).is_err());
/// assert!(Bounds::parse("8", "4", DType::I64).is_err());
/// # Ok::<(), mpexec_data::BoundsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    dtype: DType,
    interval: Interval,
}

/// Why two texts are no bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the variants are described, the names of their fields say the rest")]
pub enum BoundsError {
    /// A bound is not a number.
    #[error("the {which} {text:?} is not a number; write it as 4, -7, 2.5, 1e3, inf or nan")]
    NotANumber { which: &'static str, text: String },
    /// No number is at least the minimum and at most the maximum.
    #[error("the minimum {minimum} is greater than the maximum {maximum}; exchange them")]
    Reversed { minimum: String, maximum: String },
}

/// The numbers in range, in the terms of the array's kind. `lo` of an integer is its bit pattern; a number is in range
/// if its distance from `lo`, modulo the width, is at most `span`. That needs one comparison, and the same for signed
/// and unsigned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Interval {
    Empty,
    Whole { lo: u64, span: u64 },
    F32 { lo: f32, hi: f32 },
    F64 { lo: f64, hi: f64 },
}

/// A bound as Python reads it: `4` is whole and `4.0`, `4e0` and `inf` are floating, and they compare differently.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// Clamped to 127 bits and a sign, which no kind of number reaches; the second field is the same as a float.
    Whole(i128, f64),
    Float(f64),
}

impl Bounds {
    /// Reads both bounds as Python reads numbers, and makes them ready for arrays of `dtype`.
    ///
    /// A bound of `nan` is no error: nothing compares with it, so nothing is in range. A whole bound beyond float64
    /// acts as infinity on arrays of floats, where NumPy would raise. Whether the minimum is greater is decided
    /// exactly, as Python would, for whole numbers of up to 127 bits, and in float64 beyond.
    ///
    /// # Errors
    /// [`BoundsError::NotANumber`] for what is not a number, [`BoundsError::Reversed`] if the minimum is greater.
    pub fn parse(minimum: &str, maximum: &str, dtype: DType) -> Result<Bounds, BoundsError> {
        let min = Bound::parse("minimum", minimum)?;
        let max = Bound::parse("maximum", maximum)?;
        if min.exceeds(max) {
            let (minimum, maximum) = (minimum.trim().into(), maximum.trim().into());
            return Err(BoundsError::Reversed { minimum, maximum });
        }
        Ok(Bounds { dtype, interval: interval(min, max, dtype) })
    }

    /// The kind of number the bounds were made for.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Whether no number of the kind can be in range.
    pub fn is_empty(&self) -> bool {
        self.interval == Interval::Empty
    }

    pub(crate) fn interval(&self) -> Interval {
        self.interval
    }
}

impl Bound {
    fn parse(which: &'static str, text: &str) -> Result<Bound, BoundsError> {
        let number = text.trim();
        let error = || BoundsError::NotANumber { which, text: text.into() };
        let float: f64 = number.parse().map_err(|_| error())?;
        let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Bound::Float(float));
        }
        let clamped = if number.starts_with('-') { -i128::MAX } else { i128::MAX };
        let whole = number.parse().unwrap_or(clamped).max(-i128::MAX);
        Ok(Bound::Whole(whole, float))
    }

    /// Compares the exact values, as Python does. Nothing exceeds `nan`.
    fn exceeds(self, other: Bound) -> bool {
        // Rounding keeps the order, so this is never wrong; beyond 128 bits it is all there is.
        self.as_f64() > other.as_f64()
            || match (self, other) {
                (Bound::Whole(a, _), Bound::Whole(b, _)) => a > b,
                (Bound::Float(a), Bound::Float(b)) => a > b,
                // Only the part of a float before its point can decide against a whole number.
                (Bound::Whole(a, _), Bound::Float(b)) => !b.is_nan() && a > floor(b),
                (Bound::Float(a), Bound::Whole(b, _)) => !a.is_nan() && -b > floor(-a),
            }
    }

    fn as_f64(self) -> f64 {
        match self {
            Bound::Whole(_, float) | Bound::Float(float) => float,
        }
    }
}

/// The greatest whole number not above `x`, clamped in the same way.
fn floor(x: f64) -> i128 {
    (x.floor() as i128).max(-i128::MAX)
}

fn interval(min: Bound, max: Bound, dtype: DType) -> Interval {
    if min.as_f64().is_nan() || max.as_f64().is_nan() {
        return Interval::Empty;
    }
    match dtype {
        DType::F64 => Interval::F64 { lo: min.as_f64(), hi: max.as_f64() },
        // Through float64 and from there to float32, also for whole bounds: so does NumPy.
        DType::F32 => Interval::F32 { lo: min.as_f64() as f32, hi: max.as_f64() as f32 },
        _ => {
            let (least, most) = dtype.integer_range().expect("every kind that is no float is an integer");
            let lo = first(least, most, |x| match min {
                Bound::Whole(min, _) => x >= min,
                Bound::Float(min) => x as f64 >= min,
            });
            let above = first(least, most, |x| match max {
                Bound::Whole(max, _) => x > max,
                Bound::Float(max) => x as f64 > max,
            });
            let mask = u64::MAX >> (64 - 8 * dtype.size());
            if lo >= above {
                Interval::Empty
            } else {
                Interval::Whole { lo: lo as u64 & mask, span: (above - 1 - lo) as u64 }
            }
        }
    }
}

/// The first of `least..=most` for which `holds`, which once true stays true; one past `most` if there is none.
pub(crate) fn first(least: i128, most: i128, holds: impl Fn(i128) -> bool) -> i128 {
    let (mut low, mut high) = (least, most + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

// What bounds mean for every kind of number is tested in `tests/numpy_bounds.rs`, against NumPy.
#[cfg(test)]
mod tests {
    use super::*;

    fn fault(minimum: &str, maximum: &str) -> Option<String> {
        Bounds::parse(minimum, maximum, DType::I64).err().map(|error| error.to_string())
    }

    #[test]
    fn what_is_no_number_is_named() {
        for text in ["", " ", "four", "1_000", "0x10", "--1", "1e", "1,5", "\u{663}", "1 2", "nan(1)", "."] {
            assert!(matches!(Bounds::parse("1", text, DType::F32), Err(BoundsError::NotANumber { .. })), "{text}");
        }
        assert_eq!(
            fault("fo\nur", "5").unwrap(),
            r#"the minimum "fo\nur" is not a number; write it as 4, -7, 2.5, 1e3, inf or nan"#
        );
        assert!(fault("5", "x").unwrap().starts_with("the maximum \"x\" is not"));
        for text in ["4", "+4", "-4", " 4\n", "4.", ".4", "4e0", "inf", "-Infinity", "NaN"] {
            assert_eq!(fault(text, "inf"), None, "{text}");
        }
    }

    #[test]
    fn a_minimum_above_the_maximum_is_found_by_the_exact_values() {
        let least = i128::MIN.to_string();
        let long = format!("1{}", "0".repeat(400));
        for (minimum, maximum) in [
            ("8", "4"),
            ("0.5", "0"),
            ("1", "0.5"),
            ("9007199254740993", "9007199254740992.0"),
            ("-9007199254740992.0", "-9007199254740993"),
            (&least, "-1e300"),
            ("1e300", &least),
            (&long, "1e300"),
            ("inf", "-inf"),
        ] {
            let expected = format!("the minimum {minimum} is greater than the maximum {maximum}; exchange them");
            assert_eq!(fault(minimum, maximum), Some(expected));
            assert_eq!(fault(maximum, minimum), None, "{maximum} {minimum}");
        }
        for (same, other) in
            [("4", "4.0"), ("0.0", "-0.0"), ("0", "-0"), ("-5e-324", "0"), ("inf", &long), ("nan", "-inf")]
        {
            assert_eq!(fault(same, other), None, "{same} {other}");
        }
    }

    #[test]
    fn bounds_that_hold_no_number_of_the_kind_are_empty() {
        for (minimum, maximum, dtype) in [
            ("256", "300", DType::U8),
            ("-300", "-1", DType::U64),
            ("0.1", "0.9", DType::I16),
            ("nan", "5", DType::F64),
        ] {
            assert!(Bounds::parse(minimum, maximum, dtype).unwrap().is_empty(), "{minimum} {maximum} {dtype}");
        }
        assert!(!Bounds::parse("-300", "0", DType::U64).unwrap().is_empty());
    }
}
