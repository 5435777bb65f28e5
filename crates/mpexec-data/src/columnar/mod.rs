//! Tables that lie column by column and have types: Parquet and Arrow IPC, read and written by the Arrow project's own crates.
//!
//! Opening reads the footer and nothing else. A part is a row group or a record batch; its chosen columns are decoded, a few
//! thousand rows at a time, and counted with the bounds of their own types.

mod chosen;
mod count;
mod file;
mod json;
mod plain;
mod write;

pub use chosen::columns_of;
pub use file::{Batches, ColumnarFile};
pub use json::JsonRows;
pub(crate) use plain::plain;
pub(crate) use write::{BatchWriter, of_arrow};
pub use write::{ColumnarFormat, CountsColumns};
