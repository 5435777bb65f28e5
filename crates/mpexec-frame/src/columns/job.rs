//! The task of a worker: some columns of a file, one after another.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, Field, Schema};
use arrow_select::concat::concat;
use mpexec_data::FileRef;
use serde::{Deserialize, Serialize};

use crate::chunk::Part;
use crate::map::Fault;

/// Some columns of a file, and where what comes of them is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) names: Vec<String>,
    pub(super) parts: Vec<Part>,
    pub(super) output: FileRef,
    /// So many rows are written at once.
    pub(super) rows: usize,
}

/// Why nothing came of some columns.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Missed {
    /// Of which of them, from 0 on.
    pub(super) column: u64,
    pub(super) fault: Fault,
}

impl Missed {
    pub(super) fn at(column: usize) -> impl Fn(Fault) -> Missed {
        move |fault| Missed { column: column as u64, fault }
    }
}

impl Job {
    /// The task of a worker. Returns the number of rows that came of each column.
    pub(super) fn run<E: Display>(self, function: impl Fn(ArrayRef) -> Result<ArrayRef, E>) -> Result<u64, Missed> {
        let batch = self.make(function)?;
        let failed = |error| Missed::at(0)(Fault::Input(format!("a temporary file: cannot be written: {error}")));
        self.write(&batch).map_err(failed)?;
        Ok(batch.num_rows() as u64)
    }

    /// What comes of the columns.
    pub(super) fn make<E: Display>(
        &self,
        function: impl Fn(ArrayRef) -> Result<ArrayRef, E>,
    ) -> Result<RecordBatch, Missed> {
        let parts = self.parts.iter().map(|part| part.read().map_err(|unread| Missed::at(0)(unread.into())));
        let mut parts = parts.collect::<Result<Vec<_>, _>>()?;
        let (mut fields, mut columns) = (Vec::new(), Vec::<ArrayRef>::new());
        for (at, name) in self.names.iter().enumerate() {
            // What was worked on is held no longer.
            let pieces: Vec<_> = parts.iter_mut().map(|part| part.remove_column(0)).collect();
            let column = concat(&pieces.iter().map(AsRef::as_ref).collect::<Vec<_>>());
            drop(pieces);
            let column = column.map_err(Fault::function);
            let column =
                column.and_then(|column| function(column).map_err(|error| Fault::Function(format!("{name}: {error}"))));
            let column = column.map_err(Missed::at(at))?;
            if let Some(first) = columns.first().filter(|first| first.len() != column.len()) {
                return Err(Missed::at(at)(Fault::Rows(column.len() as u64, first.len() as u64)));
            }
            fields.push(Field::new(name, column.data_type().clone(), true));
            columns.push(column);
        }
        let batch = RecordBatch::try_new(Schema::new(fields).into(), columns);
        batch.map_err(|error| Missed::at(0)(Fault::function(error)))
    }

    /// Written anew: a worker that died may have begun with it.
    pub(super) fn write(&self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let io = |error: io::Error| ArrowError::from(error);
        let output = OpenOptions::new().write(true).truncate(true).open(&self.output.path).map_err(io)?;
        let mut writer = FileWriter::try_new_buffered(output, &batch.schema())?;
        for start in (0..batch.num_rows()).step_by(self.rows) {
            writer.write(&batch.slice(start, self.rows.min(batch.num_rows() - start)))?;
        }
        writer.finish()?;
        writer.flush()
    }
}
