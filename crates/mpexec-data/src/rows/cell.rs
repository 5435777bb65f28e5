//! One cell of a row.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::table::{is_missing, truth};

/// What stands in one cell.
///
/// ```
/// use mpexec_data::Cell;
/// assert_eq!(Cell::parse(b" 18446744073709551616"), Cell::Whole(18_446_744_073_709_551_616));
/// assert_eq!((Cell::parse(b"2.50"), Cell::parse(b"NA")), (Cell::Float(2.5), Cell::Missing));
/// assert_eq!(Cell::parse(b"pear"), Cell::Text("pear".into()));
/// assert_eq!((Cell::parse(b"true").number(), Cell::Missing.number().map(f64::is_nan)), (Some(1.0), Some(true)));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Missing,
    /// A whole number; a truth value is 0 or 1.
    Whole(i128),
    /// Any other number; never one that is none (NaN), which is missing.
    Float(f64),
    /// Anything else.
    Text(Cow<'a, str>),
}

/// What a cell may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Want {
    /// A number, or nothing.
    Numbers,
    /// Anything.
    #[default]
    Anything,
}

impl<'a> Cell<'a> {
    /// What a cell of a text says. Spaces around it are ignored.
    pub fn parse(cell: &'a [u8]) -> Cell<'a> {
        let trimmed = cell.trim_ascii();
        if let Ok(text) = std::str::from_utf8(trimmed) {
            let numeric = |byte| matches!(byte, b'0'..=b'9' | b'-' | b'+');
            if text.bytes().all(numeric)
                && let Ok(whole) = text.parse()
            {
                return Cell::Whole(whole);
            }
            if let Ok(number) = text.parse() {
                return Cell::float(number);
            }
            if let Some(truth) = truth(text) {
                return Cell::Whole(truth.into());
            }
        }
        if is_missing(trimmed) { Cell::Missing } else { Cell::Text(String::from_utf8_lossy(trimmed)) }
    }

    /// A number of a file that has types.
    pub fn float(number: f64) -> Cell<'a> {
        if number.is_nan() { Cell::Missing } else { Cell::Float(number) }
    }

    /// The number as float64, NaN if it is missing; `None` if it is a text.
    pub fn number(&self) -> Option<f64> {
        match self {
            Cell::Missing => Some(f64::NAN),
            Cell::Whole(whole) => Some(*whole as f64),
            Cell::Float(number) => Some(*number),
            Cell::Text(_) => None,
        }
    }

    /// The same, of its own.
    pub(super) fn into_owned(self) -> Cell<'static> {
        match self {
            Cell::Missing => Cell::Missing,
            Cell::Whole(whole) => Cell::Whole(whole),
            Cell::Float(number) => Cell::Float(number),
            Cell::Text(text) => Cell::Text(text.into_owned().into()),
        }
    }

    /// Whether it may stand where these are wanted.
    pub(super) fn is(&self, want: Want) -> bool {
        want == Want::Anything || !matches!(self, Cell::Text(_))
    }
}
