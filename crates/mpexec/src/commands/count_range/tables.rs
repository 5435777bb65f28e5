//! Tables that do not say where their rows lie: their parts come back in order, and rows and lines are numbered as they come.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use mpexec::tasks::{COUNT_TABLE, CountFault, Piece, TableAnswer, TableJob, count_table};
use mpexec_core::{Pool, TaskError, named};
use mpexec_data::{CellBounds, CountWidth, DataError, PartCounts, Summary};
use mpexec_runs::{Fate, Kept, Next, RunFolder, stream};

use super::Group;
use crate::console::Console;
use crate::failure::Failure;
use crate::input::{Table, Waiting, same_width};
use crate::interrupt::Running;
use crate::keeping::{self, AS_FOR_WORKERS};
use crate::pieces::Pieces;
use crate::plan::{CountPlan, Counts};
use crate::progress::{Progress, Unit};
use crate::report::Report;
use crate::sink::{Finished, Sink};
use crate::tally::Tally;
use crate::walk::BadRows;
use crate::workforce::For;
use crate::{print, workforce};

/// How the name of a stage ends whose rows were looked for because the lines of the stage before it are none.
const ROWS: &str = "-rows";

/// What a worker answers for one part.
type Answer = Result<TableAnswer, CountFault>;

/// What counting a group has given.
struct Counted {
    summary: Summary,
    bad: BadRows,
    seconds: f64,
}

/// Counts the tables of each group as one, and prints or writes what was asked for.
///
/// # Errors
/// The [`Failure`] that ended it early; a file that was to be written is absent then.
pub(super) fn run(
    groups: &[Group],
    plan: &CountPlan,
    run: Option<&Arc<RunFolder>>,
    console: &Arc<Console>,
    running: &Arc<Running>,
    started: Instant,
) -> Result<(), Failure> {
    groups.iter().try_for_each(|group| check(group, plan))?;
    let mut first_sink = Some(sink(&groups[0])?);
    let tables = || groups.iter().flat_map(|group| &group.tables);
    let rows: Option<u64> = tables().map(Waiting::rows).sum();
    // Of a stream nobody knows the length, so no worker is too many.
    let cut = |workers| if run.is_some() { AS_FOR_WORKERS } else { workers };
    let pieces = |workers| tables().map(|table| table.pieces(cut(workers))).sum::<Option<u64>>().unwrap_or(u64::MAX);
    let (workers, _) = workforce::size(plan.pool.workers, console, |workers| Pieces::single(pieces(workers)));
    running.check()?;
    let pool = Arc::new(workforce::start(&plan.pool, For::Tables, workers, console)?);
    running.holds(Arc::clone(&pool));
    running.begin(rows);
    let (unit, all) = match rows {
        Some(rows) => (Unit::Rows, rows),
        None => (Unit::Bytes, tables().map(Waiting::bytes).sum::<Option<u64>>().unwrap_or_default()),
    };
    if unit == Unit::Bytes {
        running.steps("read", unit.name(), Some(all).filter(|all| *all > 0));
    }
    let mut progress = Progress::start(console, plan.progress, unit, all, plan.counts.is_printed());
    let mut counted = Ok(Vec::new());
    let mut ranges = 0;
    let mut first = 0;
    let mut finished = Finished::default();
    for group in groups {
        let begun = if plan.per_file { Instant::now() } else { started };
        let keeping = Keeping { run, first, reads: first, ranges: 0 };
        first += group.tables.len();
        let counting = Counting::new(plan, &pool, running, (&mut progress, unit), group.tables[0].cols(), keeping);
        let sink = first_sink.take().map_or_else(|| sink(group), Ok);
        let done = sink.and_then(|mut sink| match counting.run(group, cut(workers), &mut sink, begun) {
            Ok(done) => finished.take(sink).map(|()| done),
            Err(failure) => {
                sink.stop();
                Err(failure)
            }
        });
        match (done, &mut counted) {
            (Ok((done, more)), Ok(all)) => {
                ranges += more;
                all.push(done);
            }
            (Err(Failure::ShareDone), counted) => *counted = Err(Failure::ShareDone),
            (failed, counted) => {
                *counted = failed.map(|_| Vec::new());
                break;
            }
        }
    }
    drop(progress);
    workforce::hear_out(&pool, console);
    // A count that was stopped by a signal may well have come to the end of what it was given.
    let counted = match counted.and_then(|counted| running.finish().map(|()| counted)) {
        Ok(counted) => counted,
        Err(failure) => {
            finished.stop();
            return Err(failure);
        }
    };
    running.named(finished.finish(running))?;
    run.map_or(Ok(()), |run| keeping::done(run, ranges))?;
    for (index, (group, counted)) in groups.iter().zip(&counted).enumerate() {
        counted.bad.tell(&plan.reading, console);
        if !plan.counts.is_printed() {
            if index > 0 && !plan.json {
                print::text("\n")?;
            }
            print_report(group, plan, counted, &pool)?;
        }
    }
    Ok(())
}

/// Whether a group can be counted.
fn check(group: &Group, plan: &CountPlan) -> Result<(), Failure> {
    same_width(&group.tables)?;
    CellBounds::parse(&plan.minimum, &plan.maximum)
        .map_err(|error| Failure::usage(format!("{}: {error}", group.tables[0].name())))?;
    Ok(())
}

/// Opens what the counts of a group go to.
fn sink(group: &Group) -> Result<Sink, Failure> {
    let cols = group.tables[0].cols();
    let rows = group.tables.iter().map(Waiting::rows).sum();
    Sink::open_in_order(&group.counts, CountWidth::for_columns(cols), rows)
}

fn print_report(group: &Group, plan: &CountPlan, counted: &Counted, pool: &Pool) -> Result<(), Failure> {
    let tables = &group.tables;
    let mut name = tables[0].name();
    if tables.len() > 1 {
        name += &format!(" and {} more", tables.len() - 1);
    }
    let cols = tables[0].cols();
    let alike = tables.iter().all(|table| table.type_name() == tables[0].type_name());
    let report = Report {
        name: &name,
        named: plan.per_file,
        type_name: if alike { tables[0].type_name() } else { "mixed" },
        shape: &format!("({}, {cols})", counted.summary.rows),
        cols,
        minimum: &plan.minimum,
        maximum: &plan.maximum,
        summary: &counted.summary,
        workers: pool.workers(),
        transport: pool.transport().name(),
        seconds: counted.seconds,
        bad_rows: Some(counted.bad.count),
        output: group.counts.file(),
    };
    print::report(&report, plan.json)
}

/// Everything a count needs while it runs.
struct Counting<'a> {
    plan: &'a CountPlan,
    pool: &'a Pool,
    running: &'a Running,
    progress: &'a mut Progress,
    unit: Unit,
    tally: Tally,
    /// The rows counted so far.
    rows: u64,
    bad: BadRows,
    keeping: Keeping<'a>,
}

/// Where the counts of a group are kept.
struct Keeping<'a> {
    run: Option<&'a Arc<RunFolder>>,
    /// The number of its first table.
    first: usize,
    /// The one that is read.
    reads: usize,
    /// So many ranges were done.
    ranges: u64,
}

impl<'a> Counting<'a> {
    fn new(
        plan: &'a CountPlan,
        pool: &'a Pool,
        running: &'a Running,
        (progress, unit): (&'a mut Progress, Unit),
        cols: u64,
        keeping: Keeping<'a>,
    ) -> Counting<'a> {
        let (tally, bad) = (Tally::new(cols), BadRows::default());
        Counting { plan, pool, running, progress, unit, tally, rows: 0, bad, keeping }
    }

    /// Counts the tables of a group one after another.
    fn run(
        mut self,
        group: &Group,
        workers: usize,
        sink: &mut Sink,
        begun: Instant,
    ) -> Result<(Counted, u64), Failure> {
        let mut share_done = false;
        for (number, table) in (self.keeping.first..).zip(&group.tables) {
            let (open, before) = (table.open()?, (self.rows, self.bad.count));
            let counted = self.table(&open, number, workers, sink);
            if counted.is_ok() && (self.rows, self.bad.count) == before && open.may_be_titles_alone() {
                self.bad.titles_alone.get_or_insert_with(|| open.name());
            }
            Failure::pass_by(counted, &mut share_done)?;
        }
        if share_done {
            return Err(Failure::ShareDone);
        }
        let ranges = self.keeping.ranges;
        let (bad, seconds) = (self.bad, begun.elapsed().as_secs_f64());
        Ok((Counted { summary: self.tally.finish(), bad, seconds }, ranges))
    }

    /// Counts a table: by lines as long as these are its rows, and the rest by parts whose rows were looked for.
    fn table(&mut self, table: &Table, number: usize, workers: usize, sink: &mut Sink) -> Result<(), Failure> {
        let (mut lines, mut rest) = (0, None);
        self.keeping.reads = number;
        let by_lines = table.lines(workers)?;
        if !by_lines.is_empty() {
            rest = self.parts(table, by_lines, &format!("table{number}"), sink, &mut lines)?;
            if rest.is_none() {
                return Ok(());
            }
        }
        let parts = table.parts(rest, self.pool, workers, self.running)?;
        // What is counted as rows that were looked for never meets what was counted as lines.
        let stage = if rest.is_some() { format!("table{number}{ROWS}") } else { format!("table{number}") };
        match self.parts(table, parts, &stage, sink, &mut lines)? {
            None => Ok(()),
            Some(from) => Err(Failure::files(CountFault::Quoted { from }.to_string())),
        }
    }

    /// Counts these parts and, of a stream, what comes behind them, from the line `lines` on. Returns where the first begins that is none,
    /// if there is one: behind it nothing is counted.
    fn parts(
        &mut self,
        table: &Table,
        parts: Vec<Piece>,
        stage: &str,
        sink: &mut Sink,
        lines: &mut u64,
    ) -> Result<Option<u64>, Failure> {
        let mut parts = parts.into_iter();
        let sizes = RefCell::new(VecDeque::new());
        let broken = RefCell::new(None);
        let running = self.running;
        let (plan, kept) = (self.plan, self.plan.counts != Counts::Nowhere);
        let jobs = std::iter::from_fn(|| {
            if running.is_stopping() {
                return Some(Next::CutShort);
            }
            let piece = match parts.next() {
                Some(piece) => Ok(Some(piece)),
                None => table.next_batch(),
            };
            let job = |piece| {
                let bytes = table.bytes_of(&piece);
                sizes.borrow_mut().push_back(bytes);
                let job = TableJob {
                    piece,
                    rows: table.reading().clone(),
                    minimum: plan.minimum.clone(),
                    maximum: plan.maximum.clone(),
                    on_bad_row: plan.reading.on_bad_row,
                    kept,
                };
                Next::Task(bytes, job)
            };
            piece.map(|piece| piece.map(job)).unwrap_or_else(|error| {
                *broken.borrow_mut() = Some(error);
                Some(Next::CutShort)
            })
        });
        // Where lines are no rows is the same whoever looks.
        let fate = |answer: &Answer| match answer {
            Ok(Ok(_)) | Err(CountFault::Quoted { .. }) => Fate::Kept,
            Ok(Err(_)) => Fate::Refused,
            Err(_) => Fate::Lost,
        };
        let keeping = self.keeping.run.map(|run| Kept {
            run,
            stage,
            decides: true,
            follows: stage.ends_with(ROWS),
            reads: Some(self.keeping.reads),
        });
        let mut answers = stream(self.pool, keeping, named(COUNT_TABLE, count_table), fate, jobs);
        while let Some(answer) = answers.next()? {
            if let Ok(Err(CountFault::Quoted { from })) = answer {
                return Ok(Some(from));
            }
            let part = self.good(answer, table, *lines)?;
            if let Some(bad) = &part.first_bad {
                self.bad.first.get_or_insert_with(|| table.tell(bad, *lines));
            }
            *lines += part.lines;
            self.bad.count += part.bad;
            let bytes = sizes.borrow_mut().pop_front().unwrap_or_default();
            if self.unit == Unit::Rows {
                self.progress.advance(part.summary.rows);
            } else {
                self.progress.advance(bytes);
                self.running.passes(bytes);
            }
            self.take(part, sink)?;
            // Many more may be on their way; what was taken is whole, and nobody waits for the others.
            self.running.check()?;
        }
        self.keeping.ranges += answers.finish()?;
        drop(answers);
        broken.take().map_or(Ok(None), |error: DataError| Err(error.into()))
    }

    /// The counts of a part, if it has some.
    fn good(&self, answer: Result<Answer, TaskError>, table: &Table, lines: u64) -> Result<PartCounts, Failure> {
        let answer = answer.map_err(|error| {
            let line = table.first_line() + lines;
            let told = format!("{}: the rows from line {line} on were not counted: {error}", table.name());
            Failure::of_task(&error, &told)
        })?;
        answer?.map_err(|bad| Failure::files(format!("{}; {}", table.tell(&bad, lines), bad.fault.remedy())))
    }

    fn take(&mut self, part: PartCounts, sink: &mut Sink) -> Result<(), Failure> {
        let rows = self.rows..self.rows + part.summary.rows;
        self.running.journal().handing_on(|| sink.take(&rows, &part.counts))?;
        self.running.advance(part.summary.rows);
        self.rows = rows.end;
        self.tally.add(&rows, part.summary).map_err(|error| Failure::task(error.to_string()))
    }
}
