//! A file, or several as one table, as chunks of rows that workers read themselves: row groups of Parquet, record batches of an Arrow
//! file, rows of an array, ranges of whole lines of CSV and JSON.

mod alike;
mod cut;
mod member;

use std::cell::RefCell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use mpexec_data::{Columns, DataError, Format, OnBadRow, Want, temporary};

use crate::chunk::{Chunk, Part};
use crate::workplace::Workplace;
use crate::{FrameError, map_chunks};
use cut::Cut;
use member::Member;

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
    /// What becomes of a row of a text that is not as the others: it has not as many fields, is not UTF-8, or no JSON, or a cell is not what is wanted.
    pub on_bad_row: OnBadRow,
    /// What the cells of a text may be: where numbers are wanted, a row with anything else is bad.
    pub want: Want,
}

/// A file whose rows can be read as batches, any number of times; or several, one below the other.
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
    members: Vec<Member>,
    /// As it was cut last.
    cut: RefCell<Option<Rc<Cut>>>,
}

/// So many of several files stay open.
const OPEN: usize = 32;

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
        let member = Member::open(file, path.into(), &reading)?;
        Ok(FrameFile { members: vec![member], cut: RefCell::default() })
    }

    /// Several files as one table, their rows numbered through, whatever their formats. They are taken one by one, and of many only the first
    /// stay open: whoever reads the others opens them by their names, and notices one that was exchanged.
    ///
    /// The columns must have the same names, in the same order, and the same types. A text has none of its own: of texts alone a column
    /// is what all of them hold, beside other files it must hold what these do.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let paths = ["jan.csv", "feb.jsonl"].map(|name| folder.path().join(name));
    /// std::fs::write(&paths[0], "day,price\n1,2\n2,3\n")?;
    /// std::fs::write(&paths[1], "{\"day\":1,\"price\":2.5}\n")?;
    /// use mpexec_frame::{FrameFile, concat, csv_text};
    /// let both = FrameFile::together(paths.iter().map(FrameFile::open))?;
    /// assert_eq!(csv_text(&concat(both.batches(1000)?)?)?, b"day,price\n1,2.0\n2,3.0\n1,2.5\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The first of the files' errors, or a [`FrameError`] that names a file and a column that are not as in the first.
    pub fn together<E: From<FrameError>>(
        files: impl IntoIterator<Item = Result<FrameFile, E>>,
    ) -> Result<FrameFile, E> {
        let mut members = Vec::new();
        for file in files {
            for mut member in file?.members {
                if members.len() >= OPEN {
                    member.let_go()?;
                }
                members.push(member);
            }
        }
        if members.is_empty() {
            let cause = "there is no file".to_owned();
            return Err(FrameError::Format { what: "the frame".into(), cause }.into());
        }
        alike::check(&members)?;
        Ok(FrameFile { members, cut: RefCell::default() })
    }

    /// Its rows from the first on, at most `rows` at once (of a text about as many), to be read by workers. Parts of Arrow files are as long
    /// as they were written. A stream of Arrow record batches can only be read from its beginning, so that is read here.
    ///
    /// The types of the columns of CSV and JSON are found by the workers of the pool, in all of it.
    ///
    /// ```
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
    pub fn chunks<'a>(&self, place: impl Into<Workplace<'a>>, rows: usize) -> Result<Chunks, FrameError> {
        self.cut(Some(place.into()), rows)
    }

    /// How many rows there are, if that is known before they are read.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("prices.csv");
    /// std::fs::write(&path, "day,price\nmon,2.5\n")?;
    /// let file = mpexec_frame::FrameFile::open(&path)?;
    /// assert_eq!((file.rows(), file.bytes()), (None, Some(8)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rows(&self) -> Option<u64> {
        self.members.iter().map(Member::rows).sum()
    }

    /// How many bytes its rows have, if all of it is text or arrays.
    pub fn bytes(&self) -> Option<u64> {
        self.members.iter().map(Member::bytes).sum()
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
        let cut = self.cut.borrow();
        let texts = self.members.iter().zip(&cut.as_ref()?.texts);
        let layouts = texts.filter_map(|(member, text)| text.as_ref().map(|(layout, _)| (member, layout)));
        let (mut bad, mut first) = (0, None);
        for (member, layout) in layouts {
            bad += layout.bad;
            if let (None, Some(row)) = (&first, &layout.first_bad) {
                first = Some(format!("{}: {row}", member.path.display()));
            }
        }
        Some((bad, first?))
    }

    /// The first of the files that has no rows because its only one is taken for titles, if nobody has said so; `None` also if nothing was read yet.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("names.csv");
    /// std::fs::write(&path, "day,price\n")?;
    /// let file = mpexec_frame::FrameFile::open(&path)?;
    /// assert_eq!(file.batches(1000)?.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 0);
    /// assert!(file.titles_alone().is_some_and(|name| name.ends_with("names.csv")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn titles_alone(&self) -> Option<String> {
        let cut = self.cut.borrow();
        let mut texts = self.members.iter().zip(&cut.as_ref()?.texts);
        let alone = |member: &Member| matches!(&member.kind, member::Kind::Text(text) if text.guessed);
        let found = texts.find(|(member, text)| {
            alone(member) && text.as_ref().is_some_and(|(layout, _)| layout.parts.is_empty() && layout.bad == 0)
        });
        found.map(|(member, _)| member.path.display().to_string())
    }

    /// What is known of all rows when they are read in chunks of so many.
    fn known(&self, place: Option<Workplace<'_>>, rows: u64) -> Result<Rc<Cut>, FrameError> {
        if let Some(known) = self.cut.borrow().as_ref().filter(|cut| cut.rows == rows) {
            return Ok(Rc::clone(known));
        }
        let found = Rc::new(alike::cut(&self.members, rows, place)?);
        self.cut.replace(Some(Rc::clone(&found)));
        Ok(found)
    }

    fn cut(&self, place: Option<Workplace<'_>>, rows: usize) -> Result<Chunks, FrameError> {
        let rows = rows.max(1) as u64;
        let cut = self.known(place, rows)?;
        let parts: Vec<_> = self.members.iter().enumerate().map(|(at, member)| member.chunks(rows, &cut, at)).collect();
        // One without rows has columns all the same.
        let mut parts = parts.into_iter().flatten().peekable();
        let empty = parts.peek().is_none().then(|| Ok(Chunk::from(RecordBatch::new_empty(Arc::clone(&cut.schema)))));
        Ok(Box::new(parts.chain(empty)))
    }

    /// What it is called, for a person.
    pub(crate) fn name(&self) -> String {
        let first = self.members[0].path.display();
        match self.members.len() {
            1 => first.to_string(),
            more => format!("{first} and {} more", more - 1),
        }
    }

    /// The columns, and the parts that workers read column by column; of files that cannot be read so, those of a temporary one with the
    /// chosen columns, which must stay open.
    pub(crate) fn by_column(&self, place: Workplace<'_>, rows: usize) -> Result<ByColumn, FrameError> {
        let wholes: Option<Vec<_>> = self.members.iter().map(Member::wholes).collect();
        if let Some(wholes) = wholes
            && let Some(schema) = self.members[0].schema()
        {
            // A file that does not tell is about as long as its numbers.
            let length = |member: &Member| std::fs::metadata(&member.input.path).map_or(0, |found| found.len());
            let cells = self.members.iter().map(|member| length(member) / 8).sum::<u64>();
            let rows = self.rows().unwrap_or(cells / schema.fields().len().max(1) as u64);
            return Ok(ByColumn { schema, parts: wholes.into_iter().flatten().collect(), rows, _kept: None });
        }
        let named = |error: ArrowError| FrameError::format(self.name(), &error);
        let copy = |cause| DataError::Io { path: self.name().into(), doing: "keep it in a temporary file", cause };
        let mut kept = temporary()?;
        let mut writer = None;
        for batch in map_chunks(place, self.chunks(place, rows)?, Ok::<_, String>) {
            let batch = batch?;
            if writer.is_none() {
                let file = kept.try_clone().map_err(copy)?;
                // What else is said of the columns was heeded when they were chosen.
                let schema = Schema::new(batch.schema().fields().clone());
                writer = Some(FileWriter::try_new_buffered(file, &schema).map_err(named)?);
            }
            if let Some(writer) = &mut writer {
                writer.write(&batch).map_err(named)?;
            }
        }
        if let Some(mut writer) = writer {
            writer.finish().and_then(|()| writer.flush()).map_err(named)?;
        }
        std::io::Seek::rewind(&mut kept).map_err(copy)?;
        let kept = FrameFile::from_file(kept, self.name(), Reading::default())?;
        let by_column = kept.by_column(place, rows)?;
        Ok(ByColumn { _kept: Some(kept), ..by_column })
    }
}

/// A file that workers read column by column.
pub(crate) struct ByColumn {
    /// The columns that are wanted.
    pub(crate) schema: SchemaRef,
    pub(crate) parts: Vec<Part>,
    /// About how many rows there are.
    pub(crate) rows: u64,
    _kept: Option<FrameFile>,
}
