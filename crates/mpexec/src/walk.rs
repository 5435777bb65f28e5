//! The rows of tables as workers read them: part by part and in order, with lines and bad rows numbered through.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use mpexec::tasks::{CountFault, ROWS_OF_TABLE, RowsAnswer, RowsJob, RowsPart, RowsWork, rows_of_table};
use mpexec_core::{Pool, named};
use mpexec_data::{DataError, OnBadRow};
use mpexec_runs::{Fate, Kept, Next, Stream, stream};

use crate::console::{Console, Level};
use crate::failure::Failure;
use crate::input::Table;
use crate::interrupt::Running;
use crate::keeping::AS_FOR_WORKERS;
use crate::numbers::grouped;
use crate::plan::Reading;

/// What is to be told of the rows of all tables of a command: those that are bad, and where there are none.
#[derive(Debug, Default)]
pub(crate) struct BadRows {
    pub(crate) count: u64,
    pub(crate) first: Option<String>,
    /// The first table that has no rows because its only one was taken for titles.
    pub(crate) titles_alone: Option<String>,
}

impl BadRows {
    /// Says it at the end.
    pub(crate) fn tell(&self, reading: &Reading, console: &Console) {
        if let Some(first) = &self.first {
            let (rows, told) = (if self.count == 1 { "row was" } else { "rows were" }, reading.told());
            console.note(Level::Normal, &format!("{} bad {rows} {told}; the first: {first}", grouped(self.count)));
        }
        if let Some(name) = &self.titles_alone {
            let line = "has no rows, for its only one is taken for titles; --header no makes it a row";
            console.note(Level::Normal, &format!("{name}: {line}"));
        }
    }
}

/// What a worker answers for one part.
type Answer = Result<RowsAnswer, CountFault>;

/// The parts of one table, to be taken one after another.
pub(crate) struct Walk<'a> {
    table: &'a Table,
    running: &'a Running,
    answers: Stream<'a, Answer>,
    /// The bytes of the parts that are on their way.
    sizes: Rc<RefCell<VecDeque<u64>>>,
    broken: Rc<RefCell<Option<DataError>>>,
    /// The line ends before the next part.
    lines: u64,
    /// The rows so far, also those that were left out.
    rows: u64,
}

impl<'a> Walk<'a> {
    /// Begins at the first row.
    ///
    /// # Errors
    /// Those of [`Table::parts`].
    pub(crate) fn begin(
        table: &'a Table,
        work: RowsWork,
        on_bad_row: OnBadRow,
        pool: &'a Pool,
        kept: Option<Kept<'_>>,
        running: &'a Running,
    ) -> Result<Walk<'a>, Failure> {
        // What is kept is cut in the same way whoever computes it.
        let workers = kept.map_or(pool.workers(), |_| AS_FOR_WORKERS);
        let mut parts = table.parts(None, pool, workers, running)?.into_iter();
        let sizes = Rc::new(RefCell::new(VecDeque::new()));
        let broken = Rc::new(RefCell::new(None));
        let (told, sized) = (Rc::clone(&broken), Rc::clone(&sizes));
        let pieces = std::iter::from_fn(move || {
            if running.is_stopping() {
                return Some(Next::CutShort);
            }
            let piece = match parts.next() {
                Some(piece) => Ok(Some(piece)),
                None => table.next_batch(),
            };
            match piece {
                Ok(piece) => piece.map(|piece| {
                    let bytes = table.bytes_of(&piece);
                    sized.borrow_mut().push_back(bytes);
                    Next::Task(bytes, RowsJob { piece, rows: table.reading().clone(), on_bad_row, work })
                }),
                Err(error) => {
                    *told.borrow_mut() = Some(error);
                    Some(Next::CutShort)
                }
            }
        });
        let fate = |answer: &Answer| match answer {
            Ok(Ok(_)) => Fate::Kept,
            Ok(Err(_)) => Fate::Refused,
            Err(_) => Fate::Lost,
        };
        let answers = stream(pool, kept, named(ROWS_OF_TABLE, rows_of_table), fate, pieces);
        Ok(Walk { table, running, answers, sizes, broken, lines: 0, rows: 0 })
    }

    /// What the table is called.
    pub(crate) fn name(&self) -> String {
        self.table.name()
    }

    /// The next part and its bytes; `None` behind the last.
    ///
    /// # Errors
    /// The [`Failure`] that ends the work.
    pub(crate) fn next(&mut self, bad: &mut BadRows) -> Result<Option<(RowsPart, u64)>, Failure> {
        self.running.check()?;
        let Some(answer) = self.answers.next()? else {
            if self.rows == 0 && self.table.may_be_titles_alone() {
                bad.titles_alone.get_or_insert_with(|| self.table.name());
            }
            return self.broken.take().map_or(Ok(None), |error| Err(error.into()));
        };
        let answer = answer.map_err(|error| {
            let line = self.table.first_line() + self.lines;
            let told = format!("{}: the rows from line {line} on were not read: {error}", self.table.name());
            Failure::of_task(&error, &told)
        })?;
        let rows = answer?
            .map_err(|bad| Failure::files(format!("{}; {}", self.table.tell(&bad, self.lines), bad.fault.remedy())))?;
        if let Some(first) = &rows.part.first_bad {
            bad.first.get_or_insert_with(|| self.table.tell(first, self.lines));
        }
        bad.count += rows.part.bad;
        self.lines += rows.part.lines;
        self.rows += rows.part.rows + rows.part.left_out.len() as u64;
        self.running.check()?;
        Ok(Some((rows, self.sizes.borrow_mut().pop_front().unwrap_or_default())))
    }

    /// Behind the last part: how many ranges of a run folder it was, all of them published.
    ///
    /// # Errors
    /// A [`Failure`] of the run folder.
    pub(crate) fn finish(&mut self) -> Result<u64, Failure> {
        Ok(self.answers.finish()?)
    }
}
