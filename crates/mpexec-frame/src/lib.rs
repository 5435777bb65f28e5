//! Data frames in worker processes: functions over record batches, columns and rows.
//!
//! A frame is a file or several ([`FrameFile`]), of which each worker reads its own parts, or any batches of one schema. Those travel as Arrow IPC in
//! shared memory, and a worker reads the columns where they lie. What comes back keeps the order, and batches are read as results are taken, so a frame of any
//! length needs little memory.
//!
//! | what the function gets | and gives | call |
//! |---|---|---|
//! | a chunk | a chunk of any length | [`map_chunks`] |
//! | a chunk | a chunk of the same length, row for row | [`map_rows`] |
//! | a column | a column | [`map_columns`], of a file [`map_file_columns`] |
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # mpexec_core::init();
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("prices.csv");
//! # std::fs::write(&path, "a,b\n1,2\n3,4\n")?;
//! use arrow_array::RecordBatch;
//! use mpexec_core::{Pool, Workers};
//! use mpexec_frame::{FrameFile, FrameOutput, map_rows};
//!
//! let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
//! let only_b = |batch: RecordBatch| batch.project(&[1]);
//! let mut output = FrameOutput::create(path.with_extension("parquet"))?;
//! for batch in map_rows(&pool, FrameFile::open(&path)?.chunks(&pool, 65_536)?, only_b) {
//!     output.write(&batch?)?;
//! }
//! output.commit()?;
//! # Ok(())
//! # }
//! ```
//!
//! All of them run in the workers of a pool, and with a run folder ([`Workplace::kept`]) what was computed is kept and not computed again.
//!
//! [`describe`], [`normalize_rows`] and [`normalize_column`] are there already.
#![forbid(unsafe_code)]

mod array;
mod carry;
mod chunk;
mod columns;
mod describe;
mod error;
mod file;
mod kinds;
mod map;
mod normalize;
mod output;
mod select;
mod text;
mod watch;
mod workplace;

pub use arrow_array::RecordBatch;
pub use chunk::Chunk;
pub use columns::{map_columns, map_file_columns};
pub use describe::describe;
pub use error::FrameError;
pub use file::{Batches, Chunks, FrameFile, Reading};
pub use map::{Mapped, map_chunks, map_rows};
pub use normalize::{normalize_column, normalize_rows};
pub use output::{FrameOutput, concat, csv_text};
pub use watch::Event;
pub use workplace::Workplace;
