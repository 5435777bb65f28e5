//! An array: its rows have known places, so they are counted in any order, and workers write where they belong.

use std::sync::Arc;
use std::time::Instant;

use mpexec::names::shown;
use mpexec::tasks::{COUNT_RANGE, CountFault, CountJob, CountPart, Deliver, count_range};
use mpexec_core::{Pool, TaskError, named};
use mpexec_data::{Bounds, DataError, FileRef, NpyFile, Summary};
use mpexec_runs::{Fate, Kept, Next, RunFolder, stream};

use super::kept;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::Running;
use crate::keeping::{self, AS_FOR_WORKERS, Looked};
use crate::pieces::Pieces;
use crate::plan::{CountPlan, Counts};
use crate::progress::{Progress, Unit};
use crate::report::Report;
use crate::sink::Sink;
use crate::tally::Tally;
use crate::workforce::For;
use crate::{print, workforce};

/// What a worker answers for one piece.
type Answer = Result<CountPart, CountFault>;

/// Counts, and prints or writes what was asked for.
///
/// # Errors
/// The [`Failure`] that ended it early; a file that was to be written is absent then.
pub(super) fn run(
    file: &NpyFile,
    looked: &Looked,
    plan: &CountPlan,
    console: &Arc<Console>,
    running: &Arc<Running>,
    started: Instant,
) -> Result<(), Failure> {
    let layout = file.layout();
    // Workers read the bounds again; here they are read so that a wrong one starts nobody.
    Bounds::parse(&plan.minimum, &plan.maximum, layout.dtype)
        .map_err(|error| Failure::usage(format!("{}: {error}", shown(file.path()))))?;
    let run = kept::open(plan, kept::ARRAY, looked, running)?;
    let (width, rows) = (layout.count_width(), layout.rows);
    let mut sink = match &run {
        None => Sink::open(&plan.counts, width, rows)?,
        // Counts are kept before they are written, so they come back, in order.
        Some(_) => Sink::open_in_order(&plan.counts, width, Some(rows))?,
    };
    let cut = |workers| cut(file, &plan.counts, if run.is_some() { AS_FOR_WORKERS } else { workers });
    let (workers, pieces) = workforce::size(plan.pool.workers, console, cut);
    running.check()?;
    let pool = Arc::new(workforce::start(&plan.pool, For::Arrays, workers, console)?);
    running.holds(Arc::clone(&pool));
    running.begin(Some(layout.rows));
    let progress = Progress::start(console, plan.progress, Unit::Rows, layout.rows, plan.counts.is_printed());
    let counting = Counting { plan, file, pieces, pool: &pool, running, progress };
    let counted = counting.run(&mut sink, run.as_ref());
    let seconds = started.elapsed().as_secs_f64();
    workforce::hear_out(&pool, console);
    // A count that was stopped by a signal may well have come to the end of what it was given.
    let counted = counted.and_then(|counted| running.finish().map(|()| counted));
    let (summary, ranges) = match counted {
        Ok(summary) => summary,
        Err(failure) => {
            sink.stop();
            return Err(failure);
        }
    };
    running.named(sink.finish(running))?;
    if let Some(run) = run {
        keeping::done(&run, ranges)?;
    }
    if plan.counts.is_printed() {
        return Ok(());
    }
    let report = Report {
        name: &shown(file.path()),
        named: false,
        type_name: layout.type_name(),
        shape: &layout.shape(),
        cols: layout.cols,
        minimum: &plan.minimum,
        maximum: &plan.maximum,
        summary: &summary,
        workers: pool.workers(),
        transport: pool.transport().name(),
        seconds,
        bad_rows: None,
        output: plan.counts.file(),
    };
    print::report(&report, plan.json)
}

fn cut(file: &NpyFile, counts: &Counts, workers: usize) -> Pieces {
    let layout = file.layout();
    if layout.cols == 0 && *counts == Counts::Nowhere {
        return Pieces::whole(layout.rows);
    }
    Pieces::cut(layout.rows, layout.row_bytes(), workers)
}

/// Everything a count needs while it runs.
struct Counting<'a> {
    plan: &'a CountPlan,
    file: &'a NpyFile,
    pieces: Pieces,
    pool: &'a Pool,
    running: &'a Running,
    progress: Progress,
}

impl Counting<'_> {
    /// Counts all pieces; what comes back goes to `sink` and into the summary.
    fn run(mut self, sink: &mut Sink, run: Option<&Arc<RunFolder>>) -> Result<(Summary, u64), Failure> {
        let mut tally = Tally::new(self.file.layout().cols);
        let jobs = jobs(self.plan, self.file, self.pieces, sink.deliver(), self.running)?;
        let task = named(COUNT_RANGE, count_range);
        let mut ranges = 0;
        if sink.is_ordered() || run.is_some() {
            let row_bytes = self.file.layout().row_bytes();
            let (running, mut jobs) = (self.running, jobs);
            let tasks = std::iter::from_fn(move || match jobs.next() {
                Some(job) => Some(Next::Task((job.rows.end - job.rows.start) * row_bytes, job)),
                None => running.is_stopping().then_some(Next::CutShort),
            });
            let kept = run.map(|run| Kept { run, stage: "rows", decides: false, follows: false, reads: None });
            let mut answers =
                stream(self.pool, kept, task, |answer| if answer.is_ok() { Fate::Kept } else { Fate::Lost }, tasks);
            let mut index = 0;
            while let Some(answer) = answers.next()? {
                self.take(index, answer, sink, &mut tally)?;
                index += 1;
            }
            ranges = answers.finish()?;
        } else {
            for (index, answer) in self.pool.imap_unordered(task, jobs) {
                self.take(index, answer, sink, &mut tally)?;
            }
        }
        Ok((tally.finish(), ranges))
    }

    fn take(
        &mut self,
        index: u64,
        answer: Result<Answer, TaskError>,
        sink: &mut Sink,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let rows = self.pieces.at(index);
        let part = match answer {
            Ok(answer) => answer?,
            Err(error) => {
                let file = shown(self.file.path());
                let line = format!("{file}: rows {}..{} were not counted: {error}", rows.start, rows.end);
                return Err(Failure::of_task(&error, &line));
            }
        };
        self.running.journal().handing_on(|| sink.take(&rows, &part.counts))?;
        let counted = rows.end - rows.start;
        tally.add(&rows, part.summary).map_err(|error| Failure::task(error.to_string()))?;
        self.running.advance(counted);
        self.progress.advance(counted);
        // Many more may be on their way; what was taken is whole, and nobody waits for the others.
        self.running.check()
    }
}

/// The jobs in order; after a signal there are no more.
fn jobs<'a>(
    plan: &'a CountPlan,
    file: &NpyFile,
    pieces: Pieces,
    deliver: Deliver,
    running: &'a Running,
) -> Result<impl Iterator<Item = CountJob> + use<'a>, Failure> {
    let input = FileRef::to(file.file(), file.path()).map_err(|cause| {
        Failure::from(DataError::Io { path: file.path().to_path_buf(), doing: "ask about it", cause })
    })?;
    let rows = pieces.iter().take_while(|_| !running.is_stopping());
    Ok(rows.map(move |rows| CountJob {
        input: input.clone(),
        minimum: plan.minimum.clone(),
        maximum: plan.maximum.clone(),
        rows,
        deliver: deliver.clone(),
    }))
}
