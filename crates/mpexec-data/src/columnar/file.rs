//! A Parquet or Arrow file, open: its names, its types and its parts.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::count::{BatchCounter, kind};
use crate::one_line::one_line;
use crate::table::{PartCounts, RowCounts};
use crate::{DataError, DataFile, Format};

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

    /// What a column holds.
    pub(crate) fn type_of(&self, column: usize) -> &DataType {
        self.schema.field(column).data_type()
    }

    /// Shows the record batches of one part to `visit`, of the columns with these places, which are in order.
    pub(crate) fn each_batch(
        &self,
        part: u64,
        places: &[usize],
        mut visit: impl FnMut(&RecordBatch),
    ) -> Result<(), DataError> {
        let mut take = |batch: Result<RecordBatch, ArrowError>| {
            batch.map(|batch| visit(&batch)).map_err(|error| self.broken(error.to_string()))
        };
        let file = self.file.try_clone();
        let file = file.map_err(|cause| DataError::Io { path: self.path.clone(), doing: "open it again", cause })?;
        let part = usize::try_from(part).unwrap_or(usize::MAX);
        match &self.kind {
            Kind::Parquet(footer) => {
                let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer.clone());
                let mask = ProjectionMask::roots(builder.parquet_schema(), places.iter().copied());
                let builder = builder.with_projection(mask).with_row_groups(vec![part]).with_batch_size(BATCH_ROWS);
                builder.build().map_err(|error| self.broken(error.to_string()))?.try_for_each(&mut take)?;
            }
            Kind::ArrowFile(_) => {
                let reader = FileReader::try_new(BufReader::new(file), Some(places.to_vec()));
                let mut reader = reader.map_err(|error| self.broken(error.to_string()))?;
                reader.set_index(part).map_err(|error| self.broken(error.to_string()))?;
                reader.take(1).try_for_each(&mut take)?;
            }
            Kind::ArrowStream => {
                let mut file = file;
                std::io::Seek::rewind(&mut file).map_err(|cause| DataError::Io {
                    path: self.path.clone(),
                    doing: "read it",
                    cause,
                })?;
                let reader = StreamReader::try_new(BufReader::new(file), Some(places.to_vec()));
                reader.map_err(|error| self.broken(error.to_string()))?.try_for_each(&mut take)?;
            }
        }
        Ok(())
    }

    fn broken(&self, fault: String) -> DataError {
        let format = match self.kind {
            Kind::Parquet(_) => Format::Parquet,
            _ => Format::Arrow,
        };
        broken(&self.path, format, &fault)
    }
}

fn broken(path: &Path, format: Format, fault: &str) -> DataError {
    let path = path.to_path_buf();
    DataError::Columnar { path, format: format.name(), fault: one_line(fault) }
}
