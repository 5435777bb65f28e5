//! One of the files of a frame: what it holds, and its parts.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use mpexec_data::{ColumnarFile, DataError, DataFile, FileRef, Format, NpyFile, settled};

use super::cut::Cut;
use super::{Chunks, Reading};
use crate::FrameError;
use crate::array;
use crate::chunk::{Chunk, Lies, Part, Rows, Target, reference};
use crate::text::{How, Text, Writing};

/// A file of which is known what it holds.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) path: PathBuf,
    pub(crate) input: FileRef,
    /// Open, unless it can be opened again by its name.
    held: Option<File>,
    pub(crate) kind: Kind,
    /// The places of the columns that are read; `None`: all.
    pub(crate) columns: Option<Vec<usize>>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Text(Text),
    Array(mpexec_data::Layout),
    /// With the rows of each part as far as the footer tells; a stream of record batches has no parts.
    Columnar {
        format: Format,
        schema: SchemaRef,
        parts: Option<Vec<Option<u64>>>,
    },
}

/// So many bytes show how long the rows of a text are.
const SAMPLE: u64 = 64 << 10;

/// Files by which a program names what it was given already open.
const GIVEN: [&str; 2] = ["/dev/", "/proc/"];

impl Member {
    /// Sees what a file holds that is open.
    pub(crate) fn open(file: File, path: PathBuf, reading: &Reading) -> Result<Member, FrameError> {
        let file = settled(file, &path)?;
        let held = file.try_clone().map_err(|cause| DataError::Io { path: path.clone(), doing: "open it", cause })?;
        let input = reference(&held, &path)?;
        let file = DataFile::from_file(file, path.clone())?;
        let format = reading.format.map_or_else(|| file.format(), Ok)?;
        let mut kind = match format {
            Format::Npy => Kind::Array(NpyFile::from_file(file.into_file(), path.clone())?.layout().clone()),
            Format::Csv => Kind::Text(csv(&file, reading)?),
            Format::JsonLines => Kind::Text(json(&file, reading)?),
            Format::Parquet | Format::Arrow => {
                let file = ColumnarFile::open_as(file, format)?;
                let parts = file.has_parts().then(|| (0..file.parts()).map(|part| file.rows_of(part)).collect());
                Kind::Columnar { format, schema: Arc::clone(file.schema()), parts }
            }
        };
        let titles = match &kind {
            Kind::Text(text) => text.titles.clone(),
            Kind::Array(_) => Vec::new(),
            Kind::Columnar { schema, .. } => schema.fields().iter().map(|field| field.name().clone()).collect(),
        };
        let count = match &kind {
            Kind::Text(text) => text.fields(),
            Kind::Array(layout) => usize::try_from(layout.cols).unwrap_or(usize::MAX),
            Kind::Columnar { schema, .. } => schema.fields().len(),
        };
        let columns = match &kind {
            Kind::Columnar { schema, .. } => mpexec_data::columns_of(schema, &reading.columns),
            _ => reading.columns.places(&titles, count),
        };
        let columns = columns.map_err(|error| FrameError::Columns(format!("{}: {error}", path.display())))?;
        let columns = Some(columns).filter(|columns| !reading.columns.is_all() || columns.len() < count);
        if let Kind::Text(text) = &mut kind {
            text.writing.columns.clone_from(&columns);
        }
        Ok(Member { path, input, held: Some(held), kind, columns })
    }

    /// Closes the file, if whoever reads it can open it by its name.
    pub(crate) fn let_go(&mut self) -> Result<(), FrameError> {
        let given = GIVEN.iter().any(|given| self.path.as_os_str().as_encoded_bytes().starts_with(given.as_bytes()));
        let there = std::fs::metadata(&self.path)
            .is_ok_and(|found| found.is_file() && (found.dev(), found.ino()) == (self.input.device, self.input.inode));
        if let Some(file) = self.held.take_if(|_| there && !given) {
            let failed = |cause| DataError::Io { path: self.path.clone(), doing: "ask about it", cause };
            self.input = FileRef::by_name(&file, &self.path).map_err(failed)?;
        }
        Ok(())
    }

    /// The names of the columns that are read.
    pub(crate) fn names(&self) -> Vec<String> {
        let all = match &self.kind {
            Kind::Text(text) => text.names(),
            Kind::Array(layout) => array::schema(layout).fields().iter().map(|field| field.name().clone()).collect(),
            Kind::Columnar { schema, .. } => schema.fields().iter().map(|field| field.name().clone()).collect(),
        };
        match &self.columns {
            None => all,
            Some(places) => places.iter().map(|&place| all[place].clone()).collect(),
        }
    }

    /// How many rows it has, if that is known.
    pub(crate) fn rows(&self) -> Option<u64> {
        match &self.kind {
            Kind::Text(_) => None,
            Kind::Array(layout) => Some(layout.rows),
            Kind::Columnar { parts, .. } => parts.as_ref()?.iter().copied().sum(),
        }
    }

    /// How many bytes its rows have, unless they are packed.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match &self.kind {
            Kind::Text(text) => Some(text.length.saturating_sub(text.first)),
            Kind::Array(layout) => Some(layout.rows.saturating_mul(layout.row_bytes())),
            Kind::Columnar { .. } => None,
        }
    }

    /// The columns that are read, with their types; `None` if only all of its rows say what they hold.
    pub(crate) fn schema(&self) -> Option<SchemaRef> {
        let all = match &self.kind {
            Kind::Text(_) => return None,
            Kind::Array(layout) => array::schema(layout),
            Kind::Columnar { schema, .. } => Arc::clone(schema),
        };
        let Some(places) = &self.columns else { return Some(all) };
        let fields: Vec<_> = places.iter().map(|&place| Arc::clone(&all.fields()[place])).collect();
        Some(Arc::new(Schema::new_with_metadata(fields, all.metadata().clone())))
    }

    /// Its rows as chunks of at most `rows` rows, or about as many. It is the file with this number in the cut.
    pub(crate) fn chunks(&self, rows: u64, cut: &Rc<Cut>, number: usize) -> Chunks {
        let (input, columns, target) = (self.input.clone(), self.columns.clone(), cut.target.clone());
        let chunk = move |rows| {
            let (input, columns, target) = (input.clone(), columns.clone(), target.clone());
            Ok(Chunk(Lies::InFile(Box::new(Part { input, rows, columns, target }))))
        };
        match &self.kind {
            Kind::Text(text) => {
                let (cut, writing) = (Rc::clone(cut), text.writing.clone());
                let part = move |at: usize| {
                    let (layout, columns) = cut.texts[number].as_ref()?;
                    let part = layout.parts.get(at)?.clone();
                    Some(Rows::Text { part, writing: writing.clone(), columns: columns.clone() })
                };
                Box::new((0..).map_while(part).map(chunk))
            }
            Kind::Array(layout) => {
                let (all, row_bytes) = (layout.rows, layout.row_bytes());
                let each = array::rows_at_once(layout, rows);
                let starts = (0..all).step_by(usize::try_from(each).unwrap_or(usize::MAX));
                Box::new(starts.map(move |start| chunk(Rows::Array { rows: start..all.min(start + each), row_bytes })))
            }
            Kind::Columnar { format, parts: Some(sizes), .. } => {
                let (format, sizes) = (*format, sizes.clone());
                let ranges = (0..).zip(sizes).flat_map(move |(part, all)| {
                    let each = all.map_or(1, |_| usize::try_from(rows).unwrap_or(usize::MAX));
                    let starts = (0..all.unwrap_or(1)).step_by(each);
                    starts.map(move |start| (part, all.map(|all| start..all.min(start + rows))))
                });
                Box::new(ranges.map(move |(part, rows)| chunk(Rows::Columnar { format, part, rows })))
            }
            Kind::Columnar { format, parts: None, .. } => self.stream(*format, cut.target.clone()),
        }
    }

    /// The batches of a stream, read here: opened when the first is wanted.
    fn stream(&self, format: Format, target: Option<Target>) -> Chunks {
        let (input, columns) = (self.input.clone(), self.columns.clone());
        let path = self.path.clone();
        let opened = move || -> Result<Chunks, FrameError> {
            let file = input.columnar(format).map_err(FrameError::Input)?;
            let all: Vec<_> = (0..file.names().len()).collect();
            let told = move |error: DataError| FrameError::Input(input.renamed(&error.to_string()));
            Ok(Box::new(file.batches(&all).map_err(&told)?.map(move |batch| {
                let batch = batch.map_err(&told)?;
                let chosen = columns.as_ref().map_or(Ok(batch.clone()), |places| batch.project(places));
                let chosen = chosen.and_then(|batch| target.as_ref().map_or(Ok(batch.clone()), |to| to.fit(&batch)));
                chosen.map(Chunk::from).map_err(|error| FrameError::format(path.display().to_string(), &error))
            })))
        };
        let broken = |error| Box::new(std::iter::once(Err(error))) as Chunks;
        Box::new(std::iter::once_with(opened).flat_map(move |opened| opened.unwrap_or_else(broken)))
    }

    /// All parts of a file whose columns can be read alone, each whole; `None` if they cannot.
    pub(crate) fn wholes(&self) -> Option<impl Iterator<Item = Part> + '_> {
        let Kind::Columnar { format, schema, parts: Some(parts) } = &self.kind else { return None };
        let columns = self.columns.clone().unwrap_or_else(|| (0..schema.fields().len()).collect());
        let part = move |part| {
            let rows = Rows::Columnar { format: *format, part, rows: None };
            Part { input: self.input.clone(), rows, columns: Some(columns.clone()), target: None }
        };
        Some((0..parts.len() as u64).map(part))
    }
}

fn csv(file: &DataFile, reading: &Reading) -> Result<Text, FrameError> {
    let table = file.csv(reading.delimiter, reading.header)?;
    let how = How::Csv { delimiter: table.dialect.delimiter, fields: table.dialect.fields };
    text(file, reading, how, table.names, (table.data_offset, table.first_line))
}

fn json(file: &DataFile, reading: &Reading) -> Result<Text, FrameError> {
    let table = file.json()?;
    let (titles, begins) = (table.names.clone(), (table.data_offset, table.first_line));
    text(file, reading, How::Json(table), titles, begins)
}

fn text(
    file: &DataFile,
    reading: &Reading,
    how: How,
    titles: Vec<String>,
    (first, first_line): (u64, u64),
) -> Result<Text, FrameError> {
    let mut sample = Vec::new();
    file.read(first..file.length().min(first + SAMPLE), &mut sample)?;
    let lines = memchr::memchr_iter(b'\n', &sample).count().max(1) as u64;
    let row_bytes = (sample.len() as u64 / lines).max(1);
    let guessed = matches!(how, How::Csv { .. }) && reading.header.is_none() && !titles.is_empty();
    let writing = Writing { how, on_bad_row: reading.on_bad_row, want: reading.want, columns: None };
    Ok(Text { writing, titles, guessed, length: file.length(), first, first_line, row_bytes })
}
