//! `mpexec frame`: a built-in function over a data frame, by chunks, rows or columns.

mod watching;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mpexec::names::one_line;
use mpexec_core::Workers;
use mpexec_data::{DataError, Want};
use mpexec_frame::{
    FrameError, FrameFile, FrameOutput, Reading, Workplace, csv_text, describe, map_file_columns, map_rows,
    normalize_column, normalize_rows,
};
use mpexec_runs::RunFolder;

use crate::args::{By, FrameTask};
use crate::console::Console;
use crate::failure::Failure;
use crate::input::{self, OutputFolder, Outputs};
use crate::interrupt::{Running, Work};
use crate::keeping::{self, Computes, Looked, MOST_RANGES, RANGE_OF_TABLE};
use crate::plan::{self, FramePlan, Place};
use crate::print;
use crate::walk::BadRows;
use crate::workforce::{self, For};
use watching::Watching;

/// The rows of a chunk.
const ROWS: usize = 64 << 10;

/// Applies the function, and writes what it gives.
///
/// # Errors
/// The [`Failure`] that ended it early; a file that was to be written is absent then.
pub(crate) fn run(plan: &FramePlan, console: &Arc<Console>, running: &Arc<Running>) -> Result<(), Failure> {
    running.is(Work { verb: "worked on", unit: "rows", file: plan.place != Place::Stdout }, console);
    let files = input::files(&plan.files)?;
    let looked = Arc::new(Looked::at(&files, plan.keeping.as_ref())?);
    let outputs = Outputs::named(plan.outputs(&files)?).and(&looked);
    let together = if plan.per_file { 1 } else { files.len().max(1) };
    let want = if plan.task == FrameTask::Normalize { Want::Numbers } else { Want::Anything };
    let open_all = |files: &[PathBuf]| {
        let output = plan.output_of(files);
        let file = FrameFile::together(files.iter().map(|file| open(file, &plan.reading, want, &outputs)))?;
        Ok::<_, Failure>((file, output))
    };
    let create = |path: &PathBuf| FrameOutput::create_as(path, &plan.written_as(path));
    let mut groups = files.chunks(together);
    // What cannot be read or written is told before anything is done.
    let first = groups.next().unwrap_or_default();
    let (file, path) = open_all(first)?;
    let _folder = match &plan.place {
        Place::File(folder) if plan.per_file => Some(OutputFolder::make(folder)?),
        _ => None,
    };
    let run = keep(plan, &looked, running)?;
    let output = path.as_ref().map(create).transpose()?;
    running.check()?;
    let workers = match plan.pool.workers {
        Workers::Exact(count) => count,
        _ => workforce::size(plan.pool.workers, console, |workers| crate::pieces::Pieces::single(workers as u64)).0,
    };
    let pool = Arc::new(workforce::start(&plan.pool, For::Tables, workers, console)?);
    running.holds(Arc::clone(&pool));
    running.begin(file.rows().filter(|_| !plan.per_file));
    let watching = Watching::start(plan, running, console);
    let hear = |event| watching.hear(event);
    let place = run.as_ref().map_or_else(|| Workplace::from(&pool), |run| Workplace::kept(&pool, run));
    let place = place.watched(&hear);
    let mut bad = BadRows::default();
    let mut one = |number: usize, file: &FrameFile, output| {
        let place = if plan.per_file { place.part(number).reading(number) } else { place };
        watching.of(file);
        let output = work(plan, file, place, output, (running, &watching))?;
        if let Some((count, first)) = file.bad_rows() {
            bad.count += count;
            bad.first.get_or_insert(first);
        }
        bad.titles_alone = bad.titles_alone.take().or_else(|| file.titles_alone());
        Ok::<_, Failure>(output)
    };
    let mut share_done = false;
    let mut last = passed_by(one(0, &file, output), &mut share_done);
    for (number, group) in (1..).zip(groups) {
        let Ok(before) = last else { break };
        running.input_holds(number - 1)?;
        running.named(before.map_or(Ok(()), |output| running.name(output.complete()?)))?;
        let done = open_all(group).and_then(|(file, path)| one(number, &file, path.as_ref().map(create).transpose()?));
        last = passed_by(done, &mut share_done);
    }
    drop(watching);
    workforce::hear_out(&pool, console);
    // The last one appears when all is done.
    let last = last.and_then(|output| if share_done { Err(Failure::ShareDone) } else { Ok(output) });
    let output = last.and_then(|output| running.finish().map(|()| output))?;
    running.named(output.map_or(Ok(()), |output| running.name(output.complete()?)))?;
    if let Some(run) = run {
        keeping::done(&run, run.published())?;
    }
    bad.tell(&plan.reading, console);
    Ok(())
}

/// The output, if there is one, of a table of which a share is to be computed: when that is done, the next has its turn.
fn passed_by(
    done: Result<Option<FrameOutput>, Failure>,
    share_done: &mut bool,
) -> Result<Option<FrameOutput>, Failure> {
    let mut output = None;
    Failure::pass_by(done.map(|done| output = done), share_done).map(|()| output)
}

/// Opens one of the files.
fn open(path: &Path, reading: &plan::Reading, want: Want, outputs: &Outputs) -> Result<FrameFile, Failure> {
    let (source, name) = source(path)?;
    outputs.refuse(&source, name)?;
    let plan::Reading { format, columns, delimiter, header, on_bad_row } = reading.clone();
    Ok(FrameFile::from_file(source, name, Reading { format, columns, delimiter, header, on_bad_row, want })?)
}

/// The file of this name, and what people call it.
fn source(path: &Path) -> Result<(File, &Path), Failure> {
    let name = if path == Path::new("-") { Path::new("standard input") } else { path };
    let opened = if path == Path::new("-") {
        io::stdin().as_fd().try_clone_to_owned().map(File::from)
    } else {
        File::open(path)
    };
    let file = opened.map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => DataError::Missing { path: name.to_path_buf() },
        _ => DataError::Io { path: name.to_path_buf(), doing: "open it", cause },
    })?;
    Ok((file, name))
}

/// Opens the run folder, if one was asked for.
fn keep(plan: &FramePlan, inputs: &Looked, running: &Arc<Running>) -> Result<Option<Arc<RunFolder>>, Failure> {
    let Some(keeping) = &plan.keeping else { return Ok(None) };
    let task = match (plan.task, plan.by) {
        (FrameTask::Describe, _) => "describe",
        (FrameTask::Normalize, By::Columns) => "normalize columns",
        (FrameTask::Normalize, By::Rows | By::Chunks) => "normalize rows",
    };
    let (signature, worker) = (format!("chunks of {ROWS} rows"), plan.pool.table_worker.as_deref());
    let what = Computes { task, signature, worker, inputs, range: RANGE_OF_TABLE, most: MOST_RANGES };
    keeping.open(&what, running).map(Some)
}

/// Gives the output back, complete.
fn work(
    plan: &FramePlan,
    file: &FrameFile,
    place: Workplace<'_>,
    output: Option<FrameOutput>,
    (running, watching): (&Running, &Watching<'_>),
) -> Result<Option<FrameOutput>, Failure> {
    let mut sink = Sink { output, begun: false };
    match (plan.task, plan.by) {
        (FrameTask::Describe, _) => sink.take(&describe(place, || file.chunks(place, ROWS))?, running)?,
        (FrameTask::Normalize, By::Columns) => {
            for batch in map_file_columns(place, file, normalize_column)? {
                let batch = batch?;
                watching.handed_on(batch.num_rows() as u64);
                sink.take(&batch, running)?;
            }
        }
        (FrameTask::Normalize, By::Rows | By::Chunks) => {
            for batch in map_rows(place, file.chunks(place, ROWS)?, normalize_rows) {
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
        if let Some(output) = &mut self.output {
            return Ok(running.journal().handing_on(|| output.write(batch))?);
        }
        let text = csv_text(batch)?;
        let titles = if self.begun { text.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1) } else { 0 };
        self.begun = true;
        running.journal().handing_on(|| print::bytes(&text[titles..]))
    }
}

impl From<FrameError> for Failure {
    fn from(error: FrameError) -> Failure {
        match error {
            FrameError::Run(error) => Failure::from(error),
            FrameError::Columns(_) => Failure::usage(one_line(&error.to_string())),
            FrameError::Task { ref cause, .. } => Failure::of_task(cause, &error.to_string()),
            FrameError::Function { .. } => {
                let line = one_line(&error.to_string()).replace("Cast error: ", "");
                let remedy =
                    if line.ends_with(" and no numbers") { "; choose columns of numbers with --columns" } else { "" };
                Failure::task(line + remedy)
            }
            FrameError::Misfit { .. } => Failure::task(one_line(&error.to_string())),
            other => Failure::files(one_line(&other.to_string())),
        }
    }
}
