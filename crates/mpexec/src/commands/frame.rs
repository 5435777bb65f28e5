//! `mpexec frame`: a built-in function over a data frame, by chunks, rows or columns.

use std::sync::Arc;

use mpexec::names::one_line;
use mpexec_core::{Pool, Workers};
use mpexec_data::DataFile;
use mpexec_frame::{
    FrameError, FrameFile, FrameOutput, concat, csv_text, describe, map_columns, map_rows, normalize_column,
    normalize_rows,
};

use crate::args::{By, FrameTask};
use crate::console::Console;
use crate::failure::Failure;
use crate::input::Outputs;
use crate::interrupt::{Running, Work};
use crate::plan::{FramePlan, Place};
use crate::print;
use crate::workforce::{self, For};

/// The rows of a chunk.
const ROWS: usize = 16 << 10;

/// Applies the function, and writes what it gives.
///
/// # Errors
/// The [`Failure`] that ended it early; a file that was to be written is absent then.
pub(crate) fn run(plan: &FramePlan, console: &Arc<Console>, running: &Arc<Running>) -> Result<(), Failure> {
    let path = match &plan.place {
        Place::File(path) => Some(path),
        Place::Stdout => None,
    };
    running.is(Work { verb: "worked on", unit: "rows", file: path.is_some() }, console);
    let source = DataFile::open(&plan.file)?;
    Outputs::named(path.cloned()).refuse(source.file(), &plan.file)?;
    let file = FrameFile::open(&plan.file)?;
    let output = path.map(FrameOutput::create).transpose()?;
    running.check()?;
    let workers = match plan.pool.workers {
        Workers::Exact(count) => count,
        _ => workforce::size(plan.pool.workers, console, |workers| crate::pieces::Pieces::single(workers as u64)).0,
    };
    let pool = Arc::new(workforce::start(&plan.pool, For::Tables, workers, console)?);
    running.holds(Arc::clone(&pool));
    running.begin(None);
    let done = work(plan, &file, &pool, output, running);
    workforce::hear_out(&pool, console);
    let output = done.and_then(|output| running.finish().map(|()| output))?;
    running.named(output.map_or(Ok(()), |output| Ok(output.commit()?)))
}

/// Gives the output back, complete.
fn work(
    plan: &FramePlan,
    file: &FrameFile,
    pool: &Pool,
    output: Option<FrameOutput>,
    running: &Running,
) -> Result<Option<FrameOutput>, Failure> {
    let mut sink = Sink { output, begun: false };
    match (plan.task, plan.by) {
        (FrameTask::Describe, _) => sink.take(&describe(pool, || file.batches(ROWS))?, running)?,
        (FrameTask::Normalize, By::Columns) => {
            let whole = concat(file.batches(ROWS)?)?;
            sink.take(&map_columns(pool, &whole, normalize_column)?, running)?;
        }
        (FrameTask::Normalize, By::Rows | By::Chunks) => {
            for batch in map_rows(pool, file.batches(ROWS)?, normalize_rows) {
                sink.take(&batch?, running)?;
            }
        }
    }
    Ok(sink.output)
}

/// A file, or standard output as CSV.
struct Sink {
    output: Option<FrameOutput>,
    begun: bool,
}

impl Sink {
    fn take(&mut self, batch: &mpexec_frame::RecordBatch, running: &Running) -> Result<(), Failure> {
        running.check()?;
        running.advance(batch.num_rows() as u64);
        if let Some(output) = &mut self.output {
            return Ok(output.write(batch)?);
        }
        let text = csv_text(batch)?;
        let titles = if self.begun { text.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1) } else { 0 };
        self.begun = true;
        print::text(&String::from_utf8_lossy(&text[titles..]))
    }
}

impl From<FrameError> for Failure {
    fn from(error: FrameError) -> Failure {
        match error {
            FrameError::Task { ref cause, .. } => Failure::of_task(cause, &error.to_string()),
            FrameError::Function { .. } | FrameError::Misfit { .. } => Failure::task(one_line(&error.to_string())),
            other => Failure::files(one_line(&other.to_string())),
        }
    }
}
