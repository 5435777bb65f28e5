//! Where the rows of `map` come from: lines of JSON, CSV, Parquet, Arrow, or a `.npy` array, one row after the other and no more in memory than a
//! part.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::ops::Range;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use mpexec::names::shown;
use mpexec_data::{
    BadRow, ColumnarFile, CsvRecords, DType, DataError, DataFile, Element, Format, JsonRows, NpyFile, OnBadRow,
    RowFault, TextStream,
};

use super::shape::{Cell, Shape};
use crate::failure::Failure;
use crate::plan::Reading;
use crate::walk::BadRows;

/// No line is longer: it is held as a whole, so somebody's endless line would take all memory.
const LONGEST_LINE: u64 = 256 << 20;

/// So many numbers of an array are read at once.
const NUMBERS: u64 = 1 << 14;

/// An input that was opened.
pub(super) enum Input {
    /// Lines as they come, so that one is worked on before the next is written.
    Lines {
        reader: BufReader<File>,
        path: PathBuf,
    },
    /// Lines that are compressed.
    Packed {
        stream: TextStream,
        lines: Batch,
    },
    Csv(Box<Csv>),
    Array(Array),
    Columns(Columns),
}

/// Lines that were read and not yet taken.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    at: usize,
}

pub(super) struct Csv {
    stream: TextStream,
    delimiter: u8,
    records: CsvRecords,
    fields: usize,
    /// The chosen columns: their places, and their titles if there are any.
    places: Vec<usize>,
    titles: Vec<String>,
    /// The titles of all columns.
    names: Vec<String>,
    /// The lines before the data.
    before: u64,
    on_bad_row: OnBadRow,
    bad: Arc<Mutex<BadRows>>,
}

pub(super) struct Array {
    file: NpyFile,
    rows: Range<u64>,
    ahead: Values,
}

/// Parquet or Arrow.
pub(super) struct Columns {
    rows: JsonRows,
    titles: Vec<String>,
    width: usize,
    ahead: Values,
}

/// The values of some rows, as JSON, and where each ends.
#[derive(Default)]
struct Values {
    text: Vec<u8>,
    ends: Vec<usize>,
    /// How many of them were taken.
    taken: usize,
}

impl Input {
    /// Opens the file of this name; `-` is standard input.
    ///
    /// # Errors
    /// A [`Failure`] of files, or one of usage if it is of a format that has no rows for a task.
    pub(super) fn open(path: &Path, reading: &Reading) -> Result<Input, Failure> {
        if path != Path::new("-") && path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0) {
            return Input::file(DataFile::open(path)?, reading);
        }
        let (name, file) = match path == Path::new("-") {
            true => (Path::new("standard input"), io::stdin().as_fd().try_clone_to_owned().map(File::from)),
            false => (path, File::open(path)),
        };
        let failed = |doing, cause| Failure::from(DataError::Io { path: name.into(), doing, cause });
        let mut file = file.map_err(|cause| failed("open it", cause))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(failed("read it", io::ErrorKind::IsADirectory.into()));
        }
        // A file in place of standard input is a file, if nobody has read of it.
        if file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
            && file.stream_position().is_ok_and(|at| at == 0)
        {
            return Input::file(DataFile::from_file(file, name)?, reading);
        }
        match reading.format {
            None | Some(Format::JsonLines) => Input::lines(file, name),
            Some(Format::Csv) => Csv::open(TextStream::new(file, name)?, reading).map(Input::Csv),
            Some(format) => Err(DataError::NoStream { path: name.into(), format: format.name() }.into()),
        }
    }

    fn file(file: DataFile, reading: &Reading) -> Result<Input, Failure> {
        let path = file.path().to_path_buf();
        let packed = file.packing().is_some();
        let format = match reading.format {
            Some(format) => format,
            None if packed => {
                TextStream::new(file.file().try_clone().map_err(|error| unreadable(&path, error))?, &path)?.format()?
            }
            None => file.format()?,
        };
        // Formats were found by reading from the beginning; whoever reads on shares the place in the file.
        let mut file = file.into_file();
        file.rewind().map_err(|error| unreadable(&path, error))?;
        match format {
            Format::Npy => Array::open(file, path).map(Input::Array),
            Format::Csv => Csv::open(TextStream::new(file, path)?, reading).map(Input::Csv),
            Format::JsonLines if packed => {
                Ok(Input::Packed { stream: TextStream::new(file, path)?, lines: Batch::default() })
            }
            Format::JsonLines => Input::lines(file, &path),
            Format::Parquet | Format::Arrow => {
                Columns::open(DataFile::from_file(file, path)?, format, reading).map(Input::Columns)
            }
        }
    }

    fn lines(file: File, path: &Path) -> Result<Input, Failure> {
        Ok(Input::Lines { reader: BufReader::with_capacity(1 << 16, file), path: path.into() })
    }

    /// The titles of the columns, if it has columns with titles.
    pub(super) fn titles(&self) -> &[String] {
        match self {
            Input::Csv(csv) => &csv.titles,
            Input::Columns(columns) => &columns.titles,
            _ => &[],
        }
    }

    /// How many values a row has; `None` if each row says so itself.
    pub(super) fn width(&self) -> Option<usize> {
        match self {
            Input::Lines { .. } | Input::Packed { .. } => None,
            Input::Csv(csv) => Some(csv.places.len()),
            Input::Columns(columns) => Some(columns.width),
            // A vector is a column.
            Input::Array(array) => Some(array.file.layout().cols as usize),
        }
    }

    /// Whether a row is a row also if it has one value.
    pub(super) fn is_matrix(&self) -> bool {
        matches!(self, Input::Array(array) if array.file.layout().dims == 2)
    }

    /// The rows that were left out or completed so far.
    pub(super) fn bad_rows(&self) -> Arc<Mutex<BadRows>> {
        match self {
            Input::Csv(csv) => Arc::clone(&csv.bad),
            _ => Arc::default(),
        }
    }

    /// The number of rows, if that is known.
    pub(super) fn rows(&self) -> Option<u64> {
        match self {
            Input::Array(array) => Some(array.file.layout().rows),
            Input::Columns(columns) => columns.rows.file().rows(),
            _ => None,
        }
    }

    /// The arguments of the next call; `None` behind the last.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(super) fn next(&mut self, shape: &Shape) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Input::Lines { reader, path } => {
                let mut line = Vec::new();
                loop {
                    line.clear();
                    let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
                    match read.map_err(|error| unreadable(path, error))? {
                        0 => return Ok(None),
                        long if long as u64 == LONGEST_LINE => {
                            return Err(DataError::LongRow { path: path.clone(), limit: LONGEST_LINE }.into());
                        }
                        _ if line.trim_ascii().is_empty() => {}
                        _ => return Ok(Some(shape.of_line(&line))),
                    }
                }
            }
            Input::Packed { stream, lines } => loop {
                if let Some(line) = lines.next() {
                    return Ok(Some(shape.of_line(line)));
                }
                match stream.next_lines()? {
                    Some(bytes) => *lines = Batch { bytes, at: 0 },
                    None => return Ok(None),
                }
            },
            Input::Csv(csv) => csv.next(shape),
            Input::Array(array) => array.next(shape),
            Input::Columns(columns) => columns.next(shape),
        }
    }
}

fn unreadable(path: &Path, cause: io::Error) -> Failure {
    DataError::Io { path: path.into(), doing: "read it", cause }.into()
}

impl Batch {
    /// The next line that is not empty.
    fn next(&mut self) -> Option<&[u8]> {
        loop {
            let rest = &self.bytes[self.at..];
            if rest.is_empty() {
                return None;
            }
            let length = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |end| end + 1);
            let line = self.at..self.at + length;
            self.at = line.end;
            if !self.bytes[line.clone()].trim_ascii().is_empty() {
                return Some(&self.bytes[line]);
            }
        }
    }
}

impl Csv {
    fn open(mut stream: TextStream, reading: &Reading) -> Result<Box<Csv>, Failure> {
        let table = stream.csv(reading.delimiter, reading.header)?;
        let places = reading.columns.places(&table.names, table.dialect.fields);
        let places = places.map_err(|error| Failure::usage(format!("{}: {error}", shown(stream.path()))))?;
        let titles = places.iter().filter_map(|&place| table.names.get(place).cloned()).collect();
        let delimiter = table.dialect.delimiter;
        let records = CsvRecords::new(delimiter);
        Ok(Box::new(Csv {
            stream,
            delimiter,
            records,
            fields: table.dialect.fields,
            places,
            titles,
            names: table.names,
            before: table.first_line - 1,
            on_bad_row: reading.on_bad_row,
            bad: Arc::default(),
        }))
    }

    fn next(&mut self, shape: &Shape) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            while !self.records.advance() {
                match self.stream.next_csv(self.delimiter)? {
                    Some(part) => self.records.feed(part),
                    None => return Ok(None),
                }
            }
            let cells: Vec<&[u8]> = self.records.cells().collect();
            if let Some((column, fault)) = self.records.ragged(self.fields) {
                self.judge(column, fault)?;
                if self.on_bad_row == OnBadRow::Skip {
                    continue;
                }
            }
            let cell = |&place: &usize| Cell::Text(cells.get(place).copied().unwrap_or_default());
            return Ok(Some(shape.of_row(&self.places.iter().map(cell).collect::<Vec<_>>())));
        }
    }

    /// This is wrong with a row.
    fn judge(&self, column: u64, fault: RowFault) -> Result<(), Failure> {
        let name = usize::try_from(column).ok().and_then(|column| self.names.get(column - 1).cloned());
        let bad = BadRow { line: self.before + self.records.line(), column, name, fault };
        let told = format!("{}: {bad}", shown(self.stream.path()));
        if self.on_bad_row == OnBadRow::Fail {
            return Err(Failure::files(format!("{told}; {}", bad.fault.remedy())));
        }
        let mut all = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
        all.count += 1;
        all.first.get_or_insert(told);
        Ok(())
    }
}

impl Array {
    fn open(file: File, path: PathBuf) -> Result<Array, Failure> {
        let file = NpyFile::from_file(file, path)?;
        let rows = 0..file.layout().rows;
        Ok(Array { file, rows, ahead: Values::default() })
    }

    fn next(&mut self, shape: &Shape) -> Result<Option<Vec<u8>>, Failure> {
        let cols = self.file.layout().cols as usize;
        if self.ahead.are_less_than(cols) {
            if self.rows.is_empty() {
                return Ok(None);
            }
            let many = (NUMBERS / cols.max(1) as u64).max(1);
            let part = self.rows.start..self.rows.end.min(self.rows.start + if cols == 0 { 1 } else { many });
            self.rows.start = part.end;
            self.read(part)?;
        }
        Ok(Some(self.ahead.row(cols, shape)))
    }

    /// The numbers of these rows as JSON.
    fn read(&mut self, rows: Range<u64>) -> Result<(), Failure> {
        self.ahead = Values::default();
        match self.file.layout().dtype {
            DType::I8 => self.numbers::<i8>(rows),
            DType::I16 => self.numbers::<i16>(rows),
            DType::I32 => self.numbers::<i32>(rows),
            DType::I64 => self.numbers::<i64>(rows),
            DType::U8 => self.numbers::<u8>(rows),
            DType::U16 => self.numbers::<u16>(rows),
            DType::U32 => self.numbers::<u32>(rows),
            DType::U64 => self.numbers::<u64>(rows),
            DType::F32 => self.numbers::<f32>(rows),
            DType::F64 => self.numbers::<f64>(rows),
        }
    }

    fn numbers<T: Element + serde::Serialize>(&mut self, rows: Range<u64>) -> Result<(), Failure> {
        for number in self.file.read_rows::<T>(rows)? {
            // A number can be written, to memory: NaN and the infinities, which JSON has not, as null.
            let _ = serde_json::to_writer(&mut self.ahead.text, &number);
            self.ahead.ends.push(self.ahead.text.len());
        }
        Ok(())
    }
}

impl Columns {
    fn open(file: DataFile, format: Format, reading: &Reading) -> Result<Columns, Failure> {
        let file = ColumnarFile::open_as(file, format)?;
        let places = reading.columns.places(file.names(), file.names().len());
        let places = places.map_err(|error| Failure::usage(format!("{}: {error}", shown(file.path()))))?;
        let titles = places.iter().map(|&place| file.names()[place].clone()).collect();
        Ok(Columns { rows: file.json_rows(&places)?, titles, width: places.len(), ahead: Values::default() })
    }

    fn next(&mut self, shape: &Shape) -> Result<Option<Vec<u8>>, Failure> {
        while self.ahead.are_less_than(self.width) {
            self.ahead.taken = 0;
            if !self.rows.read(&mut self.ahead.text, &mut self.ahead.ends)? {
                return Ok(None);
            }
        }
        Ok(Some(self.ahead.row(self.width, shape)))
    }
}

impl Values {
    /// Whether there is no further row of so many.
    fn are_less_than(&self, width: usize) -> bool {
        self.taken + width > self.ends.len() || width == 0
    }

    /// The call of the next row.
    fn row(&mut self, width: usize, shape: &Shape) -> Vec<u8> {
        let row = self.taken..self.taken + width;
        self.taken = row.end;
        let begin = |place: usize| place.checked_sub(1).map_or(0, |before| self.ends[before]);
        let cells: Vec<_> = row.map(|place| Cell::Json(&self.text[begin(place)..self.ends[place]])).collect();
        shape.of_row(&cells)
    }
}
