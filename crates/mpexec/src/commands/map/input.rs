//! Where the rows of `map` come from: lines of JSON, CSV, Parquet, Arrow, or a `.npy` array, one row after the other and no more in memory than a
//! part.

use std::fs::File;
use std::io::{self, Seek};
use std::ops::Range;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use mpexec::names::shown;
use mpexec_data::{
    BadRow, ColumnarFile, CsvRecords, DType, DataError, DataFile, Element, Format, JsonRows, NpyFile, OnBadRow,
    RowFault, TextStream,
};
use serde::de::IgnoredAny;

use super::shape::{Cell, Shape};
use crate::failure::Failure;
use crate::input::Outputs;
use crate::plan::Reading;
use crate::walk::BadRows;

/// So many numbers of an array are read at once.
const NUMBERS: u64 = 1 << 14;

/// An input that was opened.
pub(super) enum Input {
    /// Lines as they come, so that one is worked on before the next is written.
    Lines {
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
    /// Whether no row has come yet, and nobody has said that the first is titles.
    titles_alone: bool,
    on_bad_row: OnBadRow,
    bad: Arc<Mutex<BadRows>>,
}

pub(super) struct Array {
    file: NpyFile,
    /// The chosen columns.
    places: Vec<usize>,
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
    pub(super) fn open(path: &Path, reading: &Reading, outputs: &Outputs) -> Result<Input, Failure> {
        let (name, file) = match path == Path::new("-") {
            true => (Path::new("standard input"), io::stdin().as_fd().try_clone_to_owned().map(File::from)),
            false => (path, File::open(path)),
        };
        let failed = |doing, cause| Failure::from(DataError::Io { path: name.into(), doing, cause });
        let file = file.map_err(|cause| failed("open it", cause))?;
        outputs.refuse(&file, name)?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(failed("read it", io::ErrorKind::IsADirectory.into()));
        }
        // Who reads on shares the place in the file.
        let mut whole = file.try_clone().map_err(|cause| failed("open it", cause))?;
        let from_first_byte = whole.metadata().is_ok_and(|metadata| metadata.is_file())
            && whole.stream_position().is_ok_and(|place| place == 0);
        // The same is seen in the same bytes, however they come: more than the first line may not be there yet.
        let mut stream = TextStream::live(file, name)?;
        let format = match reading.format {
            Some(format) => format,
            None => format_of_calls(&mut stream, reading)?,
        };
        match format {
            Format::Csv => Csv::open(stream, reading).map(Input::Csv),
            Format::JsonLines => {
                if !reading.columns.is_all() {
                    let line = "holds JSON lines, in which each line says by place or name what it gives: --columns is for CSV, Parquet, Arrow and .npy";
                    return Err(Failure::usage(format!("{}: {line}", shown(name))));
                }
                // A mark before the first line is none of it.
                stream.first_line()?;
                Ok(Input::Lines { stream, lines: Batch::default() })
            }
            Format::Npy | Format::Parquet | Format::Arrow => {
                let file = match from_first_byte && stream.packing().is_none() {
                    true => whole.rewind().map(|()| whole).map_err(|cause| failed("read it", cause))?,
                    false => stream.into_file()?,
                };
                match format {
                    Format::Npy => Array::open(file, name.into(), reading).map(Input::Array),
                    _ => Columns::open(DataFile::from_file(file, name)?, format, reading).map(Input::Columns),
                }
            }
        }
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
            Input::Lines { .. } => None,
            Input::Csv(csv) => Some(csv.places.len()),
            Input::Columns(columns) => Some(columns.width),
            // A vector is a column.
            Input::Array(array) => Some(array.places.len()),
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
            Input::Lines { stream, lines } => loop {
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

/// What calls are read from, known by the first line: one that is a value of JSON is a call, but a number alone is one of a column of CSV, in
/// which cells may be missing. Who says how CSV is written has CSV.
fn format_of_calls(stream: &mut TextStream, reading: &Reading) -> Result<Format, Failure> {
    let line = stream.first_line()?.trim_ascii();
    if line.is_empty() {
        return Ok(Format::JsonLines);
    }
    let said = reading.header.is_some() || reading.delimiter.is_some();
    let number = line.first().is_some_and(|&byte| byte == b'-' || byte.is_ascii_digit());
    let value = !said && !number && serde_json::from_slice::<IgnoredAny>(line).is_ok();
    match stream.format()? {
        Format::Csv if value => Ok(Format::JsonLines),
        format => Ok(format),
    }
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
        let titles_alone = reading.header.is_none() && !table.names.is_empty();
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
            titles_alone,
            on_bad_row: reading.on_bad_row,
            bad: Arc::default(),
        }))
    }

    fn next(&mut self, shape: &Shape) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            while !self.records.advance() {
                match self.stream.next_csv(self.delimiter)? {
                    Some(part) => self.records.feed(part),
                    None => {
                        if self.titles_alone {
                            let name = shown(self.stream.path());
                            self.bad.lock().unwrap_or_else(PoisonError::into_inner).titles_alone = Some(name);
                        }
                        return Ok(None);
                    }
                }
            }
            self.titles_alone = false;
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
    fn open(file: File, path: PathBuf, reading: &Reading) -> Result<Array, Failure> {
        let file = NpyFile::from_file(file, path)?;
        let (rows, cols) = (0..file.layout().rows, usize::try_from(file.layout().cols).unwrap_or(usize::MAX));
        let places = reading.columns.places(&[], cols);
        let places = places.map_err(|error| Failure::usage(format!("{}: {error}", shown(file.path()))))?;
        Ok(Array { file, places, rows, ahead: Values::default() })
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
        Ok(Some(self.ahead.row(cols, Some(&self.places), shape)))
    }

    /// The numbers of these rows as JSON.
    fn read(&mut self, rows: Range<u64>) -> Result<(), Failure> {
        self.ahead = Values::default();
        match self.file.layout().dtype {
            DType::I8 => self.numbers::<i8, i8>(rows),
            DType::I16 => self.numbers::<i16, i16>(rows),
            DType::I32 => self.numbers::<i32, i32>(rows),
            DType::I64 => self.numbers::<i64, i64>(rows),
            DType::U8 => self.numbers::<u8, u8>(rows),
            DType::U16 => self.numbers::<u16, u16>(rows),
            DType::U32 => self.numbers::<u32, u32>(rows),
            DType::U64 => self.numbers::<u64, u64>(rows),
            DType::F32 => self.numbers::<f32, f64>(rows),
            DType::F64 => self.numbers::<f64, f64>(rows),
        }
    }

    /// Each is written as a `W`: the shortest text of a float32 is that of another float64.
    fn numbers<T: Element, W: From<T> + serde::Serialize>(&mut self, rows: Range<u64>) -> Result<(), Failure> {
        for number in self.file.read_rows::<T>(rows)?.into_iter().map(W::from) {
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
        let places = mpexec_data::columns_of(file.schema(), &reading.columns);
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
        Ok(Some(self.ahead.row(self.width, None, shape)))
    }
}

impl Values {
    /// Whether there is no further row of so many.
    fn are_less_than(&self, width: usize) -> bool {
        self.taken + width > self.ends.len() || width == 0
    }

    /// The call of the next row, with the values in these places of it or all.
    fn row(&mut self, width: usize, places: Option<&[usize]>, shape: &Shape) -> Vec<u8> {
        let row = self.taken..self.taken + width;
        self.taken = row.end;
        let begin = |place: usize| place.checked_sub(1).map_or(0, |before| self.ends[before]);
        let cell = |place| Cell::Json(&self.text[begin(place)..self.ends[place]]);
        let cells: Vec<_> = match places {
            None => row.map(cell).collect(),
            Some(places) => places.iter().map(|place| cell(row.start + place)).collect(),
        };
        shape.of_row(&cells)
    }
}
