//! Rows of numbers in files: open them, count in them, write the counts.
//!
//! # Open
//!
//! A [`NpyFile`] is a NumPy `.npy` file, known by its content: one or two dimensions, `bool`, integers of 8 to 64
//! bits, `float32` and `float64`, either byte order, rows or columns together. Opening reads the header and nothing else.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("data.bin");
//! use mpexec_data::{DType, NpyFile, NpyWriter, Output, Shape, generate};
//!
//! // The tutorial's table: what RandomState(100).randint(0, 10, size=[200, 5]) makes.
//! let mut writer = NpyWriter::new(Output::create(&path)?, DType::I64, Shape::Matrix(200, 5))?;
//! generate(200, 5, 0, 10, 100, |numbers| {
//!     let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
//!     Ok::<(), Box<dyn std::error::Error>>(writer.write(&bytes)?)
//! })?;
//! writer.finish()?.commit()?;
//!
//! let file = NpyFile::open(&path)?;
//! assert_eq!((file.layout().rows, file.layout().cols, file.layout().dtype), (200, 5, DType::I64));
//! assert_eq!(file.read_rows::<i64>(0..1)?, [8, 8, 3, 7, 7]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Count
//!
//! [`Bounds`] are read as Python reads numbers and mean what NumPy means by comparing with them. [`count_range_into`]
//! counts, for each row of a range, the numbers within them, into the smallest type that holds a count
//! ([`CountWidth`]), and returns a [`Summary`]. A [`Counter`] does the same without room for all counts: it hands them
//! on in blocks ([`Counter::count_with`]) or keeps only the summary ([`Counter::summarise`]). Memory does not grow with
//! the file.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("data.bin");
//! # use mpexec_data::{DType, NpyWriter, Shape};
//! # let mut writer = NpyWriter::new(std::fs::File::create(&path)?, DType::I64, Shape::Matrix(2, 5))?;
//! # for number in [8i64, 8, 3, 7, 7, 0, 4, 2, 5, 2] { writer.write(&number.to_le_bytes())?; }
//! # writer.finish()?;
//! use mpexec_data::{Bounds, NpyFile, count_range_into};
//!
//! let file = NpyFile::open(&path)?;
//! let bounds = Bounds::parse("4", "8", file.layout().dtype)?;
//! let mut counts = [0; 2];
//! let summary = count_range_into(&file, 0..2, &bounds, &mut counts)?;
//! assert_eq!(counts, [4, 2]);
//! assert_eq!(summary.total, 6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Write
//!
//! An [`Output`] is complete or absent, whatever happens to the program. [`CountsText`] writes counts as CSV, JSON
//! lines or plain lines; with [`npy_header`] and [`Output::write_at`] they go straight to their place in a `.npy` file,
//! also from other processes ([`OutputPart`]).
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("counts.jsonl");
//! use mpexec_data::{CountWidth, CountsText, Output, TextFormat};
//!
//! let mut text = CountsText::new(Output::create(&path)?, TextFormat::JsonLines, CountWidth::for_columns(5))?;
//! text.write(&[4, 2])?;
//! text.finish()?.commit()?;
//! assert_eq!(std::fs::read_to_string(&path)?, "{\"row\":0,\"count\":4}\n{\"row\":1,\"count\":2}\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every error is one line that names the file and what is wrong with it.

mod bounds;
mod columnar;
mod columns;
mod count;
mod csv;
mod data_file;
mod dtype;
mod error;
mod folder;
mod format;
mod header;
mod held;
mod json;
mod kernel;
mod layout;
mod lines;
mod literal;
mod map;
mod npy;
mod npy_writer;
mod one_line;
mod open;
mod output;
mod random;
mod read;
mod reference;
mod rows;
mod sniff;
mod stream;
mod summary;
mod table;
mod text;
mod width;

pub use bounds::{Bounds, BoundsError};
pub use columnar::{Batches, ColumnarFile, ColumnarFormat, CountsColumns, JsonRows, columns_of};
pub use count::{Counter, DEFAULT_WINDOW_BYTES, count_range_into};
pub use csv::{CsvCounter, CsvRecords, CsvTable, Dialect, DialectError, Stretch, row_starts, survey_csv};
pub use data_file::DataFile;
pub use dtype::DType;
pub use error::DataError;
pub use folder::files_in;
pub use format::Format;
pub use held::{LastOpened, since_it_was_opened};
pub use json::{JsonCounter, JsonTable};
pub use layout::Layout;
pub use map::Window;
pub use npy::NpyFile;
pub use npy_writer::{NpyWriter, Shape, npy_header};
pub use one_line::one_line;
pub use output::{Output, OutputError, OutputPart};
pub use random::{EmptyRange, LegacyRandom, generate};
pub use read::Element;
pub use reference::FileRef;
pub use rows::{Cell, JsonRow, NumbersWriter, PartRows, RowReading, RowsFormat, Want};
pub use stream::{PackedWriter, Packing, TextStream, settled, temporary};
pub use summary::{FIRST_COUNTS, OtherColumns, Summary};
pub use table::{
    BadRow, CellBounds, ColumnError, Columns, MISSING, OnBadRow, PartCounts, RowCounts, RowFault, is_missing,
};
pub use text::{CountsText, TextFormat};
pub use width::CountWidth;
