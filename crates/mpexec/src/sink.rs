//! Where the counts of every row go, once a part of them has come back.
//!
//! Files become visible at the end and complete ([`Output`]); what is printed is printed as it comes.

mod finished;

use std::io::{self, Write};
use std::ops::Range;

use mpexec::names::shown;
use mpexec::tasks::Deliver;
use mpexec_data::{
    CountWidth, CountsColumns, CountsText, FileRef, NpyWriter, Output, PackedWriter, Shape, TextFormat, npy_header,
};

use crate::failure::Failure;
use crate::interrupt::Running;
use crate::plan::Counts;
use crate::stdout::Stdout;
pub(crate) use finished::Finished;

/// The destination of the counts, open.
#[derive(Debug)]
pub(crate) enum Sink {
    /// Only the summary is wanted.
    Nowhere,
    /// Workers write to their places.
    Array { output: Output, reference: FileRef, offset: u64 },
    /// This process writes an array of which nobody knows the length before its end.
    Grown { output: Output, width: CountWidth, rows: u64 },
    /// This process writes a text, in the order of the rows.
    Text(Box<CountsText<PackedWriter<Output>>>),
    /// This process writes a file of columns, in the order of the rows.
    Columns(CountsColumns<Output>),
    /// The same to standard output; `ordered` or with each part as it comes.
    Printed { text: CountsText<Stdout>, ordered: bool },
    /// `row<TAB>count` as the parts come.
    Stream { out: Stdout, width: CountWidth, buffer: Vec<u8> },
    /// An array to standard output, in order.
    PrintedArray(NpyWriter<Stdout>),
    /// A file of columns to standard output, in order.
    PrintedColumns(CountsColumns<Stdout>),
}

impl Sink {
    /// Opens what `counts` says, for parts that come in the order of the rows, of which there may be any number.
    ///
    /// # Errors
    /// As [`open`](Sink::open), and a [`Failure`] of usage if the number has to be known.
    pub(crate) fn open_in_order(counts: &Counts, width: CountWidth, rows: Option<u64>) -> Result<Sink, Failure> {
        match (counts, rows) {
            (Counts::Array(path), _) => {
                let mut output = Output::create(path)?;
                // The header of a vector has the same length whatever the vector's.
                output.write_all(&npy_header(width.dtype(), Shape::Vector(0))).map_err(|error| file_error(&error))?;
                Ok(Sink::Grown { output, width, rows: 0 })
            }
            (Counts::PrintedArray, None) => Err(Failure::usage(
                "an array begins with its length, which such a file does not tell: write it to a file, or take another --output-format",
            )),
            (_, rows) => Sink::open(counts, width, rows.unwrap_or_default()),
        }
    }

    /// Opens what `counts` says, for so many rows with counts of this width.
    ///
    /// # Errors
    /// A [`Failure`] of files, if it cannot be written.
    pub(crate) fn open(counts: &Counts, width: CountWidth, rows: u64) -> Result<Sink, Failure> {
        let shape = Shape::Vector(rows);
        Ok(match counts {
            // Of several inputs each has a file of its own, and that is opened.
            Counts::Nowhere | Counts::Each(..) => Sink::Nowhere,
            Counts::Array(path) => {
                let header = npy_header(width.dtype(), shape);
                let offset = header.len() as u64;
                let output = Output::create(path)?;
                // With all its space from the start: a disk that cannot hold it says so before anything is counted.
                let bytes = rows.checked_mul(width.bytes() as u64).and_then(|bytes| bytes.checked_add(offset));
                output.reserve(bytes.unwrap_or(u64::MAX))?;
                output.write_at(0, &header)?;
                let mut reference = FileRef::to(output.file(), path)
                    .map_err(|error| Failure::files(format!("{}: {error}", shown(path))))?;
                reference.path = output.shared_path();
                Sink::Array { output, reference, offset }
            }
            Counts::Text(path, format, packing) => {
                let packed = PackedWriter::new(Output::create(path)?, *packing);
                let text = packed.and_then(|packed| CountsText::new(packed, *format, width));
                Sink::Text(Box::new(text.map_err(|error| file_error(&error))?))
            }
            Counts::Columns(path, format) => {
                let columns = CountsColumns::new(Output::create(path)?, *format, width);
                Sink::Columns(columns.map_err(|error| file_error(&error))?)
            }
            Counts::PrintedColumns(format) => {
                let columns = CountsColumns::new(Stdout::bytes()?, *format, width);
                Sink::PrintedColumns(columns.map_err(|error| Failure::stdout(&error))?)
            }
            Counts::Printed { format: TextFormat::Plain, ordered: false } => {
                Sink::Stream { out: Stdout::lines()?, width, buffer: Vec::new() }
            }
            Counts::Printed { format, ordered } => {
                let text =
                    CountsText::new(Stdout::lines()?, *format, width).map_err(|error| Failure::stdout(&error))?;
                Sink::Printed { text, ordered: *ordered }
            }
            Counts::PrintedArray => Sink::PrintedArray(
                NpyWriter::new(Stdout::bytes()?, width.dtype(), shape).map_err(|error| Failure::stdout(&error))?,
            ),
        })
    }

    /// Whether the parts must come in the order of the rows.
    pub(crate) fn is_ordered(&self) -> bool {
        match self {
            Sink::Nowhere | Sink::Array { .. } | Sink::Stream { .. } => false,
            Sink::Grown { .. } | Sink::Text(_) | Sink::Columns(_) | Sink::PrintedArray(_) | Sink::PrintedColumns(_) => {
                true
            }
            Sink::Printed { ordered, .. } => *ordered,
        }
    }

    /// What workers are to do with their counts.
    pub(crate) fn deliver(&self) -> Deliver {
        match self {
            Sink::Nowhere => Deliver::Summary,
            Sink::Array { reference, offset, .. } => Deliver::Written { output: reference.clone(), offset: *offset },
            _ => Deliver::Counts,
        }
    }

    /// Takes the counts of these rows.
    ///
    /// # Errors
    /// A [`Failure`] of files, or [`Failure::ReaderLeft`].
    pub(crate) fn take(&mut self, rows: &Range<u64>, counts: &[u8]) -> Result<(), Failure> {
        match self {
            Sink::Nowhere | Sink::Array { .. } => Ok(()),
            Sink::Grown { output, rows: written, .. } => {
                *written += rows.end - rows.start;
                output.write_all(counts).map_err(|error| file_error(&error))
            }
            Sink::Text(text) => text.write(counts).map_err(|error| file_error(&error)),
            Sink::Columns(columns) => columns.write(counts).map_err(|error| file_error(&error)),
            Sink::PrintedColumns(columns) => columns.write(counts).map_err(|error| Failure::stdout(&error)),
            Sink::Printed { text, .. } => {
                text.set_row(rows.start);
                text.write(counts).map_err(|error| Failure::stdout(&error))
            }
            Sink::Stream { out, width, buffer } => {
                // Whole at once, so that a reader of the stream sees a part as soon as it is done.
                tabbed(buffer, rows.start, width.read(counts));
                let written = out.write_all(buffer);
                buffer.clear();
                written.map_err(|error| Failure::stdout(&error))
            }
            Sink::PrintedArray(array) => array.write(counts).map_err(|error| Failure::stdout(&error)),
        }
    }

    /// The work was stopped half way: what is complete by itself and was printed stays, a file does not appear.
    pub(crate) fn stop(self) {
        if let Sink::Printed { text, .. } = self {
            // The program is leaving because of a signal, and says that; a reader that left too changes nothing.
            let _ = text.finish();
        }
    }

    /// Whether it is a file that appears at the end.
    fn is_file(&self) -> bool {
        matches!(self, Sink::Array { .. } | Sink::Grown { .. } | Sink::Text(_) | Sink::Columns(_))
    }

    /// All counts were taken: the file gets its name, what is printed is printed to the end.
    ///
    /// # Errors
    /// A [`Failure`] of files, or [`Failure::ReaderLeft`].
    pub(crate) fn finish(self, running: &Running) -> Result<(), Failure> {
        self.complete()?.map_or(Ok(()), |output| running.name(output))
    }

    /// All counts were taken. The file has all its bytes, and no name yet.
    fn complete(self) -> Result<Option<Output>, Failure> {
        match self {
            Sink::Nowhere | Sink::Stream { .. } => {}
            Sink::Array { output, .. } => return Ok(Some(output)),
            Sink::Grown { output, width, rows } => {
                output.write_at(0, &npy_header(width.dtype(), Shape::Vector(rows)))?;
                return Ok(Some(output));
            }
            Sink::Text(text) => {
                let output = text.finish().and_then(PackedWriter::finish);
                return output.map(Some).map_err(|error| file_error(&error));
            }
            Sink::Columns(columns) => return columns.finish().map(Some).map_err(|error| file_error(&error)),
            Sink::PrintedColumns(columns) => drop(columns.finish().map_err(|error| Failure::stdout(&error))?),
            Sink::Printed { text, .. } => drop(text.finish().map_err(|error| Failure::stdout(&error))?),
            Sink::PrintedArray(array) => drop(array.finish().map_err(|error| Failure::stdout(&error))?),
        }
        Ok(None)
    }
}

/// The errors of writing to an [`Output`] are whole lines already.
fn file_error(error: &io::Error) -> Failure {
    Failure::files(error.to_string())
}

fn tabbed(buffer: &mut Vec<u8>, first: u64, counts: impl Iterator<Item = u64>) {
    let mut digits = itoa::Buffer::new();
    for (row, count) in (first..).zip(counts) {
        buffer.extend_from_slice(digits.format(row).as_bytes());
        buffer.push(b'\t');
        buffer.extend_from_slice(digits.format(count).as_bytes());
        buffer.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_streamed_line_is_the_row_a_tab_and_the_count() {
        let mut buffer = Vec::new();
        tabbed(&mut buffer, 9, [4, 0, 12].into_iter());
        assert_eq!(buffer, b"9\t4\n10\t0\n11\t12\n");
    }
}
