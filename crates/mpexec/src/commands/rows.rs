//! `mpexec normalize` and `mpexec common-items`: workers read and work on parts of tables, and their rows are written in order.

mod out;
mod pairs;

use std::any::type_name;
use std::ops::Range;
use std::sync::Arc;

use mpexec::tasks::{ROWS_OF_TABLE, RowsAnswer, RowsJob, RowsWork};
use mpexec_core::Pool;
use mpexec_data::OnBadRow;
use mpexec_runs::{Kept, RunFolder};

use crate::args::When;
use crate::console::Console;
use crate::failure::Failure;
use crate::input::{self, OutputFolder, Outputs, Table, Waiting, same_columns};
use crate::interrupt::{Running, Work};
use crate::keeping::{self, AS_FOR_WORKERS, Computes, Keeping, Looked, MOST_RANGES, RANGE_OF_TABLE, Who};
use crate::pieces::Pieces;
use crate::plan::{CommonItemsPlan, NormalizePlan, Place, PoolPlan};
use crate::progress::{Progress, Unit};
use crate::walk::{BadRows, Walk};
use crate::workforce::{self, For};
use out::{ItemsOut, NumbersOut};
use pairs::Pairs;

/// Scales the rows of all files as one table, or of each as one of its own.
///
/// # Errors
/// The [`Failure`] that ended it early; a file that was to be written and is not complete is absent then.
pub(crate) fn normalize(plan: &NormalizePlan, console: &Arc<Console>, running: &Arc<Running>) -> Result<(), Failure> {
    let file = matches!(plan.output.place, Place::File(_));
    running.is(Work { unit: "rows", verb: "scaled", file }, console);
    let work = RowsWork::Normalize;
    let files = input::files(&plan.files)?;
    let looked = Arc::new(Looked::at(&files, plan.keeping.as_ref())?);
    let outputs = Outputs::named(plan.output.files(&files)?).and(&looked);
    let tables = input::tables(&files, &plan.reading, work.wants(), &outputs)?;
    let _folder = match &plan.output.place {
        Place::File(folder) if plan.output.each.is_some() => Some(OutputFolder::make(folder)?),
        _ => None,
    };
    let run = keep(plan.keeping.as_ref(), &plan.pool, work, &looked, running)?;
    let opened = |group: &Range<usize>| {
        let (tables, output) = (&tables[group.clone()], plan.output.of_input(&files[group.start]));
        let cols = same_columns(tables)?;
        // Rows that are left out would make it fewer.
        let rows = rows_of(tables).filter(|_| plan.reading.on_bad_row != OnBadRow::Skip);
        NumbersOut::open(&output, tables[0].titles(), cols, rows)
    };
    let together = if plan.output.each.is_some() { 1 } else { tables.len().max(1) };
    let groups = (0..tables.len()).step_by(together).map(|first| first..first + together);
    let groups: Vec<Range<usize>> = groups.collect();
    // What cannot be written is told before anything is done.
    let mut first = groups.first().map(opened).transpose()?;
    let pool = start(&plan.pool, &tables, run.is_some(), console, running)?;
    let printing = plan.output.place == Place::Stdout;
    let mut progress = progress(&tables, plan.progress, printing, console, running);
    let mut bad = BadRows::default();
    let mut ranges = 0;
    let mut share_done = false;
    let mut one = |number: usize, out: &mut NumbersOut| {
        let stage = stage(number);
        let kept =
            run.as_ref().map(|run| Kept { run, stage: &stage, decides: false, follows: false, reads: Some(number) });
        let table = tables[number].open()?;
        let mut walk = Walk::begin(&table, work, plan.reading.on_bad_row, &pool, kept, running)?;
        while let Some((part, bytes)) = walk.next(&mut bad)? {
            running.journal().handing_on(|| out.take(&part.numbers, part.part.rows))?;
            running.advance(part.part.rows);
            progress.advance(bytes);
            running.passes(bytes);
        }
        ranges += walk.finish()?;
        Ok(())
    };
    let mut last = None;
    let done = groups.iter().try_for_each(|group| {
        let mut out = first.take().map_or_else(|| opened(group), Ok)?;
        group.clone().try_for_each(|number| Failure::pass_by(one(number, &mut out), &mut share_done))?;
        // The last one appears when all is done.
        let before = last.replace((group.start, out));
        before
            .map_or(Ok(()), |(input, out)| running.input_holds(input).and_then(|()| running.named(out.finish(running))))
    });
    let done = done.and(if share_done { Err(Failure::ShareDone) } else { Ok(()) });
    drop(progress);
    workforce::hear_out(&pool, console);
    done.and_then(|()| running.finish())?;
    running.named(last.map_or(Ok(()), |(_, out)| out.finish(running)))?;
    run.map_or(Ok(()), |run| keeping::done(&run, ranges))?;
    bad.tell(&plan.reading, console);
    Ok(())
}

/// Finds the common items of the rows of two files.
///
/// # Errors
/// The [`Failure`] that ended it early; a file that was to be written is absent then.
pub(crate) fn common_items(
    plan: &CommonItemsPlan,
    console: &Arc<Console>,
    running: &Arc<Running>,
) -> Result<(), Failure> {
    let file = matches!(plan.output.place, Place::File(_));
    running.is(Work { unit: "rows", verb: "compared", file }, console);
    let work = RowsWork::Items;
    // Either may be a folder, whose files are one table.
    let sides = [input::files(&plan.files[..1])?, input::files(&plan.files[1..])?];
    let files = sides.concat();
    let looked = Arc::new(Looked::at(&files, plan.keeping.as_ref())?);
    let outputs = Outputs::named(plan.output.files(&[])?).and(&looked);
    let tables = input::tables(&files, &plan.reading, work.wants(), &outputs)?;
    let opened = tables.iter().map(Waiting::open).collect::<Result<Vec<_>, _>>()?;
    let opened: Vec<&Table> = opened.iter().map(|table| &**table).collect();
    let run = keep(plan.keeping.as_ref(), &plan.pool, work, &looked, running)?;
    let mut out = ItemsOut::open(&plan.output)?;
    let pool = start(&plan.pool, &tables, run.is_some(), console, running)?;
    let printing = plan.output.place == Place::Stdout;
    let mut progress = progress(&tables, plan.progress, printing, console, running);
    let mut bad = BadRows::default();
    let walk = |number: usize| {
        let stage = stage(number);
        let kept =
            run.as_ref().map(|run| Kept { run, stage: &stage, decides: false, follows: false, reads: Some(number) });
        Walk::begin(opened[number], work, plan.reading.on_bad_row, &pool, kept, running)
    };
    let (first, all) = (sides[0].len(), files.len());
    let mut ranges = 0;
    let mut of_pairs = || {
        let mut pairs = Pairs::of([0..first, first..all], walk)?;
        while let Some((rows, bytes)) = pairs.next(&mut bad)? {
            running.journal().handing_on(|| rows.iter().try_for_each(|row| out.take(row.as_deref())))?;
            running.advance(rows.len() as u64);
            progress.advance(bytes);
            running.passes(bytes);
        }
        ranges = pairs.finish()?;
        Ok(())
    };
    let done = match plan.keeping.as_ref().map(|keeping| &keeping.who) {
        // A share of both, neither of which waits for the other.
        Some(Who::Share(_)) => (0..all).try_for_each(|number| walk(number).and_then(share_of)),
        _ => of_pairs(),
    };
    drop(progress);
    workforce::hear_out(&pool, console);
    done.and_then(|()| running.finish())?;
    running.named(out.finish(running))?;
    run.map_or(Ok(()), |run| keeping::done(&run, ranges))?;
    bad.tell(&plan.reading, console);
    Ok(())
}

/// Computes what is of this share of the rows of a table.
fn share_of(mut walk: Walk<'_>) -> Result<(), Failure> {
    loop {
        match walk.next(&mut BadRows::default()) {
            Ok(Some(_)) => {}
            Ok(None) | Err(Failure::ShareDone) => return Ok(()),
            Err(failure) => return Err(failure),
        }
    }
}

/// Opens the run folder, if one was asked for.
fn keep(
    keeping: Option<&Keeping>,
    pool: &PoolPlan,
    work: RowsWork,
    inputs: &Looked,
    running: &Arc<Running>,
) -> Result<Option<Arc<RunFolder>>, Failure> {
    let signature = format!("{} -> {}", type_name::<RowsJob>(), type_name::<RowsAnswer>());
    let worker = pool.table_worker.as_deref();
    let task = match work {
        RowsWork::Normalize => format!("{ROWS_OF_TABLE} normalize"),
        RowsWork::Items => format!("{ROWS_OF_TABLE} items"),
    };
    let what = Computes { task: &task, signature, worker, inputs, range: RANGE_OF_TABLE, most: MOST_RANGES };
    keeping.map(|keeping| keeping.open(&what, running)).transpose()
}

/// What the results of a table are called.
fn stage(table: usize) -> String {
    format!("table{table}")
}

fn rows_of(tables: &[Waiting]) -> Option<u64> {
    tables.iter().map(Waiting::rows).sum()
}

fn start(
    plan: &PoolPlan,
    tables: &[Waiting],
    kept: bool,
    console: &Arc<Console>,
    running: &Arc<Running>,
) -> Result<Arc<Pool>, Failure> {
    // Of a stream nobody knows the length, so no worker is too many.
    let pieces = |workers| {
        let workers = if kept { AS_FOR_WORKERS } else { workers };
        tables.iter().map(|table| table.pieces(workers)).sum::<Option<u64>>().unwrap_or(u64::MAX)
    };
    let (workers, _) = workforce::size(plan.workers, console, |workers| Pieces::single(pieces(workers)));
    running.check()?;
    let pool = Arc::new(workforce::start(plan, For::Tables, workers, console)?);
    running.holds(Arc::clone(&pool));
    running.begin(rows_of(tables));
    Ok(pool)
}

fn progress(tables: &[Waiting], when: When, printing: bool, console: &Arc<Console>, running: &Running) -> Progress {
    let all = tables.iter().map(Waiting::bytes).sum::<Option<u64>>();
    running.steps("read", Unit::Bytes.name(), all);
    Progress::start(console, when, Unit::Bytes, all.unwrap_or_default(), printing)
}
