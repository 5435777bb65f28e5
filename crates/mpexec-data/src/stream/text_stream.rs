//! A text read as it comes, unpacked if it is compressed, and cut into batches of whole rows.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use memchr::{memchr, memrchr};

use super::Packing;
use super::temporary::temporary;
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
    /// Whether rows are handed on as they come.
    live: bool,
    /// Where what is read lies first, if they are.
    chunk: Vec<u8>,
}

/// So many bytes are a batch.
const BATCH: usize = 1 << 20;

/// So many bytes show what a text is and how it is written.
const START: usize = 64 << 10;

/// So much is read at once of what is handed on as it comes.
const CHUNK: usize = 256 << 10;

/// So many bytes are read of what begins as no text does, to see what it is.
const MAGIC: usize = 16;

/// No row is longer. One is held as a whole, so somebody's endless line would take all memory.
const LONGEST_ROW: usize = 256 << 20;

impl TextStream {
    /// Begins to read. `path` is only named in errors.
    ///
    /// # Errors
    /// [`DataError::Empty`] if there is nothing, [`DataError::Io`] if it cannot be read or unpacked.
    pub fn new(file: File, path: impl Into<PathBuf>) -> Result<TextStream, DataError> {
        let mut stream = TextStream::begun(file, path.into())?;
        stream.fill(START)?;
        if stream.ahead.is_empty() {
            return Err(DataError::Empty { path: stream.path });
        }
        Ok(stream)
    }

    /// Begins to read what somebody may still be writing: rows are handed on as they come, and no more is waited for than is needed. Of CSV
    /// that is the beginning all the same, which shows how it is written; only where the first row is a number and nothing else there is nothing to be
    /// seen. What is empty is a text without rows.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("data");
    /// std::fs::write(&path, "\n\"a\"\n\"b\"\n")?;
    /// let mut text = mpexec_data::TextStream::live(std::fs::File::open(&path)?, &path)?;
    /// assert_eq!(text.first_line()?, b"\"a\"\n");
    /// assert_eq!(text.next_lines()?, Some(b"\n\"a\"\n\"b\"\n".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Io`] if it cannot be read or unpacked.
    pub fn live(file: File, path: impl Into<PathBuf>) -> Result<TextStream, DataError> {
        Ok(TextStream { live: true, chunk: vec![0; CHUNK], ..TextStream::begun(file, path.into())? })
    }

    fn begun(file: File, path: PathBuf) -> Result<TextStream, DataError> {
        let mut packed: Box<dyn BufRead + Send> = Box::new(BufReader::with_capacity(START, file));
        let mut start = Vec::new();
        while Packing::may_begin(&start) {
            let read = packed.by_ref().take(1).read_to_end(&mut start);
            if read.map_err(|cause| DataError::Io { path: path.clone(), doing: "read it", cause })? == 0 {
                break;
            }
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
        let (ahead, ended, live, chunk) = (Vec::new(), false, false, Vec::new());
        Ok(TextStream { reader, packing, path, ahead, ended, live, chunk })
    }

    /// What it holds. What is no text can be put into a [file](TextStream::into_file).
    ///
    /// # Errors
    /// [`DataError::Unknown`] if that cannot be read.
    pub fn format(&self) -> Result<Format, DataError> {
        let seen = if self.live && self.begins_as_text() { self.line().1 } else { self.ahead.len() };
        let start = &self.ahead[..seen.min(1024)];
        Format::of(start).ok_or_else(|| DataError::Unknown { path: self.path.clone(), seen: sniff::describe(start) })
    }

    /// The first line that is not blank, with its end; nothing if there is none. A mark before the first byte is left behind.
    ///
    /// # Errors
    /// As [`next_lines`](TextStream::next_lines).
    pub fn first_line(&mut self) -> Result<&[u8], DataError> {
        loop {
            if self.ahead.starts_with(MARK) {
                self.ahead.drain(..MARK.len());
            }
            let (begin, end) = self.line();
            let seen = match self.begins_as_text() {
                true => end > begin && self.ahead[end - 1] == b'\n',
                false => self.ahead.len() >= MAGIC,
            };
            if seen || self.ended {
                return Ok(&self.ahead[begin..end]);
            }
            if self.ahead.len() >= LONGEST_ROW {
                return Err(DataError::LongRow { path: self.path.clone(), limit: LONGEST_ROW as u64 });
            }
            self.read_some()?;
        }
    }

    /// Where the first line that is not blank begins and ends, as far as it is there.
    fn line(&self) -> (usize, usize) {
        let begin = self.ahead.len() - self.ahead.trim_ascii_start().len();
        (begin, memchr(b'\n', &self.ahead[begin..]).map_or(self.ahead.len(), |end| begin + end + 1))
    }

    /// Whether it does not begin as something else than text may.
    fn begins_as_text(&self) -> bool {
        self.ahead.first().is_none_or(|first| first.is_ascii_graphic() || first.is_ascii_whitespace())
    }

    /// All of it, unpacked, in a temporary file without a name, from which any place can be read.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("data");
    /// std::fs::write(&path, "a,b\n1,2\n3,4\n")?;
    /// let text = mpexec_data::TextStream::new(std::fs::File::open(&path)?, &path)?;
    /// let file = mpexec_data::DataFile::from_file(text.into_file()?, &path)?;
    /// assert_eq!((file.format()?, file.length()), (mpexec_data::Format::Csv, 12));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`next_lines`](TextStream::next_lines), and [`DataError::Temporary`] or [`DataError::Io`] if the file cannot be made or written.
    pub fn into_file(mut self) -> Result<File, DataError> {
        let mut kept = temporary()?;
        self.chunk.resize(CHUNK, 0);
        loop {
            kept.write_all(&self.ahead).map_err(|cause| DataError::Io {
                path: self.path.clone(),
                doing: "be kept in a temporary file",
                cause,
            })?;
            self.ahead.clear();
            if self.ended {
                return Ok(kept);
            }
            self.read_some()?;
        }
    }

    /// How it is written, if it is CSV; what is known is given. What comes before the data is left behind.
    ///
    /// # Errors
    /// [`DataError::Rowless`] if there is no row, or no end of the first one.
    pub fn csv(&mut self, delimiter: Option<u8>, header: Option<bool>) -> Result<CsvTable, DataError> {
        if self.live && !is_number(self.first_line()?) {
            self.fill(START)?;
        }
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
        let mut wanted = if self.live { 0 } else { BATCH };
        loop {
            self.fill(wanted)?;
            if self.ended {
                let rest = std::mem::take(&mut self.ahead);
                return Ok(Some(rest).filter(|rest| !rest.is_empty()));
            }
            if let Some(at) = last_start(&self.ahead).filter(|&at| at > 0) {
                let rest = self.ahead.split_off(at);
                return Ok(Some(std::mem::replace(&mut self.ahead, rest)));
            }
            if self.ahead.len() >= LONGEST_ROW {
                return Err(DataError::LongRow { path: self.path.clone(), limit: LONGEST_ROW as u64 });
            }
            // What is long already is looked through again only when it has become much longer.
            match self.live && self.ahead.len() < BATCH {
                true => self.read_line()?,
                false => wanted = self.ahead.len() * 2,
            }
        }
    }

    /// Reads on until a line ends, or much has come.
    fn read_line(&mut self) -> Result<(), DataError> {
        let mut seen = self.ahead.len();
        while !self.ended && seen < BATCH {
            self.read_some()?;
            if memrchr(b'\n', &self.ahead[seen..]).is_some() {
                break;
            }
            seen = self.ahead.len();
        }
        Ok(())
    }

    /// Reads what is there, or waits until something is.
    fn read_some(&mut self) -> Result<(), DataError> {
        let read = loop {
            match self.reader.read(&mut self.chunk) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(|cause| self.told(cause))?,
            }
        };
        self.ahead.extend_from_slice(&self.chunk[..read]);
        self.ended |= read == 0;
        Ok(())
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

    /// How it is compressed, if it is.
    pub fn packing(&self) -> Option<Packing> {
        self.packing
    }

    /// What it is called in errors.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

const MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a line is one number and nothing else.
fn is_number(line: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Number>(line).is_ok()
}

impl std::fmt::Debug for TextStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextStream").field("path", &self.path).field("packing", &self.packing).finish_non_exhaustive()
    }
}
