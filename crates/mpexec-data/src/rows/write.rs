//! Rows of numbers, written as text or as columns.

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

use crate::ColumnarFormat;
use crate::columnar::{BatchWriter, of_arrow};

/// How rows of numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsFormat {
    /// Fields with this between them, with the titles in the first row if there are some. What is missing is empty.
    Delimited(u8),
    /// A row a line: an object with the titles, or an array if there are none. What is missing is null.
    JsonLines,
    /// A column for each, with its title, or with its number from 1 on. What is missing is null.
    Columns(ColumnarFormat),
}

/// Writes rows of float64 numbers, of which NaN is a missing one.
///
/// ```
/// use mpexec_data::{NumbersWriter, RowsFormat};
/// let titles = ["a".to_owned(), "b".to_owned()];
/// let mut writer = NumbersWriter::new(Vec::new(), RowsFormat::Delimited(b','), &titles, 2)?;
/// let numbers = [0.0, 1.0, f64::NAN, 0.1].map(f64::to_le_bytes).concat();
/// writer.write(&numbers)?;
/// assert_eq!(writer.finish()?, b"a,b\n0.0,1.0\n,0.1\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct NumbersWriter<W: Write + Send> {
    kind: Kind<W>,
    cols: usize,
}

#[derive(Debug)]
enum Kind<W: Write + Send> {
    Delimited {
        inner: W,
        delimiter: u8,
        buffer: Vec<u8>,
    },
    /// Before each number stands its opening: `[`, `,` or a key.
    Json {
        inner: W,
        openings: Vec<Vec<u8>>,
        end: &'static [u8],
        buffer: Vec<u8>,
    },
    Columns(BatchWriter<W>),
}

/// The rows of one record batch.
const BATCH: usize = 16 << 10;

impl<W: Write + Send> NumbersWriter<W> {
    /// Begins rows of `cols` numbers with these titles, or none.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn new(inner: W, format: RowsFormat, titles: &[String], cols: usize) -> io::Result<NumbersWriter<W>> {
        let kind = match format {
            RowsFormat::Delimited(delimiter) => {
                let mut buffer = Vec::new();
                if !titles.is_empty() {
                    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(&mut buffer);
                    writer.write_record(titles)?;
                    writer.flush()?;
                }
                Kind::Delimited { inner, delimiter, buffer }
            }
            RowsFormat::JsonLines if titles.is_empty() => {
                let openings = (0..cols).map(|column| if column == 0 { b"[".to_vec() } else { b",".to_vec() });
                Kind::Json { inner, openings: openings.collect(), end: b"]\n", buffer: Vec::new() }
            }
            RowsFormat::JsonLines => {
                let opening = |(column, title): (usize, &String)| {
                    let key = serde_json::to_string(title)?;
                    Ok(format!("{}{key}:", if column == 0 { '{' } else { ',' }).into_bytes())
                };
                let openings = titles.iter().enumerate().map(opening).collect::<io::Result<Vec<_>>>()?;
                Kind::Json { inner, openings, end: b"}\n", buffer: Vec::new() }
            }
            RowsFormat::Columns(format) => {
                let name = |column: usize| titles.get(column).cloned().unwrap_or_else(|| (column + 1).to_string());
                let fields: Vec<_> =
                    (0..cols).map(|column| Field::new(name(column), DataType::Float64, true)).collect();
                Kind::Columns(BatchWriter::new(inner, format, Arc::new(Schema::new(fields)))?)
            }
        };
        Ok(NumbersWriter { kind, cols })
    }

    /// Writes the next rows: numbers as little-endian bytes, row after row.
    ///
    /// # Errors
    /// Those of the destination.
    pub fn write(&mut self, numbers: &[u8]) -> io::Result<()> {
        let row_bytes = (self.cols * 8).max(1);
        match &mut self.kind {
            Kind::Delimited { inner, delimiter, buffer } => {
                for row in numbers.chunks_exact(row_bytes) {
                    let before = buffer.len();
                    for (column, number) in read(row).enumerate() {
                        if column > 0 {
                            buffer.push(*delimiter);
                        }
                        put(buffer, number, "");
                    }
                    // A line of nothing would be no row.
                    if buffer.len() == before {
                        buffer.extend_from_slice(b"\"\"");
                    }
                    buffer.push(b'\n');
                    flush(buffer, inner)?;
                }
            }
            Kind::Json { inner, openings, end, buffer } => {
                for row in numbers.chunks_exact(row_bytes) {
                    for (opening, number) in openings.iter().zip(read(row)) {
                        buffer.extend_from_slice(opening);
                        put(buffer, number, "null");
                    }
                    buffer.extend_from_slice(end);
                    flush(buffer, inner)?;
                }
            }
            Kind::Columns(writer) => {
                for rows in numbers.chunks(BATCH * row_bytes) {
                    let column = |column: usize| {
                        let numbers = rows.chunks_exact(row_bytes).map(|row| read(&row[column * 8..][..8]).next());
                        let there = numbers.map(|number| number.filter(|number| !number.is_nan()));
                        Arc::new(there.collect::<Float64Array>()) as ArrayRef
                    };
                    let columns = (0..self.cols).map(column).collect();
                    writer.write(&RecordBatch::try_new(writer.schema(), columns).map_err(of_arrow)?)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the end and returns what it was written to.
    ///
    /// # Errors
    /// Those of the destination.
    pub fn finish(self) -> io::Result<W> {
        match self.kind {
            Kind::Delimited { mut inner, buffer, .. } | Kind::Json { mut inner, buffer, .. } => {
                inner.write_all(&buffer)?;
                inner.flush()?;
                Ok(inner)
            }
            Kind::Columns(writer) => writer.finish(),
        }
    }
}

/// The buffer is written when so many of its bytes are used.
const FULL: usize = 64 << 10;

fn flush(buffer: &mut Vec<u8>, inner: &mut impl Write) -> io::Result<()> {
    if buffer.len() >= FULL {
        inner.write_all(buffer)?;
        buffer.clear();
    }
    Ok(())
}

fn read(numbers: &[u8]) -> impl Iterator<Item = f64> {
    numbers.chunks_exact(8).map(|bytes| {
        let mut own = [0; 8];
        own.copy_from_slice(bytes);
        f64::from_le_bytes(own)
    })
}

/// Appends the shortest text that is read as this number again, as Python has it for most.
fn put(buffer: &mut Vec<u8>, number: f64, missing: &str) {
    if number.is_nan() {
        buffer.extend_from_slice(missing.as_bytes());
    } else {
        // Numbers that are finite are always JSON; what is infinite is written as a word.
        match serde_json::Number::from_f64(number) {
            Some(number) => buffer.extend_from_slice(number.to_string().as_bytes()),
            None => buffer.extend_from_slice(if number > 0.0 { b"inf" } else { b"-inf" }),
        }
    }
}
