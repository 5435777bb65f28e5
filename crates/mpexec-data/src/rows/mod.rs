//! Rows of cells, whatever the format: what a function gets that wants more of a row than to count in it.
//!
//! Each format has its own reader here, and all of them show rows to one visitor, in order, with what becomes of bad ones.

mod array;
mod batch;
mod cell;
mod csv;
mod json;
mod write;

use serde::{Deserialize, Serialize};

pub use cell::{Cell, Want};
pub use json::JsonRow;
pub use write::{NumbersWriter, RowsFormat};

use crate::table::{BadRow, OnBadRow};

/// How the rows of a text are read: what a cell may be, and what becomes of a row with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowReading {
    /// What a cell may be.
    pub want: Want,
    /// What becomes of a row with another.
    pub on_bad_row: OnBadRow,
}

/// What is known of a part when its rows were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRows {
    /// The rows that were shown.
    pub rows: u64,
    /// The line ends in this part, if it is one of a text.
    pub lines: u64,
    /// The rows that could not be read.
    pub bad: u64,
    /// The first of these.
    pub first_bad: Option<BadRow>,
    /// Those that were not shown because they are bad, by their places among all rows of the part, from 0 on.
    pub left_out: Vec<u64>,
}

impl PartRows {
    /// Decides about a bad row. `true`: it is to be shown, with what is wrong in it taken for missing.
    fn judge(&mut self, bad: BadRow, on_bad_row: OnBadRow) -> Result<bool, BadRow> {
        if on_bad_row == OnBadRow::Fail {
            return Err(bad);
        }
        self.bad += 1;
        self.first_bad.get_or_insert(bad);
        let shown = on_bad_row == OnBadRow::Null;
        if !shown {
            self.left_out.push(self.rows + self.left_out.len() as u64);
        }
        Ok(shown)
    }
}
