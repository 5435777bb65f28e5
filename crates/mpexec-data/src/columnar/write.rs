//! Counts as columns: Parquet or an Arrow file with the columns `row` and `count`.

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt8Array, UInt16Array, UInt32Array, UInt64Array};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::CountWidth;

/// A format that lies column by column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnarFormat {
    /// Parquet, compressed with snappy as most write it.
    Parquet,
    /// An Arrow file, not compressed, so that it can be mapped.
    Arrow,
}

/// Writes the counts of consecutive rows as record batches: `row` is uint64, `count` the smallest unsigned type that holds the
/// number of columns.
///
/// ```
/// use mpexec_data::{ColumnarFile, ColumnarFormat, CountWidth, CountsColumns, DataFile};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("counts.parquet");
/// let mut columns = CountsColumns::new(std::fs::File::create(&path)?, ColumnarFormat::Parquet, CountWidth::U8)?;
/// columns.write(&[4, 2])?;
/// columns.finish()?;
/// let file = ColumnarFile::open(DataFile::open(&path)?)?;
/// assert_eq!((file.names(), file.rows()), (&["row".to_owned(), "count".to_owned()][..], Some(2)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CountsColumns<W: Write + Send> {
    writer: BatchWriter<W>,
    width: CountWidth,
    row: u64,
}

/// Writes record batches in either format.
pub(crate) struct BatchWriter<W: Write + Send> {
    writer: Writer<W>,
    schema: SchemaRef,
}

enum Writer<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    Arrow(Box<FileWriter<W>>),
}

/// The rows of one record batch.
const BATCH: usize = 64 << 10;

impl<W: Write + Send> CountsColumns<W> {
    /// Begins with row 0.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn new(inner: W, format: ColumnarFormat, width: CountWidth) -> io::Result<CountsColumns<W>> {
        let count = match width {
            CountWidth::U8 => DataType::UInt8,
            CountWidth::U16 => DataType::UInt16,
            CountWidth::U32 => DataType::UInt32,
            CountWidth::U64 => DataType::UInt64,
        };
        let fields = vec![Field::new("row", DataType::UInt64, false), Field::new("count", count, false)];
        let writer = BatchWriter::new(inner, format, Arc::new(Schema::new(fields)))?;
        Ok(CountsColumns { writer, width, row: 0 })
    }

    /// Writes the counts of the next rows, as [`count_range_into`](crate::count_range_into) made them.
    ///
    /// # Errors
    /// Those of the destination.
    pub fn write(&mut self, counts: &[u8]) -> io::Result<()> {
        for counts in counts.chunks(BATCH * self.width.bytes()) {
            let numbers = self.width.read(counts);
            let counts: ArrayRef = match self.width {
                CountWidth::U8 => Arc::new(UInt8Array::from(counts.to_vec())),
                CountWidth::U16 => Arc::new(numbers.map(|count| count as u16).collect::<UInt16Array>()),
                CountWidth::U32 => Arc::new(numbers.map(|count| count as u32).collect::<UInt32Array>()),
                CountWidth::U64 => Arc::new(numbers.collect::<UInt64Array>()),
            };
            let next = self.row + counts.len() as u64;
            let rows: ArrayRef = Arc::new(UInt64Array::from_iter_values(self.row..next));
            self.row = next;
            let batch = RecordBatch::try_new(self.writer.schema(), vec![rows, counts]).map_err(of_arrow)?;
            self.writer.write(&batch)?;
        }
        Ok(())
    }

    /// Writes the footer and returns what it was written to.
    ///
    /// # Errors
    /// Those of the destination.
    pub fn finish(self) -> io::Result<W> {
        self.writer.finish()
    }
}

impl<W: Write + Send> BatchWriter<W> {
    pub(crate) fn new(inner: W, format: ColumnarFormat, schema: SchemaRef) -> io::Result<BatchWriter<W>> {
        let writer = match format {
            ColumnarFormat::Parquet => {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let writer = ArrowWriter::try_new(inner, Arc::clone(&schema), Some(properties));
                Writer::Parquet(Box::new(writer.map_err(of_parquet)?))
            }
            ColumnarFormat::Arrow => Writer::Arrow(Box::new(FileWriter::try_new(inner, &schema).map_err(of_arrow)?)),
        };
        Ok(BatchWriter { writer, schema })
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        match &mut self.writer {
            Writer::Parquet(writer) => writer.write(batch).map_err(of_parquet),
            Writer::Arrow(writer) => writer.write(batch).map_err(of_arrow),
        }
    }

    pub(crate) fn finish(self) -> io::Result<W> {
        match self.writer {
            Writer::Parquet(writer) => writer.into_inner().map_err(of_parquet),
            Writer::Arrow(writer) => writer.into_inner().map_err(of_arrow),
        }
    }
}

impl<W: Write + Send> std::fmt::Debug for CountsColumns<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CountsColumns").field("writer", &self.writer).field("row", &self.row).finish_non_exhaustive()
    }
}

impl<W: Write + Send> std::fmt::Debug for BatchWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchWriter").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// What the destination said, as it said it.
fn of_parquet(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => cause.downcast().map_or_else(io::Error::other, |cause| *cause),
        other => io::Error::other(other),
    }
}

/// What the destination said, as it said it.
pub(crate) fn of_arrow(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, cause) => cause,
        other => io::Error::other(other),
    }
}
