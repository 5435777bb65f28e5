//! Where a text comes from: a file of which workers read their own parts, or a stream that is read here and cut into batches.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use mpexec::names::shown;
use mpexec::tasks::Piece;
use mpexec_data::{CsvTable, DataError, DataFile, Format, JsonTable, TextStream};

use super::Outputs;
use crate::failure::Failure;
use crate::plan::Reading;

/// What people call standard input.
const STDIN: &str = "standard input";

/// Files by which a program names what it was given already open.
const GIVEN: [&str; 3] = ["/dev/stdin", "/dev/fd/", "/proc/self/fd/"];

/// An input that was opened.
#[derive(Debug)]
pub(crate) enum Source {
    File(DataFile),
    Stream(Box<RefCell<TextStream>>),
}

impl Source {
    /// Opens the file of this name; `-` is standard input.
    ///
    /// # Errors
    /// A [`Failure`] of files, or of usage if it is one of the outputs.
    pub(crate) fn open(path: &Path, outputs: &Outputs) -> Result<Source, Failure> {
        if path == Path::new("-") {
            let given = io::stdin().as_fd().try_clone_to_owned();
            return Source::given(given.map(File::from), Path::new(STDIN), outputs);
        }
        if Source::is_given(path) {
            return Source::given(File::open(path), path, outputs);
        }
        let file = DataFile::open(path)?;
        outputs.refuse(file.file(), path)?;
        Source::of_file(file)
    }

    /// Whether this names what can be opened once only: what was given already open, or a pipe.
    pub(crate) fn is_given(path: &Path) -> bool {
        path == Path::new("-")
            || std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
            || GIVEN.iter().any(|given| path.as_os_str().as_encoded_bytes().starts_with(given.as_bytes()))
    }

    /// What was opened by whoever started this program: a pipe, or a file from its first byte or a later one on.
    fn given(file: io::Result<File>, name: &Path, outputs: &Outputs) -> Result<Source, Failure> {
        let io = |cause| Failure::from(DataError::Io { path: name.into(), doing: "open it", cause });
        let mut file = file.map_err(io)?;
        outputs.refuse(&file, name)?;
        let from_first_byte = file.metadata().map_err(io)?.is_file() && file.stream_position().map_err(io)? == 0;
        if from_first_byte {
            return Source::of_file(DataFile::from_file(file, name)?);
        }
        Ok(Source::Stream(Box::new(RefCell::new(TextStream::new(file, name)?))))
    }

    fn of_file(file: DataFile) -> Result<Source, Failure> {
        if file.packing().is_some() {
            let path = file.path().to_path_buf();
            return Ok(Source::Stream(Box::new(RefCell::new(TextStream::new(file.into_file(), path)?))));
        }
        Ok(Source::File(file))
    }

    /// The same as a file of which any place can be read: what is none is put into a temporary one.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(crate) fn settled(self) -> Result<DataFile, Failure> {
        match self {
            Source::File(file) => Ok(file),
            Source::Stream(stream) => {
                let stream = stream.into_inner();
                let path = stream.path().to_path_buf();
                Ok(DataFile::from_file(stream.into_file()?, path)?)
            }
        }
    }

    /// What it holds.
    pub(crate) fn format(&self) -> Result<Format, DataError> {
        match self {
            Source::File(file) => file.format(),
            Source::Stream(stream) => stream.borrow().format(),
        }
    }

    pub(crate) fn csv(&self, reading: &Reading) -> Result<CsvTable, DataError> {
        match self {
            Source::File(file) => file.csv(reading.delimiter, reading.header),
            Source::Stream(stream) => stream.borrow_mut().csv(reading.delimiter, reading.header),
        }
    }

    pub(crate) fn json(&self) -> Result<JsonTable, DataError> {
        match self {
            Source::File(file) => file.json(),
            Source::Stream(stream) => stream.borrow_mut().json(),
        }
    }

    /// The next batch of a stream; there is none of a file.
    pub(crate) fn next_batch(&self, csv_delimiter: Option<u8>) -> Result<Option<Piece>, DataError> {
        let Source::Stream(stream) = self else { return Ok(None) };
        let mut stream = stream.borrow_mut();
        let bytes = match csv_delimiter {
            Some(delimiter) => stream.next_csv(delimiter)?,
            None => stream.next_lines()?,
        };
        Ok(bytes.map(|bytes| Piece::Here { name: shown(stream.path()), bytes }))
    }

    /// Its length in bytes, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Source::File(file) => Some(file.length()),
            Source::Stream(_) => None,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Source::File(file) => file.path().to_path_buf(),
            Source::Stream(stream) => stream.borrow().path().to_path_buf(),
        }
    }
}
