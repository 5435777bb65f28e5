//! JSON lines: a row a line, as an object with the names of the columns, as an array, or as one value.
//!
//! A line end never stands within a JSON text of one line, so any line end is a place to cut at.

mod count;
mod lines;
mod row;
mod shape;

pub use count::JsonCounter;
pub(crate) use lines::{Line, broken, line_ends, lines};
pub use shape::JsonTable;
