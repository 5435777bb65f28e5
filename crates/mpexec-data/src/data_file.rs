//! A file opened before anybody knows what it holds.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::{CsvTable, DataError, DialectError, Format, JsonTable, Packing, open, sniff};

/// A regular file, open, of which the beginning was looked at.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("data");
/// std::fs::write(&path, "a,b\n1,2\n")?;
/// let file = mpexec_data::DataFile::open(&path)?;
/// assert_eq!(file.format()?, mpexec_data::Format::Csv);
/// assert_eq!(file.csv(None, None)?.names, ["a", "b"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DataFile {
    file: File,
    path: PathBuf,
    length: u64,
    start: Vec<u8>,
}

/// So much of a file shows what it is.
const START: u64 = 1024;

/// So much of a text is looked at for how it is written, and at most so much if its first row is longer.
const SAMPLE: u64 = 64 << 10;
const LONGEST_SAMPLE: u64 = 64 << 20;

impl DataFile {
    /// Opens the file and reads how it begins.
    ///
    /// # Errors
    /// Whatever is wrong with the path, as a [`DataError`] that names it.
    pub fn open(path: impl AsRef<Path>) -> Result<DataFile, DataError> {
        let path = path.as_ref();
        DataFile::from_file(open::open(path)?, path)
    }

    /// The same with a file that is open already. `path` is only named in errors; the position of `file` does not matter.
    ///
    /// # Errors
    /// Those of [`open`](DataFile::open).
    pub fn from_file(file: File, path: impl Into<PathBuf>) -> Result<DataFile, DataError> {
        let path = path.into();
        let length = open::regular_length(&file, &path)?;
        let mut opened = DataFile { file, path, length, start: Vec::new() };
        let mut start = Vec::new();
        opened.read(0..length.min(START), &mut start)?;
        opened.start = start;
        Ok(opened)
    }

    /// What it holds.
    ///
    /// # Errors
    /// [`DataError::Unknown`] if that cannot be read.
    pub fn format(&self) -> Result<Format, DataError> {
        let unknown = || DataError::Unknown { path: self.path.clone(), seen: sniff::describe(&self.start) };
        Format::of(&self.start).ok_or_else(unknown)
    }

    /// How it is written, if it is CSV; what is known is given.
    ///
    /// # Errors
    /// [`DataError::Rowless`] if there is no row, or no end of the first one.
    pub fn csv(&self, delimiter: Option<u8>, header: Option<bool>) -> Result<CsvTable, DataError> {
        self.guess(|start, whole| CsvTable::guess(start, whole, delimiter, header))
    }

    /// What its rows are, if they are JSON.
    ///
    /// # Errors
    /// As [`csv`](DataFile::csv).
    pub fn json(&self) -> Result<JsonTable, DataError> {
        self.guess(JsonTable::guess)
    }

    fn guess<T>(&self, look: impl Fn(&[u8], bool) -> Result<T, DialectError>) -> Result<T, DataError> {
        let mut start = Vec::new();
        let mut sample = SAMPLE;
        loop {
            let whole = sample >= self.length;
            self.read(0..self.length.min(sample), &mut start)?;
            match look(&start, whole) {
                Ok(table) => return Ok(table),
                Err(DialectError::Unfinished) if sample < LONGEST_SAMPLE => sample *= 8,
                Err(fault) => return Err(DataError::Rowless { path: self.path.clone(), fault }),
            }
        }
    }

    pub(crate) fn begins_with(&self, magic: &[u8]) -> bool {
        self.start.starts_with(magic)
    }

    /// How it is compressed; `None` if it is not, or in a way that cannot be read.
    pub fn packing(&self) -> Option<Packing> {
        Packing::of(&self.start)
    }

    /// Reads these bytes, and puts them in the place of what is in `buffer`.
    ///
    /// # Errors
    /// [`DataError::Shrunk`] if the file has them no longer, [`DataError::Io`] if it cannot be read.
    pub fn read(&self, range: Range<u64>, buffer: &mut Vec<u8>) -> Result<(), DataError> {
        let io = |cause| DataError::Io { path: self.path.clone(), doing: "read it", cause };
        let length = usize::try_from(range.end - range.start).map_err(|_| io(io::ErrorKind::OutOfMemory.into()))?;
        // What is there already is read over, so it need not be cleared.
        buffer.resize(length, 0);
        self.fill(range, buffer)
    }

    /// Reads these bytes and appends them to `buffer`.
    pub(crate) fn read_on(&self, range: Range<u64>, buffer: &mut Vec<u8>) -> Result<(), DataError> {
        let before = buffer.len();
        let io = |cause| DataError::Io { path: self.path.clone(), doing: "read it", cause };
        let more = usize::try_from(range.end - range.start).map_err(|_| io(io::ErrorKind::OutOfMemory.into()))?;
        buffer.resize(before + more, 0);
        self.fill(range, &mut buffer[before..])
    }

    /// Reads these bytes over what is in `buffer`.
    pub(crate) fn fill(&self, range: Range<u64>, buffer: &mut [u8]) -> Result<(), DataError> {
        let io = |cause| DataError::Io { path: self.path.clone(), doing: "read it", cause };
        self.file.read_exact_at(buffer, range.start).map_err(|cause| {
            let found = self.file.metadata().map_or(0, |metadata| metadata.len());
            if cause.kind() == io::ErrorKind::UnexpectedEof && found < range.end {
                DataError::Shrunk { path: self.path.clone(), expected: range.end, found }
            } else {
                io(cause)
            }
        })
    }

    /// The file itself, to be handed to another process. Its position has no meaning.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The file itself, for a reader of its format.
    pub fn into_file(self) -> File {
        self.file
    }

    /// The path the file was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How long it was when it was opened.
    pub fn length(&self) -> u64 {
        self.length
    }
}
