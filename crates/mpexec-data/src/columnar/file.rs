//! A Parquet or Arrow file, open: its names, its types and its parts.

use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;

use super::count::BatchCounter;
use super::plain::kind;
use crate::one_line::one_line;
use crate::table::{PartCounts, RowCounts};
use crate::{DataError, DataFile, Format};

/// The record batches of a file.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch, DataError>> + Send>;

/// Rows decoded at once.
const BATCH_ROWS: usize = 8192;

/// What an Arrow file begins with; a stream of record batches does not.
const ARROW_FILE: &[u8] = b"ARROW1";

/// A file whose columns have names and types.
///
/// ```no_run
/// use mpexec_data::{ColumnarFile, DataFile};
/// let file = ColumnarFile::open(DataFile::open("prices.parquet")?)?;
/// let part = file.count(0, &[0, 1], "4", "8", true)?;
/// println!("{} of {} rows", part.summary.rows, file.rows().unwrap_or_default());
/// # Ok::<(), mpexec_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct ColumnarFile {
    file: File,
    path: PathBuf,
    schema: SchemaRef,
    names: Vec<String>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Parquet(ArrowReaderMetadata),
    /// So many record batches, each of which can be read alone.
    ArrowFile(usize),
    /// Record batches that can only be read one after the other.
    ArrowStream,
}

impl ColumnarFile {
    /// Reads the footer of a file that is Parquet or Arrow by its content.
    ///
    /// # Errors
    /// [`DataError::Columnar`] if it is broken or cut short.
    pub fn open(file: DataFile) -> Result<ColumnarFile, DataError> {
        let format = file.format()?;
        ColumnarFile::open_as(file, format)
    }

    /// The same for a file that somebody says to be of this format, Parquet or Arrow.
    ///
    /// # Errors
    /// [`DataError::Columnar`] if it is not, or is broken or cut short.
    pub fn open_as(file: DataFile, format: Format) -> Result<ColumnarFile, DataError> {
        let path = file.path().to_path_buf();
        let arrow_file = file.begins_with(ARROW_FILE);
        let file = file.into_file();
        let broken = |fault: String| broken(&path, format, &fault);
        let io = |cause| DataError::Io { path: path.clone(), doing: "open it again", cause };
        let (schema, kind) = match format {
            Format::Parquet => {
                let footer = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new());
                let footer = footer.map_err(|error| broken(error.to_string()))?;
                if let Some(codec) = packed_otherwise(footer.metadata()) {
                    return Err(DataError::Codec { path, codec });
                }
                (footer.schema().clone(), Kind::Parquet(footer))
            }
            Format::Arrow if arrow_file => {
                let reader = FileReader::try_new(BufReader::new(file.try_clone().map_err(io)?), None);
                let reader = reader.map_err(|error| broken(error.to_string()))?;
                (reader.schema(), Kind::ArrowFile(reader.num_batches()))
            }
            _ => {
                let reader = StreamReader::try_new(BufReader::new(file.try_clone().map_err(io)?), None);
                let reader = reader.map_err(|error| broken(error.to_string()))?;
                (reader.schema(), Kind::ArrowStream)
            }
        };
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        Ok(ColumnarFile { file, path, schema, names, kind })
    }

    /// The file itself, to be handed to another process. Its position has no meaning.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The path the file was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of parts that can be counted each alone.
    pub fn parts(&self) -> u64 {
        match &self.kind {
            Kind::Parquet(footer) => footer.metadata().num_row_groups() as u64,
            Kind::ArrowFile(batches) => *batches as u64,
            Kind::ArrowStream => 1,
        }
    }

    /// The number of rows, if the footer tells.
    pub fn rows(&self) -> Option<u64> {
        match &self.kind {
            Kind::Parquet(footer) => u64::try_from(footer.metadata().file_metadata().num_rows()).ok(),
            Kind::ArrowFile(_) | Kind::ArrowStream => None,
        }
    }

    /// The kind of number that these columns hold, or `mixed`.
    ///
    /// # Errors
    /// [`DataError::ColumnType`] if one of them holds no numbers.
    pub fn type_name(&self, columns: &[usize]) -> Result<&'static str, DataError> {
        let mut found: Option<&'static str> = None;
        for &column in columns {
            let field = self.schema.field(column);
            let name = match (field.data_type(), kind(field.data_type())) {
                (DataType::Boolean, _) => "bool",
                (DataType::Float16, _) => "float16",
                (DataType::Null, _) => "null",
                (decimal, _) if decimal.is_decimal() => "decimal",
                (_, Some(kind)) => kind.name(),
                (holds, None) => {
                    let (name, holds) = (one_line(field.name()), one_line(&holds.to_string()));
                    return Err(DataError::ColumnType { path: self.path.clone(), name, holds });
                }
            };
            if found.is_some_and(|before| before != name) {
                found = Some("mixed");
            } else {
                found = Some(name);
            }
        }
        Ok(found.unwrap_or("none"))
    }

    /// Counts the rows of one part, in the columns with these places. The counts are `kept`, or only summed up.
    ///
    /// # Errors
    /// [`DataError::Columnar`] if the part is broken, [`DataError::ColumnType`] if a column holds no numbers,
    /// [`DataError::Io`] if the file cannot be read.
    pub fn count(
        &self,
        part: u64,
        columns: &[usize],
        minimum: &str,
        maximum: &str,
        kept: bool,
    ) -> Result<PartCounts, DataError> {
        self.type_name(columns)?;
        // Batches have their columns in the order of the file.
        let mut places = columns.to_vec();
        places.sort_unstable();
        let types = places.iter().map(|&place| self.schema.field(place).data_type());
        let mut counter = BatchCounter::new(types, minimum, maximum).map_err(|error| self.broken(error.to_string()))?;
        let mut counts = RowCounts::new(columns.len() as u64, kept);
        self.each_batch(part, &places, |batch| counter.count(batch, &mut counts))?;
        Ok(counts.finish())
    }

    /// The names and types of all columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether its parts can be read each alone; record batches in a stream cannot.
    pub fn has_parts(&self) -> bool {
        !matches!(self.kind, Kind::ArrowStream)
    }

    /// The rows of one part, if the footer tells.
    pub fn rows_of(&self, part: u64) -> Option<u64> {
        let Kind::Parquet(footer) = &self.kind else { return None };
        let group = footer.metadata().row_groups().get(usize::try_from(part).ok()?)?;
        u64::try_from(group.num_rows()).ok()
    }

    /// The record batches of one part, or only these of its rows, with the columns of these places, which are in order.
    ///
    /// ```
    /// # use mpexec_data::{ColumnarFormat, CountWidth, CountsColumns};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("counts.parquet");
    /// # let mut columns = CountsColumns::new(std::fs::File::create(&path)?, ColumnarFormat::Parquet, CountWidth::U8)?;
    /// # columns.write(&[4, 2, 1])?;
    /// # columns.finish()?;
    /// use mpexec_data::{ColumnarFile, DataFile};
    /// let file = ColumnarFile::open(DataFile::open(&path)?)?;
    /// let batches = file.read_part(0, Some(1..3), &[1])?;
    /// assert_eq!((file.rows_of(0), batches[0].num_rows(), batches[0].num_columns()), (Some(3), 2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`count`](ColumnarFile::count).
    pub fn read_part(
        &self,
        part: u64,
        rows: Option<Range<u64>>,
        places: &[usize],
    ) -> Result<Vec<RecordBatch>, DataError> {
        let mut batches = Vec::new();
        if let (Some(rows), Kind::Parquet(footer)) = (&rows, &self.kind) {
            let number = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
            let (skipped, wanted) = (number(rows.start), number(rows.end - rows.start));
            let builder = self.row_group(footer, part, places)?;
            let builder = builder.with_offset(skipped).with_limit(wanted).with_batch_size(wanted);
            for batch in builder.build().map_err(|error| self.broken(error.to_string()))? {
                batches.push(batch.map_err(|error| self.broken(error.to_string()))?);
            }
            return Ok(batches);
        }
        self.each_batch(part, places, |batch| batches.push(batch.clone()))?;
        Ok(batches)
    }

    fn again(&self) -> Result<File, DataError> {
        let file = self.file.try_clone();
        file.map_err(|cause| DataError::Io { path: self.path.clone(), doing: "open it again", cause })
    }

    fn row_group(
        &self,
        footer: &ArrowReaderMetadata,
        part: u64,
        places: &[usize],
    ) -> Result<ParquetRecordBatchReaderBuilder<File>, DataError> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.again()?, footer.clone());
        let mask = ProjectionMask::roots(builder.parquet_schema(), places.iter().copied());
        Ok(builder.with_projection(mask).with_row_groups(vec![usize::try_from(part).unwrap_or(usize::MAX)]))
    }

    /// What a column holds.
    pub(crate) fn type_of(&self, column: usize) -> &DataType {
        self.schema.field(column).data_type()
    }

    /// All record batches one after the other, with the columns of these places, which are in order.
    ///
    /// ```no_run
    /// # use mpexec_data::{ColumnarFile, DataFile};
    /// let file = ColumnarFile::open(DataFile::open("prices.parquet")?)?;
    /// for batch in file.batches(&[0, 2])? {
    ///     println!("{} rows", batch?.num_rows());
    /// }
    /// # Ok::<(), mpexec_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// As [`count`](ColumnarFile::count).
    pub fn batches(&self, places: &[usize]) -> Result<Batches, DataError> {
        let (path, format) = (self.path.clone(), self.format());
        let broken = move |error: ArrowError| broken(&path, format, &error.to_string());
        let mut file = self.again()?;
        let batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send> = match &self.kind {
            Kind::Parquet(footer) => {
                let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer.clone());
                let mask = ProjectionMask::roots(builder.parquet_schema(), places.iter().copied());
                let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
                Box::new(reader.map_err(|error| broken(error.into()))?)
            }
            Kind::ArrowFile(_) => {
                let reader = FileReader::try_new(BufReader::new(file), Some(places.to_vec()));
                Box::new(reader.map_err(&broken)?)
            }
            Kind::ArrowStream => {
                std::io::Seek::rewind(&mut file).map_err(|cause| broken(cause.into()))?;
                let reader = StreamReader::try_new(BufReader::new(file), Some(places.to_vec()));
                Box::new(reader.map_err(&broken)?)
            }
        };
        Ok(Box::new(batches.map(move |batch| batch.map_err(&broken))))
    }

    fn format(&self) -> Format {
        match self.kind {
            Kind::Parquet(_) => Format::Parquet,
            Kind::ArrowFile(_) | Kind::ArrowStream => Format::Arrow,
        }
    }

    /// Shows the record batches of one part to `visit`, of the columns with these places, which are in order.
    pub(crate) fn each_batch(
        &self,
        part: u64,
        places: &[usize],
        mut visit: impl FnMut(&RecordBatch),
    ) -> Result<(), DataError> {
        let mut take = |batch: Result<RecordBatch, DataError>| batch.map(|batch| visit(&batch));
        let told = |batch: Result<RecordBatch, ArrowError>| batch.map_err(|error| self.broken(error.to_string()));
        match &self.kind {
            Kind::Parquet(footer) => {
                let builder = self.row_group(footer, part, places)?.with_batch_size(BATCH_ROWS);
                builder.build().map_err(|error| self.broken(error.to_string()))?.map(told).try_for_each(&mut take)?;
            }
            Kind::ArrowFile(_) => {
                let reader = FileReader::try_new(BufReader::new(self.again()?), Some(places.to_vec()));
                let mut reader = reader.map_err(|error| self.broken(error.to_string()))?;
                reader
                    .set_index(usize::try_from(part).unwrap_or(usize::MAX))
                    .map_err(|error| self.broken(error.to_string()))?;
                reader.take(1).map(told).try_for_each(&mut take)?;
            }
            Kind::ArrowStream => self.batches(places)?.try_for_each(&mut take)?,
        }
        Ok(())
    }

    pub(super) fn broken(&self, fault: String) -> DataError {
        broken(&self.path, self.format(), &fault)
    }
}

/// The first way of packing that is not known here, of those in which parts of a file are packed.
fn packed_otherwise(footer: &ParquetMetaData) -> Option<&'static str> {
    let columns = footer.row_groups().iter().flat_map(|group| group.columns());
    columns.map(|column| column.compression()).find_map(|packed| match packed {
        Compression::BROTLI(_) => Some("Brotli"),
        Compression::LZO => Some("LZO"),
        _ => None,
    })
}

fn broken(path: &Path, format: Format, fault: &str) -> DataError {
    let path = path.to_path_buf();
    DataError::Columnar { path, format: format.name(), fault: one_line(fault) }
}
