//! Tables that do not say where their rows lie: their parts come back in order, and rows and lines are numbered as they come.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use mpexec::tasks::{COUNT_TABLE, CountFault, TableAnswer, TableJob, count_table};
use mpexec_core::{Pool, TaskError, named};
use mpexec_data::{CellBounds, CountWidth, DataError, PartCounts, Summary};

use super::table::Table;
use crate::console::{Console, Level};
use crate::failure::Failure;
use crate::interrupt::Running;
use crate::numbers::grouped;
use crate::pieces::Pieces;
use crate::plan::{CountPlan, Counts};
use crate::progress::{Progress, Unit};
use crate::report::Report;
use crate::sink::Sink;
use crate::tally::Tally;
use crate::workforce::For;
use crate::{print, workforce};

/// Counts all tables as one, and prints or writes what was asked for.
///
/// # Errors
/// The [`Failure`] that ended it early; a file that was to be written is absent then.
pub(super) fn run(
    tables: &[Table],
    plan: &CountPlan,
    console: &Arc<Console>,
    running: &Arc<Running>,
    started: Instant,
) -> Result<(), Failure> {
    let cols = same_width(tables)?;
    CellBounds::parse(&plan.minimum, &plan.maximum)
        .map_err(|error| Failure::usage(format!("{}: {error}", tables[0].name())))?;
    let rows = tables.iter().map(Table::rows).sum();
    let mut sink = Sink::open_in_order(&plan.counts, CountWidth::for_columns(cols), rows)?;
    let size: Option<u64> = tables.iter().map(Table::size).sum();
    // Of a stream nobody knows the length, so no worker is too many.
    let pieces = |workers| tables.iter().map(|table| table.pieces(workers)).sum::<Option<u64>>().unwrap_or(u64::MAX);
    let (workers, _) = workforce::size(plan.pool.workers, console, |workers| Pieces::single(pieces(workers)));
    running.check()?;
    let pool = Arc::new(workforce::start(&plan.pool, For::Tables, workers, console)?);
    running.holds(Arc::clone(&pool));
    running.begin(rows);
    let unit = if rows.is_some() { Unit::Parts } else { Unit::Bytes };
    let progress = Progress::start(console, plan.progress, unit, size.unwrap_or_default(), plan.counts.is_printed());
    let mut counting =
        Counting { plan, pool: &pool, running, progress, tally: Tally::new(cols), rows: 0, bad: 0, first_bad: None };
    let counted = tables.iter().try_for_each(|table| counting.table(table, workers, &mut sink));
    let Counting { tally, bad, first_bad, .. } = counting;
    let seconds = started.elapsed().as_secs_f64();
    workforce::hear_out(&pool, console);
    // A count that was stopped by a signal may well have come to the end of what it was given.
    if let Err(failure) = counted.and_then(|()| running.finish()) {
        sink.stop();
        return Err(failure);
    }
    let summary = tally.finish();
    running.named(sink.finish())?;
    if let Some(first) = first_bad {
        let rows = if bad == 1 { "row was" } else { "rows were" };
        console
            .note(Level::Normal, &format!("{} bad {rows} {}; the first: {first}", grouped(bad), plan.reading.told()));
    }
    if plan.counts.is_printed() {
        return Ok(());
    }
    print_report(tables, plan, &summary, bad, &pool, seconds)
}

fn print_report(
    tables: &[Table],
    plan: &CountPlan,
    summary: &Summary,
    bad: u64,
    pool: &Pool,
    seconds: f64,
) -> Result<(), Failure> {
    let mut name = tables[0].name();
    if tables.len() > 1 {
        name += &format!(" and {} more", tables.len() - 1);
    }
    let cols = tables[0].cols();
    let report = Report {
        name: &name,
        type_name: tables[0].type_name(),
        shape: &format!("({}, {cols})", summary.rows),
        cols,
        minimum: &plan.minimum,
        maximum: &plan.maximum,
        summary,
        workers: pool.workers(),
        transport: pool.transport().name(),
        seconds,
        bad_rows: Some(bad),
        output: plan.counts.file(),
    };
    print::report(&report, plan.json)
}

/// The number of columns that count, which is the same in all tables.
fn same_width(tables: &[Table]) -> Result<u64, Failure> {
    let cols = tables[0].cols();
    match tables.iter().find(|table| table.cols() != cols) {
        None => Ok(cols),
        Some(other) => Err(Failure::usage(format!(
            "{}: has {} columns, but {} has {cols}; choose the same with --columns, or count them one by one",
            other.name(),
            other.cols(),
            tables[0].name()
        ))),
    }
}

/// Everything a count needs while it runs.
struct Counting<'a> {
    plan: &'a CountPlan,
    pool: &'a Pool,
    running: &'a Running,
    progress: Progress,
    tally: Tally,
    /// The rows counted so far.
    rows: u64,
    bad: u64,
    first_bad: Option<String>,
}

impl Counting<'_> {
    fn table(&mut self, table: &Table, workers: usize, sink: &mut Sink) -> Result<(), Failure> {
        let mut parts = table.parts(self.pool, workers, self.running)?.into_iter();
        let sizes = RefCell::new(VecDeque::new());
        let broken = RefCell::new(None);
        let running = self.running;
        let (plan, kept) = (self.plan, self.plan.counts != Counts::Nowhere);
        let pieces = std::iter::from_fn(|| match parts.next() {
            Some(piece) => Some(piece),
            None => table.next_batch().unwrap_or_else(|error| {
                *broken.borrow_mut() = Some(error);
                None
            }),
        });
        let jobs = pieces.take_while(|_| !running.is_stopping()).map(|piece| {
            sizes.borrow_mut().push_back(piece.size());
            TableJob {
                piece,
                rows: table.reading().clone(),
                minimum: plan.minimum.clone(),
                maximum: plan.maximum.clone(),
                on_bad_row: plan.reading.on_bad_row,
                kept,
            }
        });
        let mut lines = 0;
        for answer in self.pool.imap(named(COUNT_TABLE, count_table), jobs) {
            let part = self.good(answer, table, lines)?;
            if let Some(bad) = &part.first_bad {
                self.first_bad.get_or_insert_with(|| table.tell(bad, lines));
            }
            lines += part.lines;
            self.bad += part.bad;
            self.take(part, sink)?;
            self.progress.advance(sizes.borrow_mut().pop_front().unwrap_or_default());
            // Many more may be on their way; what was taken is whole, and nobody waits for the others.
            self.running.check()?;
        }
        broken.take().map_or(Ok(()), |error: DataError| Err(error.into()))
    }

    /// The counts of a part, if it has some.
    fn good(
        &self,
        answer: Result<Result<TableAnswer, CountFault>, TaskError>,
        table: &Table,
        lines: u64,
    ) -> Result<PartCounts, Failure> {
        let answer = answer.map_err(|error| {
            let line = table.first_line() + lines;
            let told = format!("{}: the rows from line {line} on were not counted: {error}", table.name());
            Failure::of_task(&error, &told)
        })?;
        answer?.map_err(|bad| Failure::files(format!("{}; {}", table.tell(&bad, lines), bad.fault.remedy())))
    }

    fn take(&mut self, part: PartCounts, sink: &mut Sink) -> Result<(), Failure> {
        let rows = self.rows..self.rows + part.summary.rows;
        sink.take(&rows, &part.counts)?;
        self.running.advance(part.summary.rows);
        self.rows = rows.end;
        self.tally.add(&rows, part.summary).map_err(|error| Failure::task(error.to_string()))
    }
}
