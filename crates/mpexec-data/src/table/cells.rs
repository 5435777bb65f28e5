//! One cell of a text, held against the bounds.
//!
//! A text has no types, so each cell is taken for what it says: a whole number of at most 64 bits is compared exactly, as one in an
//! array of integers is; any other number as float64, as one in an array of float64 is. A missing value is in no range.

use std::ops::RangeInclusive;

use crate::bounds::{Interval, first};
use crate::{Bounds, BoundsError, DType};

/// What stands in tables for a value that is not there: the list of pandas.
///
/// ```
/// assert!(mpexec_data::MISSING.contains(&"NA") && mpexec_data::MISSING.contains(&""));
/// ```
pub const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// Truth values, as Python and others write them.
const TRUTH: [&str; 6] = ["true", "True", "TRUE", "false", "False", "FALSE"];

/// So many digits fit into 63 bits, whatever they are.
const SAFE_DIGITS: usize = 18;

/// A minimum and a maximum, ready for cells of any kind.
///
/// ```
/// use mpexec_data::CellBounds;
/// let bounds = CellBounds::parse("4", "8")?;
/// assert_eq!(bounds.holds(b"4"), Some(true));
/// assert_eq!(bounds.holds(b" 8.5"), Some(false));
/// assert_eq!(bounds.holds(b"NA"), Some(false)); // a missing value is in no range
/// assert_eq!(bounds.holds(b"four"), None); // no number at all
/// # Ok::<(), mpexec_data::BoundsError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CellBounds {
    signed: Interval,
    unsigned: Interval,
    float: Interval,
}

impl CellBounds {
    /// Reads both bounds as Python reads numbers.
    ///
    /// # Errors
    /// Those of [`Bounds::parse`].
    pub fn parse(minimum: &str, maximum: &str) -> Result<CellBounds, BoundsError> {
        let interval = |dtype| Bounds::parse(minimum, maximum, dtype).map(|bounds| bounds.interval());
        Ok(CellBounds { signed: interval(DType::I64)?, unsigned: interval(DType::U64)?, float: interval(DType::F64)? })
    }

    /// Whether the number in the cell is in range; `None` if it is no number. A truth value is 0 or 1, spaces around a number
    /// are ignored, and a missing value is in no range.
    #[inline]
    pub fn holds(&self, cell: &[u8]) -> Option<bool> {
        let digits = cell.strip_prefix(b"-").unwrap_or(cell);
        if matches!(digits.len(), 1..=SAFE_DIGITS) && digits.iter().all(u8::is_ascii_digit) {
            let number = digits.iter().fold(0, |number, &digit| number * 10 + i64::from(digit - b'0'));
            return Some(self.holds_signed(if digits.len() < cell.len() { -number } else { number }));
        }
        self.holds_other(cell)
    }

    /// What is no short whole number.
    fn holds_other(&self, cell: &[u8]) -> Option<bool> {
        let text = std::str::from_utf8(cell.trim_ascii()).ok()?;
        // What has neither point nor exponent nor letters may be whole, and that is to be exact.
        if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b'+') {
            if let Ok(number) = text.parse() {
                return Some(self.holds_signed(number));
            }
            if let Ok(number) = text.parse() {
                return Some(self.holds_unsigned(number));
            }
        }
        if let Ok(number) = text.parse() {
            return Some(self.holds_float(number));
        }
        match text {
            _ if TRUTH.contains(&text) => Some(self.holds_signed(i64::from(text.len() == 4))),
            _ if is_missing(cell) => Some(false),
            _ => None,
        }
    }

    /// The whole numbers of at most `digits` digits that are in range with the decimal point `places` before their end: those that
    /// come next to `number / 10^places` as float64, which is what reading the text gives while both are exact. Without places they
    /// are whole numbers, compared as such.
    pub(crate) fn decimals(&self, digits: u32, places: u32) -> RangeInclusive<i64> {
        let most = 10_i64.pow(digits) - 1;
        let from = |holds: &dyn Fn(i64) -> bool| {
            first(i128::from(-most), i128::from(most), |number| holds(number as i64)) as i64
        };
        match (self.signed, self.float) {
            (Interval::Whole { lo, span }, _) if places == 0 => {
                let (lo, hi) = (lo.cast_signed(), lo.wrapping_add(span).cast_signed());
                from(&|number| number >= lo)..=from(&|number| number > hi) - 1
            }
            (_, Interval::F64 { lo, hi }) if places > 0 => {
                let tens = 10_f64.powi(places.cast_signed());
                let value = |number: i64| number as f64 / tens;
                from(&|number| value(number) >= lo)..=from(&|number| hi.is_nan() || value(number) > hi) - 1
            }
            // Empty.
            _ => RangeInclusive::new(1, 0),
        }
    }

    #[inline]
    pub(crate) fn holds_signed(&self, number: i64) -> bool {
        whole(self.signed, number.cast_unsigned())
    }

    pub(crate) fn holds_unsigned(&self, number: u64) -> bool {
        whole(self.unsigned, number)
    }

    #[inline]
    pub(crate) fn holds_float(&self, number: f64) -> bool {
        matches!(self.float, Interval::F64 { lo, hi } if (lo <= number) & (number <= hi))
    }
}

#[inline]
fn whole(interval: Interval, bits: u64) -> bool {
    matches!(interval, Interval::Whole { lo, span } if bits.wrapping_sub(lo) <= span)
}

/// The truth value that a text is.
pub(crate) fn truth(text: &str) -> Option<bool> {
    TRUTH.contains(&text).then_some(text.len() == 4)
}

/// Whether the cell says that there is no value; spaces around it are ignored.
///
/// ```
/// assert!(mpexec_data::is_missing(b" null") && !mpexec_data::is_missing(b"0"));
/// ```
pub fn is_missing(cell: &[u8]) -> bool {
    std::str::from_utf8(cell.trim_ascii()).is_ok_and(|cell| MISSING.contains(&cell))
}

/// Whether the cell is a number, a truth value or says that there is none.
pub(crate) fn is_number_or_missing(cell: &[u8]) -> bool {
    let text = std::str::from_utf8(cell.trim_ascii()).unwrap_or("?");
    text.parse::<f64>().is_ok() || TRUTH.contains(&text) || is_missing(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(minimum: &str, maximum: &str, cell: &str) -> Option<bool> {
        CellBounds::parse(minimum, maximum).unwrap().holds(cell.as_bytes())
    }

    #[test]
    fn numbers_in_every_spelling_are_compared() {
        for cell in ["4", "8", "04", "+4", "4.0", "4e0", " 5", "5 ", "\t6", "0.5e1", "8.", "00000000000000000000000005"]
        {
            assert_eq!(holds("4", "8", cell), Some(true), "{cell}");
        }
        for cell in ["3", "9", "-5", "3.999", "8.0001", "1e300", "-inf", "inf", "Infinity", "true", "FALSE"] {
            assert_eq!(holds("4", "8", cell), Some(false), "{cell}");
        }
        assert_eq!((holds("0", "1", "True"), holds("1", "1", "false")), (Some(true), Some(false)));
    }

    #[test]
    fn missing_values_are_in_no_range_and_other_texts_are_no_numbers() {
        for cell in MISSING {
            assert_eq!(holds("-inf", "inf", cell), Some(false), "{cell:?}");
            assert!(is_number_or_missing(cell.as_bytes()));
        }
        for cell in ["-", "+", "four", "1,5", "0x10", "1_000", "1 2", "--1", "é", "4\u{663}"] {
            assert_eq!(holds("-inf", "inf", cell), None, "{cell:?}");
            assert!(!is_number_or_missing(cell.as_bytes()));
        }
    }

    #[test]
    fn whole_numbers_are_exact_where_float64_is_not() {
        assert_eq!(holds("9007199254740993", "9007199254740993", "9007199254740993"), Some(true));
        assert_eq!(holds("9007199254740993", "9007199254740993", "9007199254740992"), Some(false));
        assert_eq!(holds("18446744073709551615", "18446744073709551615", "18446744073709551615"), Some(true));
        assert_eq!(holds("18446744073709551615", "18446744073709551615", "18446744073709551614"), Some(false));
        assert_eq!(holds("-9223372036854775808", "-9223372036854775808", "-9223372036854775808"), Some(true));
        // Beyond 64 bits there is only the float.
        assert_eq!(holds("1e20", "1e20", "100000000000000000000"), Some(true));
    }
}
