//! Tables whose rows are lines of fields: CSV, TSV and their kin.
//!
//! A quoted field may hold line ends, so nobody knows from a stretch of bytes alone where its rows begin. That is found in two
//! steps: `survey.rs` says of each stretch what it does to either state it may begin in, and puts these answers together.
//! Parsing itself is csv-core's, and the survey follows its rules exactly; so does `plain.rs`, which counts rows without quotes.

mod count;
mod dialect;
mod keys;
mod marks;
mod plain;
mod records;
mod row;
mod survey;

pub use count::CsvCounter;
pub use dialect::{CsvTable, Dialect, DialectError};
pub use records::CsvRecords;
pub(crate) use row::{RowReader, line_end, line_of, ragged};
pub(crate) use survey::last_row_start;
pub use survey::{Stretch, row_starts, survey_csv};
