//! Counts as text: CSV, JSON lines, or one number per line.
//!
//! Millions of short lines; so they are put together in one buffer and written in large pieces.

use std::io::{self, Write};

use crate::CountWidth;

/// How counts are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// A line `row,count`, then lines such as `0,4`.
    Csv,
    /// Lines such as `{"row":0,"count":4}`.
    JsonLines,
    /// Lines such as `4`.
    Plain,
}

/// Writes the counts of consecutive rows as lines of text.
///
/// ```
/// use mpexec_data::{CountWidth, CountsText, TextFormat};
/// let mut text = CountsText::new(Vec::new(), TextFormat::Csv, CountWidth::U8)?;
/// text.write(&[4, 2])?;
/// text.write(&[1])?;
/// assert_eq!(text.finish()?, b"row,count\n0,4\n1,2\n2,1\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct CountsText<W> {
    inner: W,
    format: TextFormat,
    width: CountWidth,
    row: u64,
    buffer: Vec<u8>,
}

/// The buffer is written when it is longer than this.
const FULL: usize = 64 << 10;

impl<W: Write> CountsText<W> {
    /// Begins with row 0, and with the line of titles if the format has one.
    ///
    /// # Errors
    /// None now; those of `inner` come with [`write`](CountsText::write) and [`finish`](CountsText::finish).
    pub fn new(inner: W, format: TextFormat, width: CountWidth) -> io::Result<CountsText<W>> {
        let mut buffer = Vec::with_capacity(FULL + 128);
        if format == TextFormat::Csv {
            buffer.extend_from_slice(b"row,count\n");
        }
        Ok(CountsText { inner, format, width, row: 0, buffer })
    }

    /// Continues with another row than the next, for results that are written in parts. No line of titles is repeated.
    pub fn set_row(&mut self, row: u64) {
        self.row = row;
    }

    /// Writes the counts of the next rows, as [`count_range_into`](crate::count_range_into) made them.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn write(&mut self, counts: &[u8]) -> io::Result<()> {
        let mut digits = itoa::Buffer::new();
        for count in self.width.read(counts) {
            let (before, between, after): (&[u8], &[u8], &[u8]) = match self.format {
                TextFormat::Csv => (b"", b",", b"\n"),
                TextFormat::JsonLines => (b"{\"row\":", b",\"count\":", b"}\n"),
                TextFormat::Plain => (b"", b"", b"\n"),
            };
            self.buffer.extend_from_slice(before);
            if self.format != TextFormat::Plain {
                self.buffer.extend_from_slice(digits.format(self.row).as_bytes());
            }
            self.buffer.extend_from_slice(between);
            self.buffer.extend_from_slice(digits.format(count).as_bytes());
            self.buffer.extend_from_slice(after);
            self.row += 1;
            if self.buffer.len() > FULL {
                self.inner.write_all(&self.buffer)?;
                self.buffer.clear();
            }
        }
        Ok(())
    }

    /// Writes what is left and returns what it was written to, flushed.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn finish(mut self) -> io::Result<W> {
        self.inner.write_all(&self.buffer)?;
        self.inner.flush()?;
        Ok(self.inner)
    }
}
