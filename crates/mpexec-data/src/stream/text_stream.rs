//! A text read as it comes, unpacked if it is compressed, and cut into batches of whole rows.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use memchr::memrchr;

use super::Packing;
use crate::csv::last_row_start;
use crate::{CsvTable, DataError, DialectError, Format, JsonTable, sniff};

/// A text that is read once, from its beginning to its end.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("data");
/// std::fs::write(&path, "a,b\n1,2\n3,4\n")?;
/// let mut text = mpexec_data::TextStream::new(std::fs::File::open(&path)?, &path)?;
/// assert_eq!(text.format()?, mpexec_data::Format::Csv);
/// assert_eq!(text.csv(None, None)?.names, ["a", "b"]);
/// assert_eq!(text.next_csv(b',')?, Some(b"1,2\n3,4\n".to_vec()));
/// assert_eq!(text.next_csv(b',')?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TextStream {
    reader: Box<dyn Read + Send>,
    packing: Option<Packing>,
    path: PathBuf,
    /// What was read and not handed on.
    ahead: Vec<u8>,
    ended: bool,
}

/// So many bytes are a batch.
const BATCH: usize = 1 << 20;

/// So many bytes show what a text is and how it is written.
const START: usize = 64 << 10;

/// No row is longer. One is held as a whole, so somebody's endless line would take all memory.
const LONGEST_ROW: usize = 256 << 20;

impl TextStream {
    /// Begins to read. `path` is only named in errors.
    ///
    /// # Errors
    /// [`DataError::Empty`] if there is nothing, [`DataError::Io`] if it cannot be read or unpacked.
    pub fn new(file: File, path: impl Into<PathBuf>) -> Result<TextStream, DataError> {
        let path = path.into();
        let mut packed: Box<dyn BufRead + Send> = Box::new(BufReader::with_capacity(START, file));
        let mut start = Vec::new();
        let read = packed.by_ref().take(8).read_to_end(&mut start);
        read.map_err(|cause| DataError::Io { path: path.clone(), doing: "read it", cause })?;
        if start.is_empty() {
            return Err(DataError::Empty { path });
        }
        let packing = Packing::of(&start);
        let whole: Box<dyn BufRead + Send> = Box::new(Cursor::new(start).chain(packed));
        let reader: Box<dyn Read + Send> = match packing {
            None => Box::new(whole),
            Some(packing) => packing.unpack(whole).map_err(|cause| DataError::Io {
                path: path.clone(),
                doing: "unpack it",
                cause,
            })?,
        };
        let mut stream = TextStream { reader, packing, path, ahead: Vec::new(), ended: false };
        stream.fill(START)?;
        if stream.ahead.is_empty() {
            return Err(DataError::Empty { path: stream.path });
        }
        Ok(stream)
    }

    /// What it holds.
    ///
    /// # Errors
    /// [`DataError::Unknown`] if that cannot be read, [`DataError::NoStream`] if it cannot be read from a stream.
    pub fn format(&self) -> Result<Format, DataError> {
        let start = &self.ahead[..self.ahead.len().min(1024)];
        match Format::of(start) {
            Some(format) if format.is_text() => Ok(format),
            Some(format) => Err(DataError::NoStream { path: self.path.clone(), format: format.name() }),
            None => Err(DataError::Unknown { path: self.path.clone(), seen: sniff::describe(start) }),
        }
    }

    /// How it is written, if it is CSV; what is known is given. What comes before the data is left behind.
    ///
    /// # Errors
    /// [`DataError::Rowless`] if there is no row, or no end of the first one.
    pub fn csv(&mut self, delimiter: Option<u8>, header: Option<bool>) -> Result<CsvTable, DataError> {
        let table = self.guess(|start, whole| CsvTable::guess(start, whole, delimiter, header))?;
        self.ahead.drain(..table.data_offset as usize);
        Ok(table)
    }

    /// What its rows are, if they are JSON.
    ///
    /// # Errors
    /// As [`csv`](TextStream::csv).
    pub fn json(&mut self) -> Result<JsonTable, DataError> {
        let table = self.guess(JsonTable::guess)?;
        self.ahead.drain(..table.data_offset as usize);
        Ok(table)
    }

    fn guess<T>(&mut self, look: impl Fn(&[u8], bool) -> Result<T, DialectError>) -> Result<T, DataError> {
        loop {
            match look(&self.ahead, self.ended) {
                Ok(table) => return Ok(table),
                Err(DialectError::Unfinished) if !self.ended && self.ahead.len() < LONGEST_ROW => {
                    self.fill(self.ahead.len() * 2)?;
                }
                Err(fault) => return Err(DataError::Rowless { path: self.path.clone(), fault }),
            }
        }
    }

    /// The next rows of CSV, whole; `None` behind the last.
    ///
    /// # Errors
    /// [`DataError::Io`] if it cannot be read, [`DataError::Packed`] if what is compressed is broken or cut short,
    /// [`DataError::LongRow`] if no row ends for very long.
    pub fn next_csv(&mut self, delimiter: u8) -> Result<Option<Vec<u8>>, DataError> {
        self.next_batch(|text| last_row_start(text, delimiter))
    }

    /// The next lines, whole; `None` behind the last.
    ///
    /// # Errors
    /// As [`next_csv`](TextStream::next_csv).
    pub fn next_lines(&mut self) -> Result<Option<Vec<u8>>, DataError> {
        self.next_batch(|text| memrchr(b'\n', text).map(|at| at + 1))
    }

    fn next_batch(&mut self, last_start: impl Fn(&[u8]) -> Option<usize>) -> Result<Option<Vec<u8>>, DataError> {
        let mut wanted = BATCH;
        loop {
            self.fill(wanted)?;
            if self.ended {
                let rest = std::mem::take(&mut self.ahead);
                return Ok(Some(rest).filter(|rest| !rest.is_empty()));
            }
            if let Some(at) = last_start(&self.ahead) {
                let rest = self.ahead.split_off(at);
                return Ok(Some(std::mem::replace(&mut self.ahead, rest)));
            }
            if self.ahead.len() >= LONGEST_ROW {
                return Err(DataError::LongRow { path: self.path.clone(), limit: LONGEST_ROW as u64 });
            }
            wanted = self.ahead.len() * 2;
        }
    }

    /// Reads on until so many bytes are there, or the end.
    fn fill(&mut self, wanted: usize) -> Result<(), DataError> {
        let missing = wanted.saturating_sub(self.ahead.len());
        if self.ended || missing == 0 {
            return Ok(());
        }
        self.ahead.reserve(missing);
        let read = self.reader.by_ref().take(missing as u64).read_to_end(&mut self.ahead);
        self.ended = read.map_err(|cause| self.told(cause))? < missing;
        Ok(())
    }

    fn told(&self, cause: io::Error) -> DataError {
        let path = self.path.clone();
        match self.packing {
            Some(packing) if cause.raw_os_error().is_none() => {
                let fault = match cause.kind() {
                    io::ErrorKind::UnexpectedEof => "it is cut short".to_owned(),
                    _ => crate::one_line::one_line(&cause.to_string()),
                };
                DataError::Packed { path, packing: packing.name(), fault }
            }
            _ => DataError::Io { path, doing: "read it", cause },
        }
    }

    /// What it is called in errors.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl std::fmt::Debug for TextStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextStream").field("path", &self.path).field("packing", &self.packing).finish_non_exhaustive()
    }
}
