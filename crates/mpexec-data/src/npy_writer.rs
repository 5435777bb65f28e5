//! Writes `.npy` files: version 1.0, C order, little-endian, byte for byte as NumPy's own `save` does.

use std::io::{self, Write};

use crate::DType;

/// The shape of an array to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One dimension: so many numbers.
    Vector(u64),
    /// Two dimensions: rows, then columns.
    Matrix(u64, u64),
}

impl Shape {
    /// The numbers in the array; `None` if a file cannot hold so many.
    fn numbers(self) -> Option<u64> {
        match self {
            Shape::Vector(length) => Some(length),
            Shape::Matrix(rows, cols) => rows.checked_mul(cols),
        }
    }
}

/// The whole header of an array, from the magic to the last byte before the first number. Its length is a multiple of
/// 64.
///
/// With it and the known size of the results, they can be written to their places in any order:
///
/// ```
/// use mpexec_data::{DType, Output, Shape, npy_header};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("counts.npy");
/// let header = npy_header(DType::U8, Shape::Vector(3));
/// let output = Output::create(&path)?;
/// output.set_len(header.len() as u64 + 3)?;
/// output.write_at(header.len() as u64 + 1, &[2, 3])?;
/// output.write_at(header.len() as u64, &[1])?;
/// output.write_at(0, &header)?;
/// output.commit()?;
/// assert_eq!(mpexec_data::NpyFile::open(&path)?.read_rows::<u8>(0..3)?, [1, 2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn npy_header(dtype: DType, shape: Shape) -> Vec<u8> {
    let shape = match shape {
        Shape::Vector(length) => format!("({length},)"),
        Shape::Matrix(rows, cols) => format!("({rows}, {cols})"),
    };
    // NumPy also leaves room for the first length to grow; with plain numbers that never changes the length of 128 bytes.
    let text = format!("{{'descr': '{}', 'fortran_order': False, 'shape': {shape}, }}", dtype.descr());
    let before = 10;
    let length = (before + text.len() + 1).next_multiple_of(64) - before;
    let mut header = Vec::with_capacity(before + length);
    header.extend_from_slice(crate::header::MAGIC);
    header.extend([1, 0]);
    header.extend((length as u16).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header.resize(before + length - 1, b' ');
    header.push(b'\n');
    header
}

/// Writes an array of known shape from its first number to its last.
///
/// ```
/// use mpexec_data::{DType, NpyWriter, Shape};
/// let mut writer = NpyWriter::new(Vec::new(), DType::I64, Shape::Matrix(1, 2))?;
/// writer.write(&7i64.to_le_bytes())?;
/// assert!(writer.missing() == 8);
/// writer.write(&8i64.to_le_bytes())?;
/// let bytes = writer.finish()?;
/// assert_eq!(bytes.len(), 128 + 16);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct NpyWriter<W> {
    inner: W,
    missing: u64,
}

impl<W: Write> NpyWriter<W> {
    /// Writes the header. Every [`write`](NpyWriter::write) becomes one of `inner`, so hand on large pieces.
    ///
    /// # Errors
    /// Those of `inner`, and [`io::ErrorKind::InvalidInput`] for a shape that no file can hold.
    pub fn new(mut inner: W, dtype: DType, shape: Shape) -> io::Result<NpyWriter<W>> {
        let missing = shape.numbers().and_then(|numbers| numbers.checked_mul(dtype.size() as u64));
        let missing =
            missing.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no file can hold the shape"))?;
        inner.write_all(&npy_header(dtype, shape))?;
        Ok(NpyWriter { inner, missing })
    }

    /// Writes the next numbers, as little-endian bytes.
    ///
    /// # Errors
    /// Those of `inner`, and [`io::ErrorKind::InvalidInput`] for more bytes than the shape has; nothing is written
    /// then.
    pub fn write(&mut self, numbers: &[u8]) -> io::Result<()> {
        let Some(missing) = self.missing.checked_sub(numbers.len() as u64) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "more numbers were written than the shape has"));
        };
        self.inner.write_all(numbers)?;
        self.missing = missing;
        Ok(())
    }

    /// The bytes still to be written.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Ends the array and returns what it was written to, flushed.
    ///
    /// # Errors
    /// Those of flushing, and [`io::ErrorKind::UnexpectedEof`] if numbers are missing.
    pub fn finish(mut self) -> io::Result<W> {
        if self.missing > 0 {
            let text = format!("{} bytes of the array were not written", self.missing);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        self.inner.flush()?;
        Ok(self.inner)
    }
}
