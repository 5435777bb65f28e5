//! What is written, compressed on its way.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Packing;

/// Compresses what is written to it, or hands it on as it is.
///
/// ```
/// use std::io::Write;
/// use mpexec_data::{PackedWriter, Packing};
/// let mut writer = PackedWriter::new(Vec::new(), Some(Packing::Gzip))?;
/// writer.write_all(b"row,count\n")?;
/// assert_eq!(Packing::of(&writer.finish()?), Some(Packing::Gzip));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct PackedWriter<W: Write>(Kind<W>);

enum Kind<W: Write> {
    Plain(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> PackedWriter<W> {
    /// Writes to `inner`.
    ///
    /// # Errors
    /// What the encoder says when it is made.
    pub fn new(inner: W, packing: Option<Packing>) -> io::Result<PackedWriter<W>> {
        Ok(PackedWriter(match packing {
            None => Kind::Plain(inner),
            Some(Packing::Gzip) => Kind::Gzip(GzEncoder::new(inner, Compression::default())),
            Some(Packing::Zstd) => {
                Kind::Zstd(zstd::stream::write::Encoder::new(inner, zstd::DEFAULT_COMPRESSION_LEVEL)?)
            }
        }))
    }

    /// Writes the end and returns what it was written to.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            Kind::Plain(inner) => Ok(inner),
            Kind::Gzip(encoder) => encoder.finish(),
            Kind::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for PackedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Plain(inner) => inner.write(bytes),
            Kind::Gzip(encoder) => encoder.write(bytes),
            Kind::Zstd(encoder) => encoder.write(bytes),
        }
    }

    /// Compressed, it is the end that writes all: what is held back until then compresses better.
    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Kind::Plain(inner) => inner.flush(),
            Kind::Gzip(_) | Kind::Zstd(_) => Ok(()),
        }
    }
}

impl<W: Write> std::fmt::Debug for PackedWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match &self.0 {
            Kind::Plain(_) => "plain",
            Kind::Gzip(_) => "gzip",
            Kind::Zstd(_) => "zstd",
        };
        f.debug_tuple("PackedWriter").field(&kind).finish()
    }
}
