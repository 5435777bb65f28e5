//! Where rows go: a file that appears at the end and complete, or standard output.

use std::collections::HashSet;
use std::io::{self, Write};

use mpexec::names::one_line;
use mpexec::tasks::Item;
use mpexec_data::{DType, NpyWriter, NumbersWriter, Output, PackedWriter, RowsFormat, Shape, npy_header};

use crate::failure::Failure;
use crate::interrupt::Running;
use crate::plan::{Place, RowsAs, RowsOutput};
use crate::stdout::Stdout;

/// A file in the making, or standard output.
pub(super) enum Target {
    File(Box<PackedWriter<Output>>),
    Stdout(Stdout),
}

impl Target {
    fn open(output: &RowsOutput) -> Result<Target, Failure> {
        Ok(match &output.place {
            Place::File(path) => {
                let packed = PackedWriter::new(Output::create(path)?, output.packing);
                Target::File(Box::new(packed.map_err(failed(&output.place))?))
            }
            Place::Stdout if matches!(output.format, RowsAs::Other(RowsFormat::Columns(_)) | RowsAs::Array) => {
                Target::Stdout(Stdout::bytes()?)
            }
            Place::Stdout => Target::Stdout(Stdout::lines()?),
        })
    }

    fn finish(self, running: &Running) -> Result<(), Failure> {
        match self {
            Target::File(packed) => {
                let output = packed.finish().map_err(|error| Failure::files(error.to_string()))?;
                running.name(output)
            }
            Target::Stdout(_) => Ok(()),
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::File(packed) => packed.write(bytes),
            Target::Stdout(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::File(packed) => packed.flush(),
            Target::Stdout(out) => out.flush(),
        }
    }
}

/// What an error of writing means: those of a file are whole lines already.
fn failed(place: &Place) -> impl Fn(io::Error) -> Failure + use<> {
    let printed = *place == Place::Stdout;
    move |error| if printed { Failure::stdout(&error) } else { Failure::files(error.to_string()) }
}

/// The first title that two columns have.
fn twice(titles: &[String]) -> Option<&String> {
    let mut seen = HashSet::new();
    titles.iter().find(|title| !seen.insert(*title))
}

/// Rows of numbers.
pub(super) struct NumbersOut {
    kind: Kind,
    place: Place,
}

enum Kind {
    /// An array of which nobody knows the length before its end.
    Array {
        output: Output,
        cols: u64,
        rows: u64,
    },
    PrintedArray(NpyWriter<Stdout>),
    Rows(Box<NumbersWriter<Target>>),
}

impl NumbersOut {
    /// Opens what was asked for, for rows of `cols` numbers; `rows` of them, if that is known.
    ///
    /// # Errors
    /// A [`Failure`] of files, or of usage if the number has to be known.
    pub(super) fn open(
        output: &RowsOutput,
        titles: &[String],
        cols: u64,
        rows: Option<u64>,
    ) -> Result<NumbersOut, Failure> {
        let place = output.place.clone();
        if output.format == RowsAs::Other(RowsFormat::JsonLines)
            && let Some(title) = twice(titles)
        {
            return Err(Failure::usage(format!(
                "two columns are called {:?}, which a line of JSON cannot tell apart: choose one with --columns, or write csv or parquet",
                one_line(title)
            )));
        }
        let kind = match (output.format, &place) {
            (RowsAs::Array, Place::File(path)) => {
                let mut output = Output::create(path)?;
                // As long as that of any number of rows.
                output.write_all(&npy_header(DType::F64, Shape::Matrix(0, cols))).map_err(failed(&place))?;
                Kind::Array { output, cols, rows: 0 }
            }
            (RowsAs::Array, Place::Stdout) => {
                let rows = rows.ok_or_else(|| {
                    Failure::usage(
                        "an array begins with its length, which such a file does not tell: write it to a file, or take another \
                         --output-format",
                    )
                })?;
                let array = NpyWriter::new(Stdout::bytes()?, DType::F64, Shape::Matrix(rows, cols));
                Kind::PrintedArray(array.map_err(failed(&place))?)
            }
            (RowsAs::Other(format), _) => {
                let cols = usize::try_from(cols).unwrap_or(usize::MAX);
                let writer = NumbersWriter::new(Target::open(output)?, format, titles, cols);
                Kind::Rows(Box::new(writer.map_err(failed(&place))?))
            }
        };
        Ok(NumbersOut { kind, place })
    }

    /// Takes the next rows.
    ///
    /// # Errors
    /// A [`Failure`] of files, or [`Failure::ReaderLeft`].
    pub(super) fn take(&mut self, numbers: &[u8], more: u64) -> Result<(), Failure> {
        let written = match &mut self.kind {
            Kind::Array { output, rows, .. } => {
                *rows += more;
                output.write_all(numbers)
            }
            Kind::PrintedArray(array) => array.write(numbers),
            Kind::Rows(writer) => writer.write(numbers),
        };
        written.map_err(failed(&self.place))
    }

    /// All rows were taken.
    ///
    /// # Errors
    /// As [`take`](NumbersOut::take).
    pub(super) fn finish(self, running: &Running) -> Result<(), Failure> {
        let failed = failed(&self.place);
        match self.kind {
            Kind::Array { output, cols, rows } => {
                output.write_at(0, &npy_header(DType::F64, Shape::Matrix(rows, cols)))?;
                running.name(output)
            }
            Kind::PrintedArray(array) => array.finish().map(drop).map_err(failed),
            Kind::Rows(writer) => writer.finish().map_err(failed)?.finish(running),
        }
    }
}

/// Rows of items, of any length.
pub(super) struct ItemsOut {
    target: Target,
    place: Place,
    /// `None`: an array a line.
    delimiter: Option<u8>,
    buffer: Vec<u8>,
    row: u64,
}

/// The buffer is written when so many of its bytes are used.
const FULL: usize = 64 << 10;

impl ItemsOut {
    /// Opens what was asked for.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(super) fn open(output: &RowsOutput) -> Result<ItemsOut, Failure> {
        let delimiter = match output.format {
            RowsAs::Other(RowsFormat::Delimited(delimiter)) => Some(delimiter),
            // Others were refused.
            _ => None,
        };
        let (target, place) = (Target::open(output)?, output.place.clone());
        let mut out = ItemsOut { target, place, delimiter, buffer: Vec::new(), row: 0 };
        if let Some(delimiter) = delimiter {
            out.buffer.extend_from_slice(&[&b"row"[..], &[delimiter], b"item\n"].concat());
        }
        Ok(out)
    }

    /// Takes the items of the next row; one that is left out is counted.
    ///
    /// # Errors
    /// A [`Failure`] of files, or [`Failure::ReaderLeft`].
    pub(super) fn take(&mut self, items: Option<&[Item]>) -> Result<(), Failure> {
        let written = match (items, self.delimiter) {
            (None, _) => Ok(()),
            (Some(items), None) => self.line(items),
            (Some(items), Some(delimiter)) => self.lines(items, delimiter),
        };
        self.row += 1;
        written.map_err(failed(&self.place))?;
        if self.buffer.len() >= FULL { self.flush() } else { Ok(()) }
    }

    fn line(&mut self, items: &[Item]) -> io::Result<()> {
        for (at, item) in items.iter().enumerate() {
            self.buffer.push(if at == 0 { b'[' } else { b',' });
            match item {
                Item::Whole(number) => write!(self.buffer, "{number}")?,
                // JSON knows no infinity, so it is a text there.
                Item::Float(number) if number.is_infinite() => write!(self.buffer, "\"{number}\"")?,
                Item::Float(number) => self.buffer.extend_from_slice(float(*number).as_bytes()),
                Item::Text(text) => serde_json::to_writer(&mut self.buffer, text)?,
            }
        }
        self.buffer.extend_from_slice(if items.is_empty() { b"[]\n" } else { b"]\n" });
        Ok(())
    }

    fn lines(&mut self, items: &[Item], delimiter: u8) -> io::Result<()> {
        let row = self.row;
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(&mut self.buffer);
        for item in items {
            let text = match item {
                Item::Whole(number) => number.to_string(),
                Item::Float(number) => float(*number),
                Item::Text(text) => text.clone(),
            };
            writer.write_record([row.to_string(), text])?;
        }
        writer.flush()
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let written = self.target.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(failed(&self.place))
    }

    /// All rows were taken.
    ///
    /// # Errors
    /// As [`take`](ItemsOut::take).
    pub(super) fn finish(mut self, running: &Running) -> Result<(), Failure> {
        self.flush()?;
        self.target.finish(running)
    }
}

/// The shortest text that is read as this number again.
fn float(number: f64) -> String {
    serde_json::Number::from_f64(number).map_or_else(|| number.to_string(), |number| number.to_string())
}
