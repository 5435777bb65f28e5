//! Counts as text: CSV, TSV, JSON lines, or one number per line.
//!
//! Millions of short lines; so they are put together in one buffer and written in large pieces.

use std::io::{self, Write};

use crate::CountWidth;

/// How counts are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// A line `row,count`, then lines such as `0,4`.
    Csv,
    /// The same with tabs.
    Tsv,
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
    row: Digits,
    buffer: Vec<u8>,
    used: usize,
}

/// The buffer is written when so many of its bytes are used.
const FULL: usize = 64 << 10;

/// The longest line: a row and a count of 20 digits each, and the names of JSON. There is room for one more in the
/// buffer.
const LINE: usize = 64;

impl<W: Write> CountsText<W> {
    /// Begins with row 0, and with the line of titles if the format has one.
    ///
    /// # Errors
    /// None now; those of `inner` come with [`write`](CountsText::write) and [`finish`](CountsText::finish).
    pub fn new(inner: W, format: TextFormat, width: CountWidth) -> io::Result<CountsText<W>> {
        let buffer = vec![0; FULL + LINE];
        let mut text = CountsText { inner, format, width, row: Digits::new(0), buffer, used: 0 };
        match format {
            TextFormat::Csv => text.put(b"row,count\n", 10),
            TextFormat::Tsv => text.put(b"row\tcount\n", 10),
            TextFormat::JsonLines | TextFormat::Plain => {}
        }
        Ok(text)
    }

    /// Continues with another row than the next, for results that are written in parts. No line of titles is repeated.
    pub fn set_row(&mut self, row: u64) {
        self.row = Digits::new(row);
    }

    /// Writes the counts of the next rows, as [`count_range_into`](crate::count_range_into) made them.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn write(&mut self, counts: &[u8]) -> io::Result<()> {
        for count in self.width.read(counts) {
            let row = self.row;
            match self.format {
                TextFormat::Csv | TextFormat::Tsv => {
                    self.put(&row.digits, row.len);
                    self.put(if self.format == TextFormat::Csv { b"," } else { b"\t" }, 1);
                    self.put_count(count);
                    self.put(b"\n", 1);
                }
                TextFormat::JsonLines => {
                    self.put(b"{\"row\":", 7);
                    self.put(&row.digits, row.len);
                    self.put(b",\"count\":", 9);
                    self.put_count(count);
                    self.put(b"}\n", 2);
                }
                TextFormat::Plain => {
                    self.put_count(count);
                    self.put(b"\n", 1);
                }
            }
            self.row.advance();
            if self.used >= FULL {
                self.inner.write_all(&self.buffer[..self.used])?;
                self.used = 0;
            }
        }
        Ok(())
    }

    /// Writes what is left and returns what it was written to, flushed.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn finish(mut self) -> io::Result<W> {
        self.inner.write_all(&self.buffer[..self.used])?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    /// Appends the first `len` bytes of `piece`, by copying all of it: a copy of known length is two instructions, one
    /// of unknown length is a call.
    #[inline(always)]
    fn put<const N: usize>(&mut self, piece: &[u8; N], len: usize) {
        self.buffer[self.used..][..N].copy_from_slice(piece);
        self.used += len;
    }

    #[inline(always)]
    fn put_count(&mut self, count: u64) {
        if count < 10 {
            return self.put(&[b'0' + count as u8], 1);
        }
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(count).as_bytes();
        self.buffer[self.used..][..digits.len()].copy_from_slice(digits);
        self.used += digits.len();
    }
}

/// A number in decimal digits. Most of the time the next one differs in the last digit only.
#[derive(Clone, Copy, Debug)]
struct Digits {
    digits: [u8; 20],
    len: usize,
}

impl Digits {
    fn new(number: u64) -> Digits {
        let mut buffer = itoa::Buffer::new();
        let text = buffer.format(number).as_bytes();
        let mut digits = [b'0'; 20];
        digits[..text.len()].copy_from_slice(text);
        Digits { digits, len: text.len() }
    }

    #[inline(always)]
    fn advance(&mut self) {
        for digit in self.digits[..self.len].iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        // All were nines, and are zeros now: one more of these, behind a one.
        self.digits[0] = b'1';
        self.len += 1;
    }
}
