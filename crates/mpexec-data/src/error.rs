//! What can be wrong with a file of numbers. Every error is one line that names the file and the fault, because a
//! program prints it as it is; names and foreign bytes are escaped, so that no file can forge a second line.

use std::io;
use std::path::{Path, PathBuf};

use crate::one_line::Named;
use crate::{DType, DialectError};

/// Why a file of numbers cannot be read.
///
/// ```
/// let error = mpexec_data::NpyFile::open("nowhere/data.bin").unwrap_err();
/// assert_eq!(error.to_string(), "nowhere/data.bin: no such file");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the variants are described, the names of their fields say the rest")]
pub enum DataError {
    /// Nothing lies at this path.
    #[error("{}: no such file", Named(path))]
    Missing { path: PathBuf },
    /// The path leads to a folder.
    #[error("{}: is a directory, not a file of numbers", Named(path))]
    Directory { path: PathBuf },
    /// A folder has no file in it that could be read.
    #[error("{}: is a folder without files of data", Named(path))]
    NoFiles { path: PathBuf },
    /// The path leads to a pipe, a socket or a device, which cannot be mapped.
    #[error("{}: is {kind}; only a regular file can be mapped, copy it into one first", Named(path))]
    NotRegular { path: PathBuf, kind: &'static str },
    /// The file has no bytes.
    #[error("{}: is empty", Named(path))]
    Empty { path: PathBuf },
    /// The file does not begin as a `.npy` file does; `seen` says what it looks like instead.
    #[error("{}: is not a .npy file: {seen}", Named(path))]
    NotNpy { path: PathBuf, seen: String },
    /// The file begins as none does that can be read; `seen` says what it looks like.
    #[error("{}: holds no table that can be read: {seen}", Named(path))]
    Unknown { path: PathBuf, seen: String },
    /// A text shows no row.
    #[error("{}: {fault}", Named(path))]
    Rowless { path: PathBuf, fault: DialectError },
    /// There is no place for what can be read only once.
    #[error("a temporary file in {}: cannot be made: {cause}", Named(path))]
    Temporary { path: PathBuf, cause: io::Error },
    /// What is compressed cannot be unpacked.
    #[error("{}: cannot be unpacked from {packing}: {fault}", Named(path))]
    Packed { path: PathBuf, packing: &'static str, fault: String },
    /// What the format's own reader says is wrong with it.
    #[error("{}: is broken {format}: {fault}", Named(path))]
    Columnar { path: PathBuf, format: &'static str, fault: String },
    /// It is packed in a way that is not known here.
    #[error("{}: is Parquet packed with {codec}; Snappy, gzip, zstd and LZ4 are read", Named(path))]
    Codec { path: PathBuf, codec: &'static str },
    /// A column that was to count holds no numbers.
    #[error(
        "{}: the column {name:?} holds {holds} and no numbers; choose columns of numbers with --columns",
        Named(path)
    )]
    ColumnType { path: PathBuf, name: String, holds: String },
    /// A row has no end.
    #[error("{}: a row is longer than {limit} bytes; is it a table?", Named(path))]
    LongRow { path: PathBuf, limit: u64 },
    /// The file is a `.npy` file of a version that does not exist yet.
    #[error("{}: is a .npy file of version {major}.{minor}; versions 1.0, 2.0 and 3.0 are read", Named(path))]
    Version { path: PathBuf, major: u8, minor: u8 },
    /// The header claims to be longer than any header of plain numbers is.
    #[error("{}: its header claims {bytes} bytes; at most {limit} are accepted", Named(path))]
    HeaderTooLong { path: PathBuf, bytes: u64, limit: u64 },
    /// The file ends before what its header promises, or within the header.
    #[error("{}: is cut short: expected {expected} bytes, has {found}", Named(path))]
    CutShort { path: PathBuf, expected: u64, found: u64 },
    /// The header is not the dictionary that NumPy writes.
    #[error("{}: its header is broken: {fault}", Named(path))]
    Header { path: PathBuf, fault: String },
    /// The array holds something else than truth values, and integers or floats of 1 to 8 bytes.
    #[error(
        "{}: holds elements of type {descr}; bool, integers of 8 to 64 bits, float32 and float64 are read",
        Named(path)
    )]
    ElementType { path: PathBuf, descr: String },
    /// The array has no dimension, or more than two.
    #[error("{}: is an array of {dims} dimensions; 1 and 2 are read", Named(path))]
    Dimensions { path: PathBuf, dims: usize },
    /// The shape is larger than any file can hold.
    #[error("{}: its header lies: no file can hold the shape {shape}", Named(path))]
    Shape { path: PathBuf, shape: String },
    /// The file became shorter after it was opened.
    #[error("{}: was cut while it was read: needs {expected} bytes, has {found} now", Named(path))]
    Shrunk { path: PathBuf, expected: u64, found: u64 },
    /// Rows were asked for that the file does not have.
    #[error("{}: has {rows} rows; rows {first}..{end} were asked for", Named(path))]
    Rows { path: PathBuf, rows: u64, first: u64, end: u64 },
    /// The rows do not lie together, because the file stores column after column.
    #[error("{}: is stored column by column, so its rows do not lie together", Named(path))]
    ColumnOrder { path: PathBuf },
    /// The file holds another kind of number than the bounds or the reader were made for.
    #[error("{}: holds {holds}, but {wanted} was asked for", Named(path))]
    OtherType { path: PathBuf, holds: DType, wanted: DType },
    /// The buffer for the counts has not the length that the rows need.
    #[error("{}: the counts need {expected} bytes, the buffer has {found}", Named(path))]
    BufferLength { path: PathBuf, expected: u64, found: u64 },
    /// The operating system refused to open, read or map the file. The cause is part of the line, so it is not given
    /// again as a source.
    #[error("{}: cannot {doing}: {cause}", Named(path))]
    Io { path: PathBuf, doing: &'static str, cause: io::Error },
}

impl DataError {
    /// The file the error is about.
    pub fn path(&self) -> &Path {
        match self {
            DataError::Missing { path }
            | DataError::Directory { path }
            | DataError::NoFiles { path }
            | DataError::NotRegular { path, .. }
            | DataError::Empty { path }
            | DataError::NotNpy { path, .. }
            | DataError::Unknown { path, .. }
            | DataError::Rowless { path, .. }
            | DataError::Temporary { path, .. }
            | DataError::Packed { path, .. }
            | DataError::Columnar { path, .. }
            | DataError::Codec { path, .. }
            | DataError::ColumnType { path, .. }
            | DataError::LongRow { path, .. }
            | DataError::Version { path, .. }
            | DataError::HeaderTooLong { path, .. }
            | DataError::CutShort { path, .. }
            | DataError::Header { path, .. }
            | DataError::ElementType { path, .. }
            | DataError::Dimensions { path, .. }
            | DataError::Shape { path, .. }
            | DataError::Shrunk { path, .. }
            | DataError::Rows { path, .. }
            | DataError::ColumnOrder { path }
            | DataError::OtherType { path, .. }
            | DataError::BufferLength { path, .. }
            | DataError::Io { path, .. } => path,
        }
    }
}
