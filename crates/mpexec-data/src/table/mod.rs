//! Tables of any format, as what counting in them has in common: which columns, which cells are in range, what becomes of a
//! row that is broken, and the counts of one part.

mod bad_row;
mod cells;
mod columns;
mod counts;

pub use bad_row::{BadRow, OnBadRow, RowFault};
pub use cells::{CellBounds, MISSING, is_missing};
pub(crate) use cells::{is_number_or_missing, truth};
pub use columns::{ColumnError, Columns};
pub use counts::{PartCounts, RowCounts};
