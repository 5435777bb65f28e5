//! A `.npy` file opened: its header read, its length checked, nothing of its numbers touched yet.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::header::{self, HeaderFault, MAX_HEADER};
use crate::{DataError, Layout, Window, open, sniff};

/// An open file of numbers, known by its content and never by its name.
///
/// Opening reads only the header, so it costs the same for a kilobyte and for a terabyte. The file may be longer than
/// its array (NumPy writes several arrays into one file); what follows the first is ignored.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("data.bin");
/// # use mpexec_data::{DType, NpyWriter, Shape};
/// # let mut writer = NpyWriter::new(std::fs::File::create(&path)?, DType::I64, Shape::Matrix(2, 3))?;
/// # for n in [8i64, 8, 3, 0, 4, 2] { writer.write(&n.to_le_bytes())?; }
/// # writer.finish()?;
/// let file = mpexec_data::NpyFile::open(&path)?;
/// assert_eq!((file.layout().rows, file.layout().cols), (2, 3));
/// assert_eq!(file.read_rows::<i64>(1..2)?, [0, 4, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NpyFile {
    file: File,
    layout: Layout,
    path: PathBuf,
}

impl NpyFile {
    /// Opens the file, reads its header and checks that the file is as long as the shape says.
    ///
    /// # Errors
    /// Whatever is wrong with the path, the header or the length, as a [`DataError`] that names it.
    pub fn open(path: impl AsRef<Path>) -> Result<NpyFile, DataError> {
        let path = path.as_ref();
        NpyFile::from_file(open::open(path)?, path)
    }

    /// The same with a file that is open already, to read exactly what another process opened. `path` is only named in
    /// errors; the position of `file` does not matter.
    ///
    /// # Errors
    /// Those of [`open`](NpyFile::open).
    pub fn from_file(file: File, path: impl Into<PathBuf>) -> Result<NpyFile, DataError> {
        let path = path.into();
        let io = |doing, cause| DataError::Io { path: path.clone(), doing, cause };
        let length = open::regular_length(&file, &path)?;
        let start = read_start(&file, length).map_err(|error| io("read its header", error))?;
        let layout = match header::parse(&start) {
            Ok(layout) => layout,
            Err(fault) => return Err(named(fault, path, &start, length)),
        };
        let expected = layout.data_offset + layout.data_bytes();
        if length < expected {
            return Err(DataError::CutShort { path, expected, found: length });
        }
        Ok(NpyFile { file, layout, path })
    }

    /// Where the numbers lie and how to read them.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The path the file was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file itself, to be handed to another process. Its position has no meaning.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Maps the bytes of `count` rows from row `first` on, exactly these, as they lie in the file.
    ///
    /// # Errors
    /// [`DataError::Rows`] if the file has not so many rows, [`DataError::ColumnOrder`] if rows do not lie together,
    /// [`DataError::Shrunk`] if the file was cut since it was opened, [`DataError::Io`] if it cannot be mapped.
    pub fn rows_window(&self, first: u64, count: u64) -> Result<Window, DataError> {
        self.check_rows(&(first..first.saturating_add(count)))?;
        if self.layout.fortran {
            return Err(DataError::ColumnOrder { path: self.path.clone() });
        }
        let row = self.layout.row_bytes();
        self.window(first * row, count * row, count * row <= POPULATE_AT_MOST)
    }

    /// Maps `length` bytes from the byte `begin` of the numbers on. Both lie within the array.
    pub(crate) fn window(&self, begin: u64, length: u64, populate: bool) -> Result<Window, DataError> {
        let offset = self.layout.data_offset + begin;
        let io = |doing, cause| DataError::Io { path: self.path.clone(), doing, cause };
        let found = self.file.metadata().map_err(|error| io("learn its length", error))?.len();
        if found < offset + length {
            return Err(DataError::Shrunk { path: self.path.clone(), expected: offset + length, found });
        }
        let too_large = |_| io("map it", io::Error::from(io::ErrorKind::OutOfMemory));
        let length = usize::try_from(length).map_err(too_large)?;
        Window::map(&self.file, offset, length, populate).map_err(|error| {
            // Cut since its length was asked for, which shows as a bad address.
            let now = self.file.metadata().map_or(found, |metadata| metadata.len());
            let expected = offset + length as u64;
            if now < expected {
                DataError::Shrunk { path: self.path.clone(), expected, found: now }
            } else {
                io("map it", error)
            }
        })
    }

    pub(crate) fn check_rows(&self, rows: &Range<u64>) -> Result<(), DataError> {
        if rows.start <= rows.end && rows.end <= self.layout.rows {
            return Ok(());
        }
        let path = self.path.clone();
        Err(DataError::Rows { path, rows: self.layout.rows, first: rows.start, end: rows.end })
    }
}

/// A program that maps more than this by one call rather wants it to be read as it goes.
const POPULATE_AT_MOST: u64 = 32 << 20;

/// Reads as much of the beginning as the header claims to need, and never more than a header may be long.
fn read_start(file: &File, length: u64) -> io::Result<Vec<u8>> {
    // Nearly every header fits into the first kilobyte; one read then is all.
    let mut start = vec![0; length.min(1024) as usize];
    file.read_exact_at(&mut start, 0)?;
    if let Ok((before, dictionary)) = header::lengths(&start) {
        let whole = (before + dictionary).min(length).min(12 + MAX_HEADER) as usize;
        if whole > start.len() {
            start.resize(whole, 0);
            file.read_exact_at(&mut start, 0)?;
        }
    }
    Ok(start)
}

fn named(fault: HeaderFault, path: PathBuf, start: &[u8], length: u64) -> DataError {
    match fault {
        HeaderFault::NotNpy => DataError::NotNpy { path, seen: sniff::describe(start) },
        HeaderFault::Version(major, minor) => DataError::Version { path, major, minor },
        HeaderFault::TooLong(bytes) => DataError::HeaderTooLong { path, bytes, limit: MAX_HEADER },
        HeaderFault::Cut { expected } => DataError::CutShort { path, expected, found: length },
        HeaderFault::Broken(fault) => DataError::Header { path, fault: crate::one_line::one_line(&fault) },
        HeaderFault::ElementType(descr) => DataError::ElementType { path, descr: crate::one_line::one_line(&descr) },
        HeaderFault::Dimensions(dims) => DataError::Dimensions { path, dims },
        HeaderFault::Shape(shape) => DataError::Shape { path, shape },
    }
}
