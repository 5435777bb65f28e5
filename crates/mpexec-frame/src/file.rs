//! A file as chunks of rows that workers read themselves: row groups of Parquet, record batches of an Arrow file, ranges of whole
//! lines of CSV.

use std::cell::RefCell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use mpexec_core::Pool;
use mpexec_data::{ColumnarFile, Columns, CsvTable, DataError, DataFile, Format, OnBadRow};

use crate::chunk::{Chunk, Lies, Part, Rows, reference};
use crate::settle::{settled, temporary};
use crate::text::{Layout, Writing, layout};
use crate::{FrameError, map_chunks};

/// The batches of a file.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch, FrameError>>>;

/// The chunks of a file.
pub type Chunks = Box<dyn Iterator<Item = Result<Chunk, FrameError>>>;

/// How a file is read.
///
/// ```
/// use mpexec_data::{Columns, OnBadRow};
/// use mpexec_frame::{FrameFile, Reading};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("prices.txt");
/// std::fs::write(&path, "day;price;note\nmon;2.5;x\ntue\n")?;
/// let reading = Reading { columns: Columns::named(["price"]), on_bad_row: OnBadRow::Skip, ..Reading::default() };
/// let file = FrameFile::open_with(&path, reading)?;
/// let batches = file.batches(1000)?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((batches[0].num_rows(), batches[0].num_columns()), (1, 1));
/// assert!(file.bad_rows().is_some_and(|(count, first)| count == 1 && first.contains("line 3, column 2 (price)")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What it holds; `None`: as its content says.
    pub format: Option<Format>,
    /// The columns that are read, in this order.
    pub columns: Columns,
    /// What stands between two fields of CSV; `None`: as the first rows show.
    pub delimiter: Option<u8>,
    /// Whether the first row of CSV is titles; `None`: as the first rows show.
    pub header: Option<bool>,
    /// What becomes of a row of CSV that has not as many fields as the others, or is not UTF-8.
    pub on_bad_row: OnBadRow,
}

/// A file whose rows can be read as batches, any number of times.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("prices.csv");
/// std::fs::write(&path, "day,price\nmon,2.5\ntue,NA\n")?;
/// let file = mpexec_frame::FrameFile::open(&path)?;
/// let batches = file.batches(1000)?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((batches[0].num_rows(), batches[0].column(1).null_count()), (2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FrameFile {
    kind: Kind,
    path: PathBuf,
    /// The places of the columns that are read; `None`: all.
    columns: Option<Vec<usize>>,
}

#[derive(Debug)]
enum Kind {
    Columnar(ColumnarFile, Format),
    Csv(Csv),
}

#[derive(Debug)]
struct Csv {
    file: DataFile,
    table: CsvTable,
    on_bad_row: OnBadRow,
    /// As it was cut last, and by how many bytes.
    layout: RefCell<Option<(u64, Rc<Layout>)>>,
}

/// So many bytes show how long the rows of CSV are.
const SAMPLE: u64 = 64 << 10;

/// A part of CSV is at least so many bytes, if there are as many.
const LEAST: u64 = 64 << 10;

impl FrameFile {
    /// Opens a file, which is known by its content.
    ///
    /// # Errors
    /// A [`FrameError`] that names the file.
    pub fn open(path: impl AsRef<Path>) -> Result<FrameFile, FrameError> {
        FrameFile::open_with(path, Reading::default())
    }

    /// Opens a file that is to be read so.
    ///
    /// # Errors
    /// A [`FrameError`] that names the file.
    pub fn open_with(path: impl AsRef<Path>, reading: Reading) -> Result<FrameFile, FrameError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => DataError::Missing { path: path.to_path_buf() },
            _ => DataError::Io { path: path.to_path_buf(), doing: "open it", cause },
        })?;
        FrameFile::from_file(file, path, reading)
    }

    /// The same with a file that is open. What is no regular file, or compressed, is put into a temporary one first: it takes the place on the
    /// disk that it has unpacked, and none in memory.
    ///
    /// # Errors
    /// A [`FrameError`] that names the file as `path`.
    pub fn from_file(file: File, path: impl Into<PathBuf>, reading: Reading) -> Result<FrameFile, FrameError> {
        let path = path.into();
        let file = DataFile::from_file(settled(file, &path)?, path.clone())?;
        let format = reading.format.map_or_else(|| file.format(), Ok)?;
        let (kind, names, count) = match format {
            Format::Parquet | Format::Arrow => {
                let file = ColumnarFile::open_as(file, format)?;
                let names = file.names().to_vec();
                (Kind::Columnar(file, format), names.clone(), names.len())
            }
            Format::Csv => {
                let table = file.csv(reading.delimiter, reading.header)?;
                let (names, fields) = (table.names.clone(), table.dialect.fields);
                let (on_bad_row, layout) = (reading.on_bad_row, RefCell::new(None));
                (Kind::Csv(Csv { file, table, on_bad_row, layout }), names, fields)
            }
            other => {
                let cause = format!("frames are read from Parquet, Arrow and CSV; this is {}", other.name());
                return Err(FrameError::Format { what: path.display().to_string(), cause });
            }
        };
        let chosen = !reading.columns.is_all();
        let columns = chosen.then(|| reading.columns.places(&names, count)).transpose();
        let columns = columns.map_err(|error| FrameError::Columns(format!("{}: {error}", path.display())))?;
        Ok(FrameFile { kind, path, columns })
    }

    /// Its rows from the first on, at most `rows` at once (of CSV about as many), to be read by workers. Parts of Arrow files are as long
    /// as they were written. A stream of Arrow record batches can only be read from its beginning, so that is read here.
    ///
    /// The types of the columns of CSV are found by the workers of `pool`, in all of it.
    ///
    /// ```standalone_crate
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("prices.csv");
    /// # std::fs::write(&path, "a,b\n1,2\n3,4\n")?;
    /// use mpexec_core::{Pool, Workers};
    /// use mpexec_frame::{FrameFile, RecordBatch, map_rows};
    /// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
    /// let file = FrameFile::open(&path)?;
    /// let only_b = |batch: RecordBatch| batch.project(&[1]);
    /// let done = map_rows(&pool, file.chunks(&pool, 65_536)?, only_b).collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(done[0].num_columns(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A [`FrameError`] that names the file.
    pub fn chunks(&self, pool: &Pool, rows: usize) -> Result<Chunks, FrameError> {
        self.cut(Some(pool), rows)
    }

    /// Its rows from the first on, read here.
    ///
    /// # Errors
    /// A [`FrameError`] that names the file.
    pub fn batches(&self, rows: usize) -> Result<Batches, FrameError> {
        Ok(Box::new(self.cut(None, rows)?.map(|chunk| chunk?.read())))
    }

    /// How many rows were left out or completed, and the first of them; `None` if there is none, or nothing was read yet.
    pub fn bad_rows(&self) -> Option<(u64, String)> {
        let Kind::Csv(csv) = &self.kind else { return None };
        let layout = csv.layout.borrow();
        let (_, layout) = layout.as_ref()?;
        Some((layout.bad, format!("{}: {}", self.path.display(), layout.first_bad.as_ref()?)))
    }

    fn cut(&self, pool: Option<&Pool>, rows: usize) -> Result<Chunks, FrameError> {
        let rows = rows.max(1) as u64;
        let columns = self.columns.clone();
        let (schema, parts): (SchemaRef, Chunks) = match &self.kind {
            Kind::Csv(csv) => {
                let layout = csv.layout(&self.path, rows, pool)?;
                let (input, writing) = (reference(csv.file.file(), &self.path)?, csv.writing());
                let schema = layout.columns.schema(columns.as_deref());
                let parts = (0..layout.parts.len()).map(move |at| {
                    let rows = Rows::Text { part: layout.parts[at].clone(), writing, columns: layout.columns.clone() };
                    Ok(Chunk(Lies::InFile(Part { input: input.clone(), rows, columns: columns.clone() })))
                });
                (schema, Box::new(parts))
            }
            Kind::Columnar(file, format) => {
                let schema = match &columns {
                    None => Arc::clone(file.schema()),
                    Some(places) => Arc::new(file.schema().project(places).map_err(|error| self.named(&error))?),
                };
                (schema, if file.has_parts() { self.parts(file, *format, rows)? } else { self.stream(file)? })
            }
        };
        // One without rows has columns all the same.
        let mut parts = parts.peekable();
        let empty = parts.peek().is_none().then(|| Ok(Chunk::from(RecordBatch::new_empty(schema))));
        Ok(Box::new(parts.chain(empty)))
    }

    fn parts(&self, file: &ColumnarFile, format: Format, rows: u64) -> Result<Chunks, FrameError> {
        let (input, columns) = (reference(file.file(), &self.path)?, self.columns.clone());
        let sizes: Vec<_> = (0..file.parts()).map(|part| file.rows_of(part)).collect();
        let ranges = (0..).zip(sizes).flat_map(move |(part, all)| {
            let each = all.map_or(1, |_| rows as usize);
            (0..all.unwrap_or(1)).step_by(each).map(move |start| (part, all.map(|all| start..all.min(start + rows))))
        });
        Ok(Box::new(ranges.map(move |(part, rows)| {
            let rows = Rows::Columnar { format, part, rows };
            Ok(Chunk(Lies::InFile(Part { input: input.clone(), rows, columns: columns.clone() })))
        })))
    }

    /// The batches of a stream, read here.
    fn stream(&self, file: &ColumnarFile) -> Result<Chunks, FrameError> {
        let (path, columns) = (self.path.clone(), self.columns.clone());
        let all: Vec<_> = (0..file.names().len()).collect();
        Ok(Box::new(file.batches(&all)?.map(move |batch| {
            let batch = batch?;
            let chosen = columns.as_ref().map_or(Ok(batch.clone()), |places| batch.project(places));
            chosen.map(Chunk::from).map_err(|error| FrameError::format(path.display().to_string(), &error))
        })))
    }

    fn named(&self, error: &ArrowError) -> FrameError {
        FrameError::format(self.path.display().to_string(), error)
    }

    /// The names and types of all columns, and the parts that workers read column by column; of a file that cannot be read so, those of a
    /// temporary one with the chosen columns, which must stay open.
    pub(crate) fn by_column(&self, pool: &Pool, rows: usize) -> Result<ByColumn, FrameError> {
        if let Kind::Columnar(file, format) = &self.kind
            && file.has_parts()
        {
            let places = self.columns.clone().unwrap_or_else(|| (0..file.names().len()).collect());
            let (schema, parts) = (Arc::clone(file.schema()), self.wholes(file, *format)?);
            return Ok(ByColumn { schema, places, parts, _kept: None });
        }
        let copy = |cause| DataError::Io { path: self.path.clone(), doing: "keep it in a temporary file", cause };
        let mut kept = temporary()?;
        let mut writer = None;
        for batch in map_chunks(pool, self.chunks(pool, rows)?, Ok::<_, String>) {
            let batch = batch?;
            if writer.is_none() {
                let file = kept.try_clone().map_err(copy)?;
                writer = Some(FileWriter::try_new_buffered(file, &batch.schema()).map_err(|error| self.named(&error))?);
            }
            if let Some(writer) = &mut writer {
                writer.write(&batch).map_err(|error| self.named(&error))?;
            }
        }
        if let Some(mut writer) = writer {
            writer.finish().and_then(|()| writer.flush()).map_err(|error| self.named(&error))?;
        }
        std::io::Seek::rewind(&mut kept).map_err(copy)?;
        let kept = FrameFile::from_file(kept, self.path.clone(), Reading::default())?;
        let by_column = kept.by_column(pool, rows)?;
        Ok(ByColumn { _kept: Some(kept), ..by_column })
    }

    /// All parts of a file, each whole.
    fn wholes(&self, file: &ColumnarFile, format: Format) -> Result<Vec<Part>, FrameError> {
        let input = reference(file.file(), &self.path)?;
        let rows = |part| Rows::Columnar { format, part, rows: None };
        Ok((0..file.parts()).map(|part| Part { input: input.clone(), rows: rows(part), columns: None }).collect())
    }
}

/// A file that workers read column by column.
pub(crate) struct ByColumn {
    pub(crate) schema: SchemaRef,
    /// Of the columns that are wanted.
    pub(crate) places: Vec<usize>,
    pub(crate) parts: Vec<Part>,
    _kept: Option<FrameFile>,
}

impl Csv {
    fn writing(&self) -> Writing {
        let dialect = self.table.dialect;
        Writing { delimiter: dialect.delimiter, fields: dialect.fields, on_bad_row: self.on_bad_row }
    }

    fn layout(&self, path: &Path, rows: u64, pool: Option<&Pool>) -> Result<Rc<Layout>, FrameError> {
        let bytes = self.bytes_of(rows)?;
        if let Some((_, known)) = self.layout.borrow().as_ref().filter(|(cut, _)| *cut == bytes) {
            return Ok(Rc::clone(known));
        }
        let input = reference(self.file.file(), path)?;
        let found = Rc::new(layout(&input, self.file.length(), &self.table, self.writing(), bytes, pool)?);
        self.layout.replace(Some((bytes, Rc::clone(&found))));
        Ok(found)
    }

    /// About how many bytes so many rows are.
    fn bytes_of(&self, rows: u64) -> Result<u64, FrameError> {
        let mut sample = Vec::new();
        let first = self.table.data_offset;
        self.file.read(first..self.file.length().min(first + SAMPLE), &mut sample)?;
        let lines = memchr::memchr_iter(b'\n', &sample).count().max(1) as u64;
        Ok((sample.len() as u64 / lines).max(1).saturating_mul(rows).max(LEAST))
    }
}
